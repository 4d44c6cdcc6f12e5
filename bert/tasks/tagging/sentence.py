"""A sentence of words, and how a plain text is divided into words."""

import re
from typing import NamedTuple

from bert.tokenization.normalization import is_chinese

_BEFORE_WORDS, _AFTER_WORDS = set('([{<"“„‘«‹¿¡（「『《'), set(')]}>"”’»›,;:!?…）」』》。、，；：！？')


class TaggedSentence(NamedTuple):
    """A sentence."""

    line: int  # of its first word in its file
    words: tuple[str, ...]
    tags: tuple[str, ...]  # as many as words; none if they were not read


def words_of(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word of a text, divided as in hand-tagged corpora.

    White space separates words. Each Chinese character is a word. Brackets, quotes and most punctuation are words at
    the ends of a word, and part of it inside. A full stop is a word only at the end of the text. Elsewhere it may well
    belong to an abbreviation. The sentences of CoNLL-2003 have white space around every word, and stay as they are.

    >>> text = "(J. Smith-Jones left the U.S. on Monday.)"
    >>> [text[start:end] for start, end in words_of(text)]
    ['(', 'J.', 'Smith-Jones', 'left', 'the', 'U.S.', 'on', 'Monday', '.', ')']
    """
    closing = len(text.rstrip())  # only brackets and quotes stand behind it
    while closing > 0 and text[closing - 1] in _AFTER_WORDS:
        closing -= 1
    words = []
    for chunk in re.finditer(r"\S+", text):
        start, end = chunk.span()
        if not any(map(str.isalnum, chunk.group())):
            words.append((start, end))
            continue
        while text[start] in _BEFORE_WORDS:
            words.append((start, start + 1))
            start += 1
        after = []
        while text[end - 1] in _AFTER_WORDS or (text[end - 1] == "." and end >= closing):
            after.append((end - 1, end))
            end -= 1
        for place in range(start, end):
            if is_chinese(text[place]):
                words += [(start, place)] if start < place else []
                words.append((place, place + 1))
                start = place + 1
        words += [(start, end)] if start < end else []
        words += reversed(after)
    return words
