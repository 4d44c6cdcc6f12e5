"""Files are read as sentences of words, and what does not fit is named with its line."""

import os
import warnings
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.read import TaggedSentence, find_tags, read_sentences, settle_tags, words_of


def read(path):
    return list(read_sentences(path, Columns(), labelled=True))


def write(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_sentences_end_at_blank_lines_and_documents_at_their_marks(tmp_path):
    path = write(tmp_path, "-DOCSTART- -X- O O\n\nWest NNP B-MISC\nIndian\tJJ\tI-MISC\n\n\n. O")
    assert read(path) == [
        TaggedSentence(3, ("West", "Indian"), ("B-MISC", "I-MISC")),
        TaggedSentence(7, (".",), ("O",)),
    ]


def test_a_word_may_hold_white_space_that_separates_no_columns(tmp_path):
    path = write(tmp_path, "10\u00a0000 B-X\nNew York\tB-LOC\nof   O \n\u3000\tO\n")
    (sentence,) = read(path)
    assert sentence.words == ("10\u00a0000", "New York", "of", "\u3000")
    assert sentence.tags == ("B-X", "B-LOC", "O", "O")


def test_bioes_is_read_too(tmp_path):
    (sentence,) = read(write(tmp_path, "a B-X\nb I-X\nc E-X\nd S-Y\n"))
    assert sentence.tags == ("B-X", "I-X", "E-X", "S-Y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\n\tNN\tO\n", "line 2: 'NN\\\\tO' has no word in column 1"),
        ("a O\nb\n", r"line 2: 'b' has no tag"),
        ("a O\nb NN NP\n", r"line 2: 'b NN NP' has 3 columns, and the first line has 2"),
        ("\n\n", "holds no sentences"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"a\.txt: {message}"):
        read(write(tmp_path, text))


def test_tags_come_by_type_after_o(tmp_path):
    sentences = read(write(tmp_path, "a B-X\nb I-X\n\nc B-A\nd O\n"))
    assert find_tags(sentences, "here") == ["O", "B-A", "B-X", "I-X"]
    with pytest.raises(InputError, match="here: all words are tagged O"):
        find_tags([TaggedSentence(1, ("a",), ("O",))], "here")


def test_plain_texts_are_split_into_words_and_have_no_tags(tmp_path):
    path = write(tmp_path, "Visit London.\n\nNow!\n")
    with pytest.warns(UserWarning, match="each line is a text"):
        sentences = list(read_sentences(path, Columns(), labelled=False))
    assert sentences == [
        TaggedSentence(1, ("Visit", "London", "."), ()), TaggedSentence(2, (), ()), TaggedSentence(3, ("Now", "!"), ()),
    ]  # fmt: skip


def test_conll2003_is_read_to_the_last_sentence():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    folder = Path(os.environ["BERT_DATA"], "conll2003")
    training, dev = (read(folder / f"{name}.txt") for name in ("train", "valid"))
    assert (len(training), len(dev)) == (14_041, 3_250)
    assert len(find_tags(training, "train")) == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Visit London, (England)!", "Visit London , ( England ) !"),
        ("P. Johnson of Chester-le-Street's U.S. team", "P. Johnson of Chester-le-Street's U.S. team"),
        ('He said: "It ends."', 'He said : " It ends . "'),
        ("... a '' ( 1-0 ) -- b .", "... a '' ( 1-0 ) -- b ."),
        ("\u4ed6\u5728Rome\u3002", "\u4ed6 \u5728 Rome \u3002"),
        ("", ""),
    ],
)
def test_words_of_a_text_are_those_that_a_person_would_tag(text, words):
    assert [text[start:end] for start, end in words_of(text)] == words.split()


# ---- all files of a task ----


def settle(tmp_path, **files):
    """The tags of each set, and the notes."""
    sets = {}
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace(" ", "\n").replace("/", " ") + "\n", encoding="utf-8")
        sets[name] = (name, read(tmp_path / name))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        settled = settle_tags(sets)
    tags = {name: " ".join(tag for sentence in each for tag in sentence.tags) for name, (_, each) in settled.items()}
    return tags, [str(warning.message) for warning in caught]


def test_a_scheme_is_learned_as_another_and_its_entities_and_odd_tags_are_counted(tmp_path):
    tags, notes = settle(tmp_path, train="a/I-X b/I-X c/B-X d/O e/I-Y", dev="a/O b/I-X")
    assert tags == {"train": "B-X I-X B-X O B-Y", "dev": "O B-X"}
    assert notes == [
        "train: the tags are in IOB1, learned as IOB2; entities: 3",
        "dev: the tags are in IOB1, learned as IOB2; entities: 1",
    ]
    tags, notes = settle(tmp_path, train="a/B-X b/I-X c/O d/B-X e/I-Y")
    assert tags == {"train": "B-X I-X O B-X B-Y"}
    assert notes == [
        "train: the tags are in IOB2; entities: 3; odd tags, read as conlleval reads them: 1 (such as I after O in "
        "IOB2)"
    ]


def test_a_file_in_another_scheme_than_the_training_file_is_read_in_its_own_and_said_so(tmp_path):
    tags, notes = settle(tmp_path, train="a/B-X b/L-X c/U-X d/O", dev="a/B-X b/I-X c/B-X d/O", test="a/O")
    assert tags == {"train": "B-X E-X S-X O", "dev": "B-X E-X S-X O", "test": "O"}
    assert notes[1] == "dev: the tags are in IOB2, learned as BIOES; entities: 2; the training file is in BILOU"
    assert "BILOU, learned as BIOES; entities: 0" in notes[2]


def test_tags_that_mark_no_entities_stay_as_they_are(tmp_path):
    tags, notes = settle(tmp_path, train="a/DET b/NOUN", dev="a/NOUN")
    assert tags == {"train": "DET NOUN", "dev": "NOUN"}
    assert notes == ["train: the tags mark no entities, so that the accuracy of tags is measured"]


def test_a_stray_tag_among_those_of_a_scheme_is_named_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"train: line 3: the tag 'LOC' does not fit IOB2, .*: O, B-TYPE, I-TYPE"):
        settle(tmp_path, train="a/B-X b/I-X c/LOC d/B-X")
    with pytest.raises(InputError, match="dev: line 1: the tag 'S-X' does not fit IOB2"):
        settle(tmp_path, train="a/B-X b/O", dev="a/S-X b/NN")


def test_labels_are_ordered_by_type_or_by_name_and_have_to_differ():
    def tags_of(*tags):
        return find_tags([TaggedSentence(1, ("a",) * len(tags), tags)], "here")

    assert tags_of("I", "B") == ["O", "B", "I"]
    assert tags_of("B-X") == ["O", "B-X"]
    assert tags_of("NOUN", "DET") == ["DET", "NOUN"]
    with pytest.raises(InputError, match="here: all words are tagged DET, so that there is nothing to learn"):
        tags_of("DET", "DET")
    with pytest.raises(InputError, match=r"1,001 different tags of 1,001 words .*--tag-column"):
        tags_of(*(f"lemma{number}" for number in range(1_001)))


# ---- files to predict for ----


@pytest.mark.parametrize(
    ("name", "text", "columns", "words"),
    [
        ("a.txt", "West B-X\nHam I-X\n", Columns(), ["West Ham"]),
        ("a.txt", "West B-X\nHam I-X\n", Columns(is_table=True), ["West B-X", "Ham I-X"]),
        ("a.txt", "It rained.\nGood night\n", Columns(), ["It rained .", "Good night"]),
        ("a.txt", "West\nHam\n", Columns(), ["West", "Ham"]),
        ("a.txt", "West\nHam\n", Columns(is_table=False), ["West Ham"]),
        ("a.txt", "x West\ny Ham\n", Columns(word="2", is_table=False), ["West Ham"]),
        ("a.conll", "It rained .\nGood night .\n", Columns(), ["It Good"]),
        ("a.tsv", "text\tlabel\nWest Ham\tO\n", Columns(), ["West Ham"]),
        ("a.tsv", "1\tWest\tO\n2\tHam\tO\n", Columns(), ["West Ham"]),
        ("a.tsv", "West\tO\nHam\tO\n", Columns("1", header=False, is_table=True), ["West", "Ham"]),
        ("a.csv", "text,b\nWest Ham,\n", Columns(), ["West Ham"]),
        ("a.csv", "West\tB-X\nHam\tI-X\n", Columns(word="1", is_table=False), ["West Ham"]),
        ("a.jsonl", '{"text": "West Ham."}', Columns(), ["West Ham ."]),
        ("a.jsonl", '{"tokens": ["West Ham", "."]}', Columns(), ["West Ham ."]),
        ("a.json", '{"tokens": ["It"], "text": "West"}', Columns(is_table=True), ["West"]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_to_predict_for_has_words_or_texts(tmp_path, name, text, columns, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = list(read_sentences(tmp_path / name, columns, labelled=False))
    assert [" ".join(sentence.words) for sentence in found] == words
    assert not any(sentence.tags for sentence in found)


def test_words_that_a_flag_names_have_to_be_there(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "West Ham"}\n')
    with pytest.raises(InputError, match="has no words"):
        list(read_sentences(tmp_path / "a.jsonl", Columns(word="pieces", is_table=False), labelled=False))


def test_which_of_the_two_a_file_has_is_said(tmp_path):
    path = write(tmp_path, "West B-X\nHam I-X\n")
    with pytest.warns(UserWarning, match=r"a\.txt: a line has a word, in column 1 \(see --word"):
        list(read_sentences(path, Columns(), labelled=False))
    path = write(tmp_path, "West Ham won.\n")
    with pytest.warns(UserWarning, match=r"a\.txt: each line is a text"):
        list(read_sentences(path, Columns(), labelled=False))


def test_json_lines_are_read_to_train_on(tmp_path):
    (tmp_path / "a.json").write_text('{"tokens": ["West", "Ham"], "ner_tags": ["B-X", "I-X"]}\n')
    assert read(tmp_path / "a.json") == [TaggedSentence(1, ("West", "Ham"), ("B-X", "I-X"))]
