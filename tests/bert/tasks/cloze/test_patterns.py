"""The patterns file: what it may say, and that each mistake is one sentence that names the entry."""

import pytest

from bert.errors import InputError
from bert.tasks.cloze.patterns import are_of_pairs, parts_of, patterns_of, read_patterns

GOOD = """
patterns = ["{text} It was [MASK].", "Just [MASK]! {text}"]
[words]
bad = ["terrible"]
good = ["great", "fun"]
"""
WORDS = {"bad": "terrible", "good": ["great"]}


def test_a_file_has_patterns_and_the_words_of_each_label_in_its_order(tmp_path):
    (tmp_path / "p.toml").write_text(GOOD)
    patterns = read_patterns(tmp_path / "p.toml")
    assert patterns.texts == ("{text} It was [MASK].", "Just [MASK]! {text}")
    assert patterns.words == {"bad": ("terrible",), "good": ("great", "fun")}
    assert list(patterns.words) == ["bad", "good"]


def test_one_pattern_and_one_word_need_no_list():
    patterns = patterns_of({"patterns": "{text} It was [MASK].", "words": {"0": "terrible", "1": "great"}}, "p.toml")
    assert patterns[1:] == (("{text} It was [MASK].",), {"0": ("terrible",), "1": ("great",)})


def test_a_pattern_falls_into_its_places_and_what_is_between():
    assert parts_of("{text} ? [SEP] [MASK], {text_pair}") == ["{text}", " ? ", "[SEP]", "[MASK]", ", ", "{text_pair}"]
    assert are_of_pairs(patterns_of({"patterns": "{text}? [MASK], {text_pair}", "words": WORDS}, "p.toml"))
    assert not are_of_pairs(patterns_of({"patterns": "{text} [MASK]", "words": WORDS}, "p.toml"))


@pytest.mark.parametrize(("patterns", "words", "message"), [
    ("{text} It was great.", WORDS, r"p.toml: pattern 1, '{text} It was great.': has no blank; write \[MASK\]"),
    (["{text} [MASK]", "It was [MASK]."], WORDS, "pattern 2, 'It was .MASK..': has no text; write {text}"),
    ("{text} [MASK] [MASK]", WORDS, r"has \[MASK\] 2 times; once was expected"),
    ("{text} {text} [MASK]", WORDS, "has {text} 2 times"),
    ("{title} [MASK] {text}", WORDS, "{title} is no place for a text; {text} or {text_pair} was expected"),
    ("{text [MASK]", WORDS, "{text is no place for a text"),
    ("[CLS] {text} [MASK]", WORDS, r"\[CLS\] cannot stand in a pattern"),
    (["{text} [MASK]", "{text_pair} [MASK] {text}"], WORDS, "some patterns have {text_pair} and some have not"),
    (["{text} [MASK]", "[MASK] {text}", "{text} [MASK]"], WORDS, "pattern 3, '{text} .MASK.': is pattern 1 once more"),
    ([], WORDS, r"p.toml: patterns is \[\]; a text or a list of texts"),
    (["{text} [MASK]", 3], WORDS, "p.toml: patterns is"),
    ("{text} [MASK]", {"bad": ["terrible"], "good": []}, r"p.toml: words: good is \[\]; a text or a list of texts"),
    ("{text} [MASK]", {"bad": ["terrible"], "good": [" "]}, r"p.toml: words: good is \[' '\]"),
    ("{text} [MASK]", {"bad": ["terrible"]}, "p.toml: words is .*; a table with words for each of two labels"),
])  # fmt: skip
def test_a_mistake_is_named_with_its_entry(patterns, words, message):
    with pytest.raises(InputError, match=message):
        patterns_of({"patterns": patterns, "words": words}, "p.toml")


@pytest.mark.parametrize(("text", "message"), [
    ("patterns = [", "p.toml: is not TOML"),
    ("[words]\na = 'b'\nc = 'd'\n", "p.toml: has no patterns; write it as in patterns = "),
    ("patterns = '{text} [MASK]'\n", "p.toml: has no words"),
    (GOOD.replace("patterns", "pattern"), "p.toml: has no patterns"),
    ("verbalizer = 3\n" + GOOD, "p.toml: has 'verbalizer', which is unknown"),
])  # fmt: skip
def test_a_file_of_another_form_is_refused(tmp_path, text, message):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_patterns(tmp_path / "p.toml")


def test_a_file_that_is_not_utf_8_or_not_there_is_refused(tmp_path):
    (tmp_path / "p.toml").write_bytes(b"\xff\xfe")
    for name, message in (("p.toml", "is not TOML"), ("q.toml", "^[^(]*q.toml: no such file")):
        with pytest.raises(InputError, match=message):
            read_patterns(tmp_path / name)
