"""Sentences whose words each have a tag, in CoNLL's columns: a word and its tag in a line, a blank line after each
sentence.

    West B-MISC
    Indian I-MISC
    all-rounder O

A tag is O, outside of any entity, or the place of the word in one and the entity's type: B-PER begins, I-PER goes on
(BIO); E-PER ends one and S-PER is a whole one (BIOES).

A departure: each sentence is read alone. The paper (section 5.3) reads it among its document's other sentences, which
these files tell apart only where they have ``-DOCSTART-``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.tables import read_lines
from bert.tag_sequences import goes_on

_TAG = re.compile(r"O|[BIES]-\S+")


class TaggedSentence(NamedTuple):
    """line: of its first word in its file; words and tags: of the same length."""

    line: int
    words: tuple[str, ...]
    tags: tuple[str, ...]


def read_tagged_sentences(path: str | Path) -> list[TaggedSentence]:
    """The sentences of a file. The word is the first column of a line and its tag the last, separated by tabs or, in a
    line without a tab, by spaces; the lines ``-DOCSTART-``, which CoNLL-2003 has between documents, are passed over.

    Raises:
        InputError: where the file cannot be read, a line has no tag, or a tag does not fit BIO or BIOES.
    """
    sentences, words, tags, first_line = [], [], [], 0

    def end_sentence() -> None:
        if words:
            sentences.append(TaggedSentence(first_line, tuple(words), tuple(tags)))
        words.clear()
        tags.clear()

    for line, text in read_lines(path):
        all_fields = [field.strip(" ") for field in text.split("\t" if "\t" in text else " ")]
        fields = [field for field in all_fields if field]
        if fields and "\t" in text and not all_fields[0]:
            raise InputError(f"{path}: line {line}: {text.strip()!r} has no word before its first tab; mend the line")
        if not fields or fields[0] == "-DOCSTART-":
            end_sentence()
            continue
        if len(fields) < 2:
            raise InputError(f"{path}: line {line}: {text.strip()!r} has no tag; a word and its tag were expected")
        _check_tag(fields[-1], tags[-1] if tags else "O", f"{path}: line {line}")
        if not words:
            first_line = line
        words.append(fields[0])
        tags.append(fields[-1])
    end_sentence()
    if not sentences:
        raise InputError(f"{path}: holds no sentences; lines of a word and its tag were expected")
    return sentences


def find_tags(sentences: Sequence[TaggedSentence], source: str | Path) -> list[str]:
    """The tags that there are: O, then the others by type.

    Raises:
        InputError: where no word is in an entity.
    """
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if tags <= {"O"}:
        raise InputError(f"{source}: all words are tagged O, so that there is nothing to learn")
    return ["O", *sorted(tags - {"O"}, key=lambda tag: (tag[2:], tag))]


def check_tags_are_known(sentences: Sequence[TaggedSentence], tags: Sequence[str], source: str | Path) -> None:
    """Raises an InputError where a sentence has a tag that was not trained on."""
    known = set(tags)
    for sentence in sentences:
        for place, tag in enumerate(sentence.tags):
            if tag not in known:
                raise InputError(
                    f"{source}: line {sentence.line + place}: the tag {tag!r} is not one of those trained on: "
                    f"{', '.join(tags)}"
                )


def _check_tag(tag: str, before: str, place: str) -> None:
    if not _TAG.fullmatch(tag):
        raise InputError(f"{place}: the tag {tag!r} does not fit BIO: O, B-TYPE or I-TYPE was expected (or E-, S-)")
    if tag[0] in "IE" and not goes_on(tag, before):
        raise InputError(
            f"{place}: the tag {tag!r} after {before!r} does not fit BIO: it goes on with an entity that did not "
            f"begin; B-{tag[2:]} begins one"
        )
