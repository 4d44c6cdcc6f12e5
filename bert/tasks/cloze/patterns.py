"""Patterns: a text with a blank in it. The word that fills the blank says which label is right.

    patterns = ["{text} It was [MASK].", "Just [MASK]! {text}"]

    [words]
    negative = ["terrible", "bad"]
    positive = ["great", "good"]

This is a whole patterns file, in TOML. A pattern has the text and the blank, each once. In a pattern of pairs
``{text_pair}`` is the second text: ``"{text}? [MASK], {text_pair}"``. ``[SEP]`` ends the first segment. Each label has
a word or several. A model has learned from plain text which words fit a blank. So it needs few labels, or none.

Source: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference" (PET), section 3.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.files.schema import Rule, check, shown
from bert.tasks.options import Patterns
from bert.tokenization.special_tokens import MASK, SEP, SPECIAL_TOKENS

TEXT, PAIR = "{text}", "{text_pair}"
LONGEST_FILE = 1 << 20  # bytes
_PLACE = re.compile(rf"(\{{.*?\}}|{'|'.join(map(re.escape, SPECIAL_TOKENS))})")
_EXAMPLE = 'as in patterns = ["{text} It was [MASK]."] and [words] with bad = ["terrible"] and good = ["great"]'


def read_patterns(path: str | Path) -> Patterns:
    """The patterns and words of a TOML file. Raises InputError, which names the entry, if they are no good."""
    content = read_bytes(path, LONGEST_FILE)
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of TOML or of UTF-8
        raise InputError(f"{path}: is not TOML ({error}); patterns and words were expected, {_EXAMPLE}") from None
    return patterns_of(values, str(path))


def patterns_of(values: dict[str, Any], source: str) -> Patterns:
    """The patterns of a dictionary as a TOML file has it. Raises InputError as ``read_patterns`` does."""
    texts = Rule(lambda value: bool(_texts(value)), "a text or a list of texts, none of them empty,")
    words = Rule(lambda value: isinstance(value, dict) and len(value) > 1, "a table with words for each of two labels")
    check(values, {"patterns": texts, "words": words}, source, f"write it {_EXAMPLE}", required=("patterns", "words"))
    check(values["words"], {}, f"{source}: words", 'give each label its words: good = ["great"]', others=texts)
    patterns = Patterns(
        source, _texts(values["patterns"]), {label: _texts(words) for label, words in values["words"].items()}
    )
    for number, pattern in enumerate(patterns.texts, start=1):
        place = f"{source}: pattern {number}, {shown(pattern)}"
        _check_pattern(parts_of(pattern), place)
        if (first := patterns.texts.index(pattern) + 1) < number:
            raise InputError(f"{place}: is pattern {first} once more; write each pattern once")
    if len({PAIR in parts_of(pattern) for pattern in patterns.texts}) > 1:
        raise InputError(f"{source}: some patterns have {PAIR} and some have not; write it into all of them or none")
    return patterns


def parts_of(pattern: str) -> list[str]:
    """The places of a pattern, and what stands between them.

    >>> parts_of("{text} It was [MASK].")
    ['{text}', ' It was ', '[MASK]', '.']
    """
    return [part for part in _PLACE.split(pattern) if part.strip()]


def are_of_pairs(patterns: Patterns) -> bool:
    """Whether the patterns have a place for a second text."""
    return PAIR in parts_of(patterns.texts[0])


def _texts(value: Any) -> tuple[str, ...]:
    """A text as a tuple of one, or a list of texts. Empty if the value is neither, or a text is empty."""
    texts = [value] if isinstance(value, str) else value
    good = isinstance(texts, list) and all(isinstance(text, str) and text.strip() for text in texts)
    return tuple(texts) if good else ()


def _check_pattern(parts: Sequence[str], place: str) -> None:
    for part in parts:
        if part not in (TEXT, PAIR) and re.search(r"[{}]", part):
            raise InputError(f"{place}: {part.strip()} is no place for a text; {TEXT} or {PAIR} was expected")
        if part in SPECIAL_TOKENS and part not in (MASK, SEP):
            raise InputError(f"{place}: {part} cannot stand in a pattern; of the special tokens only {MASK} and {SEP}")
    for part, what in ((MASK, "blank"), (TEXT, "text")):
        if part not in parts:
            raise InputError(f"{place}: has no {what}; write {part} in its place")
    for part in (MASK, SEP, TEXT, PAIR):
        if parts.count(part) > 1:
            raise InputError(f"{place}: has {part} {parts.count(part)} times; once was expected")
