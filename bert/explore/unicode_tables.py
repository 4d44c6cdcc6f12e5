"""Unicode as Python knows it, for a tokenizer in the browser.

A browser has tables of its own, of another version of Unicode. With those of Python a text has the same pieces in the
page as here. ``page/normalization.js`` reads them.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache

from bert.tokenization.added_tokens import is_of_word
from bert.tokenization.normalization import CHINESE_BLOCKS, is_control, is_punctuation, is_whitespace

_HANGUL = range(0xAC00, 0xD7A4)  # syllables, which a browser decomposes as we do: by arithmetic, for ever the same


@cache
def unicode_tables() -> dict:
    """All that the page asks about characters.

    A set of characters is a flat list of code points: first, last, first, last ... An unassigned character is in none
    but ``chinese``.

    Returns:
        ``space``, ``control``, ``punctuation``, ``mark`` (category Mn), ``word``, ``alphanumeric`` and ``stripped`` (by
        ``str.strip``) are sets. ``combining`` has (first, last, class) for each run of combining marks of one class.
        ``decomposed`` and ``lower`` have the new form of each character that has one.
    """
    assigned = [character for character in map(chr, range(sys.maxunicode + 1)) if _is_assigned(character)]
    return {
        "space": _ranges(assigned, is_whitespace),
        "control": _ranges(assigned, is_control),
        "punctuation": _ranges(assigned, is_punctuation),
        "mark": _ranges(assigned, lambda character: unicodedata.category(character) == "Mn"),
        "word": _ranges(assigned, is_of_word),
        "alphanumeric": _ranges(assigned, str.isalnum),
        "stripped": _ranges(assigned, str.isspace),
        "chinese": [end for block in sorted(CHINESE_BLOCKS) for end in block],
        "combining": _runs((ord(character), unicodedata.combining(character)) for character in assigned),
        "decomposed": _changed(
            (character for character in assigned if ord(character) not in _HANGUL),
            lambda character: unicodedata.normalize("NFD", character),
        ),
        "lower": _changed(assigned, str.lower),
    }


def _is_assigned(character: str) -> bool:
    return unicodedata.category(character) != "Cn"


def _ranges(characters: Iterable[str], is_in: Callable[[str], bool]) -> list[int]:
    return [
        end for *ends, _ in _runs((ord(character), int(is_in(character))) for character in characters) for end in ends
    ]


def _runs(values: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Neighbouring code points with the same value, as (first, last, value); those with 0 are left out.

    >>> _runs([(1, 7), (2, 7), (3, 0), (5, 7), (6, 8)])
    [(1, 2, 7), (5, 5, 7), (6, 6, 8)]
    """
    runs: list[tuple[int, int, int]] = []
    for code_point, value in values:
        if runs and runs[-1][1:] == (code_point - 1, value):
            runs[-1] = (runs[-1][0], code_point, value)
        elif value:
            runs.append((code_point, code_point, value))
    return runs


def _changed(characters: Iterable[str], change: Callable[[str], str]) -> dict[str, str]:
    return {character: change(character) for character in characters if change(character) != character}
