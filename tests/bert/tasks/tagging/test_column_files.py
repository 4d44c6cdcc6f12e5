"""Column files: their form is seen from their first lines, and words are never numbers or comments."""

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.column_files import find_form, looks_like_columns, read_columns

CONLL = "-DOCSTART- -X- O O\n\nWest NNP I-NP I-MISC\nHam NNP I-NP I-MISC\n\nwon VBD I-VP O\n. . O O\n"
GERMEVAL = "#\thttp://de [2009]\n1\tWest\tB-LOC\tO\n2\tham\tO\tO\n\n#\thttp://de [2010]\n1\t#\tO\tO\n2\t2\tO\tB-LOC\n"
NEURO_NLP2 = "1 West NNP B-NP B-LOC\n2 ham NN I-NP O\n\n1 2 CD B-NP O\n2 won VBD B-VP O\n"
UD = (
    "# sent_id = 1\n# text = du vin\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\tIN\t_\t3\tcase\t_\t_\n"
    "2\tle\tle\tDET\tDT\t_\t3\tdet\t_\t_\n2.1\tbon\tbon\tADJ\t_\t_\t_\t_\t_\t_\n3\tvin\tvin\tNOUN\tNN\t_\t0\troot\t_\t_\n"
)
MULTICONER = "# id 12 domain=train\nwest _ _ B-LOC\nham _ _ O\n\n# id 13 domain=train\n# _ _ O\nwon _ _ O\n"
HASH = "# O\nWest B-LOC\n\n# O\nham O\n"


def lines_of(text):
    return list(enumerate(text.split("\n"), 1))


def read(text, labelled=True, **columns):
    lines = lines_of(text)
    form = find_form(lines, Columns(**columns), "a")
    return [(each.line, " ".join(each.words), " ".join(each.tags)) for each in read_columns(lines, form, labelled, "a")]


@pytest.mark.parametrize(
    ("text", "sentences", "note"),
    [
        (CONLL, [(3, "West Ham", "I-MISC I-MISC"), (6, "won .", "O O")], ""),
        (GERMEVAL, [(2, "West ham", "B-LOC O"), (6, "# 2", "O O")], "GermEval"),
        (GERMEVAL.replace("#\thttp://de [2009]\n", ""), [(1, "West ham", "B-LOC O"), (5, "# 2", "O O")], "GermEval"),
        (NEURO_NLP2, [(1, "West ham", "B-LOC O"), (4, "2 won", "O O")], "after their numbers"),
        (NEURO_NLP2.replace("1 2", "0 2").replace("1 W", "0 W").replace("2 h", "1 h").replace("2 w", "1 w"),
         [(1, "West ham", "B-LOC O"), (4, "2 won", "O O")], "after their numbers"),
        (UD, [(4, "de le vin", "ADP DET NOUN")], "CoNLL-U"),
        (MULTICONER, [(2, "west ham", "B-LOC O"), (6, "# won", "O O")], ""),
        (HASH, [(1, "# West", "O B-LOC"), (4, "# ham", "O O")], ""),
        ("1 NN B-A\n2 NN O\n", [(1, "NN NN", "B-A O")], "after their numbers"),
        ("1\tWest\tNN\tO\n2\tham\tNN\tO\n", [(1, "West ham", "O O")], "after their numbers"),  # not GermEval's four
    ],
)  # fmt: skip
def test_each_published_form_is_seen_and_has_its_words_and_tags(text, sentences, note):
    assert read(text) == sentences
    found = find_form(lines_of(text), Columns(), "a").note
    assert note in found and bool(note) == bool(found)


def test_a_sentence_whose_numbers_are_wrong_does_not_hide_that_words_are_numbered():
    *_, last = read(f"{NEURO_NLP2}\n" * 9 + "1 a O\n1 b O\n")
    assert last == (55, "a b", "O O")


def test_flags_go_before_the_form():
    assert read(CONLL, tag="2")[0] == (3, "West Ham", "NNP NNP")
    assert read(CONLL, word="3", tag="last")[0] == (3, "I-NP I-NP", "I-MISC I-MISC")
    assert read(GERMEVAL, tag="-1")[1] == (6, "# 2", "O B-LOC")
    assert read(UD, tag="5") == [(4, "de le vin", "IN DT NN")]
    assert read("1 CD\n9 CD\n", word="1") == [(1, "1 9", "CD CD")]
    assert read("B-LOC West\nO ham\n", word="-1", tag="1") == [(1, "West ham", "B-LOC O")]
    assert read("b-loc\t\tWest\t\n", word="3", tag="1") == [(1, "West", "b-loc")]  # tabs keep empty columns


def test_tags_need_not_be_there_if_they_are_not_read():
    assert read("West\nham\n\nwon\n", labelled=False) == [(1, "West ham", ""), (4, "won", "")]
    assert read("1\tWest\n2\tham\n", labelled=False) == [(1, "West ham", "")]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a O\nb\n", {}, "a: line 2: 'b' has no tag"),
        ("a O\n", {"tag": "3"}, "a: line 1: 'a O' has no tag"),
        ("a O\n", {"word": "3"}, "a: line 1: 'a O' has no word in column 3"),
        ("1 NN\n9 NN\n\n7 NN\n", {}, r"a: column 1 was expected to have words, .* numbers \(1, 9, 7\)"),
        ("a\t\tO\n", {"tag": "2"}, "has no tag"),
        ("a O\n", {"word": "2"}, "'a O' has no tag"),
        ("a O\n", {"word": "0"}, "--word-column 0: the number of a column was expected"),
        ("a O\n", {"tag": "tags"}, "--tag-column tags: the number of a column was expected"),
        ("a O\n", {"tag": "1"}, "--word-column and --tag-column are both 1"),
        ("a O X\n", {"word": "2", "tag": "2"}, "--word-column and --tag-column are both 2"),
        ("1 a O\n2 b O\n" + "\n" * 10_000 + "x b O\n", {}, "'x b O' does not begin with a word's number"),
        ("The river moves.\nIt is cold today.\n", {}, "line 2: .* has 4 columns, and the first line has 3"),
    ],
)
def test_a_line_that_does_not_fit_is_named(text, columns, message):
    lines = lines_of(text)
    with pytest.raises(InputError, match=message):
        list(read_columns(lines, find_form(lines[:10_000], Columns(**columns), "a"), True, "a"))


@pytest.mark.parametrize(
    "text",
    [CONLL, GERMEVAL, NEURO_NLP2, UD, MULTICONER, HASH, "West\nHam\nwon\n\nIt\nrained\n.\n",
     "west\tNN\nham\tNN\n\nit\tPRP\n.\t.\n", "a B\nb I\nc O\n", "a S-X\nb S-X\n", "-DOCSTART-\n\nWest\n"],
)  # fmt: skip
def test_columns_are_told_from_texts(text):
    assert looks_like_columns(lines_of(text))


@pytest.mark.parametrize(
    "text",
    ["The river moves.\n\nKing under a bridge\n", "Visit London.\n", "Peter\nMary\nLima\n", "Good morning\nNice day\n",
     "他在北京。\n他走。\n\n他来。\n好吧。\n",
     "1 Tea.\n2 Milk and sugar.\n", "Vitamin B\nHepatitis B\n", "",
     "text\tlabel\nIt rained.\tO\n", "body\tb\nWest Ham\tx\n", "a O\n\nb O\n\nc O\n"],
)  # fmt: skip
def test_texts_are_told_from_columns(text):
    assert not looks_like_columns(lines_of(text))
