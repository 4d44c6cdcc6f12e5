"""Tokens that are found in a text before it is split into words: ``[MASK]``, and those added to a vocabulary later.

    "in [E1]Paris[/E1]"  ->  "in ", [E1], "Paris", [/E1]

The rules are those of the Rust library (``tokenizers``, ``AddedVocabulary``): the leftmost token is taken, of several
there the longest.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# start, end, and the token that stands there; None: text between tokens
Span = tuple[int, int, "AddedToken | None"]


@dataclass(frozen=True)
class AddedToken:
    """A token that stays whole."""

    content: str
    special: bool = True  # decoding can skip it
    normalized: bool = False  # it is searched in the normalized text; else in the text as it was typed
    lstrip: bool = False  # white space before it belongs to it
    rstrip: bool = False  # white space after it belongs to it
    single_word: bool = False  # it is not found inside a word


class TokenFinder:
    """Finds tokens in texts.

    Args:
        tokens: each with the form in which it is searched. Of equal forms the last counts.
    """

    def __init__(self, tokens: Iterable[tuple[str, AddedToken]]):
        self._tokens: dict[str, AddedToken] = {}
        for form, token in tokens:
            if form:
                self._tokens[form] = token
        forms = sorted(self._tokens, key=len, reverse=True)  # a regular expression takes the first that fits
        self._pattern = re.compile("|".join(map(re.escape, forms)) or r"(?!)")  # (?!) fits nowhere
        self.search = self._pattern.search

    def __bool__(self) -> bool:
        return bool(self._tokens)

    @property
    def forms(self) -> list[str]:
        """What is searched."""
        return list(self._tokens)

    def spans(self, text: str) -> Iterator[Span]:
        """All of ``text``, in order.

        >>> finder = TokenFinder([("[E1]", AddedToken("[E1]"))])
        >>> [(start, end, token and token.content) for start, end, token in finder.spans("in [E1]Paris")]
        [(0, 3, None), (3, 7, '[E1]'), (7, 12, None)]
        """
        done = 0
        for match in self._pattern.finditer(text):
            start, end = match.span()
            token = self._tokens[match[0]]
            if token.single_word and (is_of_word(text[start - 1 : start]) or is_of_word(text[end : end + 1])):
                continue
            if token.lstrip:
                start = len(text[:start].rstrip())
            if token.rstrip:
                end = len(text) - len(text[end:].lstrip())
            start = max(start, done)
            if done < start:
                yield done, start, None
            yield start, end, token
            done = end
        if done < len(text):
            yield done, len(text), None


def is_of_word(character: str) -> bool:
    """Unicode's letters, marks, digits, connectors and joiners: ``\\w`` of Rust's regular expressions."""
    category = unicodedata.category(character) if character else ""
    return category[:1] in {"L", "M"} or category in {"Nd", "Nl", "Pc"} or character in {"\u200c", "\u200d"}
