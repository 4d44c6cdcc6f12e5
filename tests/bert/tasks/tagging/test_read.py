"""Files are read as sentences of words, and what does not fit is named with its line."""

import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.read import TaggedSentence, find_tags, read_sentences, words_of


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
    assert list(read_sentences(path, Columns(), labelled=False)) == [
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
