"""How a run writes: by the flags, else as it was trained, else as usual. What does not fit the model is named."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bert.commands.reading import reading_of
from bert.commands.writing import with_flags, writing_of_run
from bert.errors import InputError
from bert.generation.decoding import Decoding
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.commands.writers import DECODING, SOURCE, SPECIAL, TARGET, save_run

SAMPLING = Decoding(max_length=12, sample=True, temperature=0.7, top_p=0.9, seed=3)
BEAMS = Decoding(max_length=12, beams=4, length_penalty=1.0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def run(saved, tmp_path):
    for file in Path(saved).rglob("*.*"):
        copy = tmp_path / file.relative_to(saved)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return tmp_path


def change(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def writing(run, **given):
    return reading_of(run, "a.txt", given).options.writing


def test_a_run_writes_as_it_was_trained(run):
    assert (writing(run).decoding, writing(run).max_length) == (DECODING, 13)
    assert writing(run).tokenizer.fingerprint == TARGET.fingerprint != SOURCE.fingerprint
    assert reading_of(run, "a.jsonl", {}).columns.history == 3


def test_a_run_that_does_not_say_how_writes_as_usual(run):
    change(run / "task.json", decoding={"max_length": 5, "of a later version": 1})
    assert writing(run).decoding == Decoding(max_length=5)
    (run / "task.json").unlink()
    assert (writing(run).decoding, writing(run).max_length) == (Decoding(max_length=28, beams=4), 29)
    assert writing(run, max_output=7).decoding == Decoding(max_length=7, beams=4)


@pytest.mark.parametrize(
    "values",
    [
        {"decoding": []}, {"decoding": {"beams": 0}}, {"decoding": {"sample": "yes"}}, {"decoding": {"top_p": "1"}},
        {"decoding": {"max_length": 29}}, {"decoding": {"beams": 2, "sample": True}}, {"max_target_length": 1},
        {"max_target_length": None}, {"decoding": {"length_penalty": [1]}}, {"decoding": {"max_length": 10**30}},
        {"columns": {"history": 0}}, {"columns": {"history": "3"}}, {"decoding": None},
    ],
)  # fmt: skip
def test_a_damaged_task_is_one_sentence(run, values):
    change(run / "task.json", **values)
    with pytest.raises(InputError, match=r"task\.json: .*; put back what fine-tuning wrote"):
        reading_of(run, "a.txt", {})


def test_vocabularies_and_model_must_belong_together(run):
    pieces = [*TARGET.vocabulary, "1"]
    (run / "target" / "tokenizer.json").unlink()  # which counts before vocab.txt
    (run / "target/vocab.txt").write_text("\n".join(pieces))
    with pytest.raises(InputError, match=r"of the targets: the vocabulary has 32 pieces, but the model .* for 31"):
        writing(run)
    (run / "target/tokenizer_config.json").unlink()  # which knows the places of special tokens
    (run / "target/vocab.txt").write_text("\n".join([pieces[3], *pieces[:3], *pieces[4:-1]]))
    with pytest.raises(InputError, match=r"\[CLS\] is piece 3 of the targets' vocabulary, but config.json says 2"):
        writing(run)
    (run / "target/vocab.txt").unlink()
    with pytest.raises(InputError, match="target: holds no vocabulary"):
        writing(run)


def test_the_targets_vocabulary_may_be_the_sources(run, tmp_path):
    tokenizer = WordPieceTokenizer([*SPECIAL, "a"])
    save_run(tmp_path / "same", target=tokenizer)
    assert writing(tmp_path / "same").tokenizer.fingerprint == tokenizer.fingerprint
    for file in (tmp_path / "same/target").iterdir():
        file.unlink()
    (tmp_path / "same/target").rmdir()
    (tmp_path / "same/tokenizer.json").unlink()  # which counts before vocab.txt
    (tmp_path / "same/vocab.txt").write_text("\n".join(TARGET.vocabulary))
    assert writing(tmp_path / "same").tokenizer.vocab_size == 31


def test_another_kind_of_run_writes_nothing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert reading_of(tmp_path, "a.txt", {}).options.writing is None


@pytest.mark.parametrize(
    ("saved", "given", "expected"),
    [
        (BEAMS, {}, {}),
        (BEAMS, {"min_output": 2, "no_repeat_ngram": 3}, {"min_length": 2, "no_repeat_ngram": 3}),
        (BEAMS, {"length_penalty": 0.0}, {"length_penalty": 0.0}),
        (BEAMS, {"beams": 2}, {"beams": 2}),
        (BEAMS, {"beams": 1}, {"beams": 1, "length_penalty": None}),
        (BEAMS, {"sample": True, "seed": 0}, {"beams": 1, "length_penalty": None, "sample": True, "seed": 0}),
        (BEAMS, {"sample": False}, {}),
        (SAMPLING, {"top_p": 0.5}, {"top_p": 0.5}),
        (SAMPLING, {"sample": True}, {}),
        (SAMPLING, {"sample": False}, asdict(Decoding(max_length=12))),
        (SAMPLING, {"beams": 3}, asdict(Decoding(max_length=12, beams=3))),
    ],
)
def test_a_flag_for_one_way_of_writing_puts_the_others_settings_aside(saved, given, expected):
    assert with_flags(saved, given | {"max_output": None}, positions=13) == Decoding(**asdict(saved) | expected)


@pytest.mark.parametrize(
    ("saved", "given", "message"),
    [
        (BEAMS, {"max_output": 13}, "^--max-output is 13, but the decoder has 13 positions, one of them for"),
        (SAMPLING, {"beams": 3, "temperature": 2.0}, "^--temperature is 2.0, but nothing is drawn at random"),
        (BEAMS, {"no_repeat_ngram": -1}, "^--no-repeat-ngram is -1; a whole number from 0"),
        (BEAMS, {"min_output": 13}, "^--min-output is 13 and --max-output 12; the minimum must"),
    ],
)
def test_what_does_not_fit_together_is_said_by_the_flags_names(saved, given, message):
    with pytest.raises(InputError, match=message):
        with_flags(saved, given, positions=13)


def test_what_is_written_does_not_change_the_runs_settings(run):
    before = vars(writing(run).decoding)
    writing_of_run(run, {"decoding": before}, "task.json", {"beams": 1})
    assert before == vars(DECODING)


def test_a_maximum_below_the_runs_minimum_lowers_it_too():
    saved = Decoding(max_length=20, min_length=10)
    assert with_flags(saved, {"max_output": 5}, positions=30) == Decoding(max_length=5, min_length=5)
    with pytest.raises(InputError, match=r"^--min-output is 7 and --max-output 5"):
        with_flags(saved, {"max_output": 5, "min_output": 7}, positions=30)
