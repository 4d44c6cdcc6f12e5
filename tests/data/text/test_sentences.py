import time

import pytest

from data.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('"Stop!" she cried. (He did.) "Why?" He left.', ['"Stop!" she cried.', "(He did.)", '"Why?"', "He left."]),
        ("“Really?” he asked. “Yes.” She smiled.", ["“Really?” he asked.", "“Yes.”", "She smiled."]),
        ("Is it?! Yes!!! No...", ["Is it?!", "Yes!!!", "No..."]),
        ("2001. 2010 came later.", ["2001.", "2010 came later."]),
    ],
)
def test_a_stop_and_closing_quotes_or_brackets_end_a_sentence(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Dr. Jones and St. Nicholas.",
        "Fruit, e.g. Apples, i.e. Things vs. Stones.",
        "J. R. R. Tolkien wrote it.",
        "It costs $3.50 and v1.2.3 of numpy.array is 1.5 times faster.",
        "See Fig. 3, No. 5, pp. 12 and vol. 2 of Jan. 1999.",
        "The U.S. Army and the U.K. Parliament.",
        "Well... maybe, or well . . . perhaps.",
        "“Stop!” he said? perhaps. or not.",
        "No stop at all",
    ],
)
def test_a_stop_inside_a_sentence_does_not_end_it(text):
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It was I. Then he came.", ["It was I.", "Then he came."]),
        ("She said no. He left.", ["She said no.", "He left."]),
        ("They live in the U.S. The others do not.", ["They live in the U.S.", "The others do not."]),
    ],
)
def test_what_looks_like_an_abbreviation_can_end_a_sentence(text, sentences):
    assert split_sentences(text) == sentences


def test_wide_stops_need_no_space():
    assert split_sentences("他说：「好。」然后走了！是 的。 完") == ["他说：「好。」", "然后走了！", "是 的。", "完"]


def test_spaces_around_sentences_go_and_no_sentence_is_empty():
    assert split_sentences("  One. \t\n Two.  ") == ["One.", "Two."]
    assert split_sentences("") == split_sentences(" \n ") == []


def test_nothing_but_white_space_is_lost():
    text = 'A. B? "C" d... (E.) 你好。F!G 1.2 . . x'
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("pattern", ["....", '."', '.""""', ". (", "。。。。", ".(((("])
def test_a_hostile_line_costs_no_more_than_another_of_its_length(pattern):
    started = time.process_time()  # of this process alone, whatever else the machine does
    split_sentences(pattern * 150_000)
    split_sentences(pattern[:1] + pattern[1:] * 150_000)
    assert time.process_time() - started < 60  # scanning each stop's neighbours again would take hours
