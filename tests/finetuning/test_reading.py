"""Reading a tagging task from files: columns, scheme and metric are found, and said."""

import pytest

from bert.errors import InputError
from bert.tokenization.wordpiece import WordPieceTokenizer
from finetuning.reading import read_task
from finetuning.settings import read_settings

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])


def task_of(path, *flags):
    """The task, and what was said."""
    arguments = ["--problem", "tagging", "--train", str(path), "--dev", str(path), "--output", str(path.parent / "run")]
    notes: list[str] = []
    reading = read_task(read_settings([*arguments, "--max-length", "16", *flags]), TOKENIZER, notes.append)
    return reading, notes


def test_entities_of_a_published_file_are_read_and_counted_in_a_note(tmp_path):
    path = tmp_path / "eng.train"
    path.write_text("-DOCSTART- -X- O O\n\na NN I-NP I-PER\nb NN I-NP I-PER\nc NN I-NP B-PER\n\nc . O O\n")
    reading, notes = task_of(path)
    assert [sentence.tags for sentence in reading.task.sets["dev"].examples] == [("B-PER", "I-PER", "B-PER"), ("O",)]
    assert (reading.task.labels, reading.metric) == (("O", "B-PER", "I-PER"), "f1")
    assert reading.task.options.fitting_tags
    assert notes[0] == f"Note: {path}: the tags are in IOB1, learned as IOB2; entities: 2."


def test_parts_of_speech_are_plain_tags_measured_by_accuracy(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a DET B-NP\nb NOUN I-NP\n\nc VERB O\n")
    reading, notes = task_of(path, "--tag-column", "2")
    assert (reading.task.labels, reading.metric) == (("DET", "NOUN", "VERB"), "accuracy")
    assert not reading.task.options.fitting_tags
    assert (reading.columns.word, reading.columns.tag) == (None, "2")
    assert "mark no entities" in notes[0]
    assert task_of(path, "--tag-column", "-1", "--word-column", "2")[0].task.sets["dev"].examples[0].words[0] == "DET"


def test_flags_about_columns_of_words_are_those_of_taggers(tmp_path):
    with pytest.raises(InputError, match="--tag-column: it would change nothing in this kind of task"):
        read_settings(["--train", "a.tsv", "--tag-column", "2"])
    with pytest.raises(InputError, match="--word-column is about a file"):
        read_settings(["--word-column", "2"])
