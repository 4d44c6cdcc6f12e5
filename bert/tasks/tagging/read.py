"""Sentences of words. CoNLL's columns have their tags; plain texts, to predict for, have none.

    West B-MISC
    Indian I-MISC
    all-rounder O

In CoNLL's columns a line has a word and its tag. A blank line ends a sentence. O is outside of any entity. Other tags
have the place of the word in its entity, and the entity's type. B-PER begins an entity and I-PER goes on (BIO).
E-PER ends one and S-PER is a whole one (BIOES).

A departure: each sentence is read alone. The paper (section 5.3) reads it among the other sentences of its document.
These files tell documents apart only if they have ``-DOCSTART-``.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.tables import read_lines
from bert.tasks.classification.read import read_examples
from bert.tasks.options import Columns
from bert.tasks.tagging.tag_sequences import OUTSIDE, goes_on
from bert.tokenization.normalization import is_chinese

_TAG = re.compile(r"O|[BIES]-\S+")
_BEFORE_WORDS, _AFTER_WORDS = set('([{<"“„‘«‹¿¡（「『《'), set(')]}>"”’»›,;:!?…）」』》。、，；：！？')


class TaggedSentence(NamedTuple):
    """A sentence."""

    line: int  # of its first word in its file
    words: tuple[str, ...]
    tags: tuple[str, ...]  # as many as words; none if they were not read


def read_sentences(path: str | Path, columns: Columns, labelled: bool) -> Iterator[TaggedSentence]:
    """The sentences of a file.

    Args:
        columns: of a table of plain texts; CoNLL's columns have no choice.
        labelled: True: CoNLL's columns; False: a text in each row of a table, split by ``words_of``.

    Raises:
        InputError: if a line has no tag, or a tag does not fit BIO or BIOES.
    """
    if labelled:
        yield from _read_conll(path)
        return
    for example in read_examples(path, columns._replace(text_pair=None), labelled=False):
        words = tuple(example.first[start:end] for start, end in words_of(example.first))
        yield TaggedSentence(example.line, words, ())


def find_tags(sentences: Sequence[TaggedSentence], source: str) -> list[str]:
    """The tags of sentences: O, then the others by type. Raises InputError if no word is in an entity."""
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if tags <= {OUTSIDE}:
        raise InputError(f"{source}: all words are tagged O, so that there is nothing to learn")
    return [OUTSIDE, *sorted(tags - {OUTSIDE}, key=lambda tag: (tag[2:], tag))]


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


def _read_conll(path: str | Path) -> Iterator[TaggedSentence]:
    """A line's first column is the word and its last one the tag. Tabs separate columns, or spaces in a line without
    a tab. CoNLL-2003's ``-DOCSTART-`` lines between documents are skipped.
    """
    words: list[str] = []
    tags: list[str] = []
    first_line, empty = 0, True

    for line, text in read_lines(path):
        all_fields = [field.strip(" ") for field in text.split("\t" if "\t" in text else " ")]
        fields = [field for field in all_fields if field]
        if fields and "\t" in text and not all_fields[0]:
            raise InputError(f"{path}: line {line}: {text.strip()!r} has no word before its first tab; mend the line")
        if not fields or fields[0] == "-DOCSTART-":
            if words:
                yield TaggedSentence(first_line, tuple(words), tuple(tags))
            words, tags = [], []
            continue
        if len(fields) < 2:
            raise InputError(f"{path}: line {line}: {text.strip()!r} has no tag; a word and its tag were expected")
        _check_tag(fields[-1], tags[-1] if tags else OUTSIDE, f"{path}: line {line}")
        if not words:
            first_line, empty = line, False
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        yield TaggedSentence(first_line, tuple(words), tuple(tags))
    if empty:
        raise InputError(f"{path}: holds no sentences; lines of a word and its tag were expected")


def _check_tag(tag: str, before: str, place: str) -> None:
    if not _TAG.fullmatch(tag):
        raise InputError(f"{place}: the tag {tag!r} does not fit BIO: O, B-TYPE or I-TYPE was expected (or E-, S-)")
    if tag[0] in "IE" and not goes_on(tag, before):
        raise InputError(
            f"{place}: the tag {tag!r} after {before!r} does not fit BIO: it goes on with an entity that did not "
            f"begin; B-{tag[2:]} begins one"
        )
