"""Files -> sentences of words. To train on, each word has its tag; to predict for, tags are not needed.

Columns (``column_files.py``) and JSON lines (``json_lines.py``) have words. The texts of a table, or the lines of a
``.txt``, are divided into words by ``words_of``. The tags may be in any scheme (``schemes.py``).

A departure: each sentence is read alone. The paper (section 5.3) reads it among the other sentences of its document.
These files tell documents apart only if they have ``-DOCSTART-``.
"""

import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from bert.errors import InputError
from bert.files.tables import read_lines, read_objects, table_format
from bert.tasks.classification.read import read_examples
from bert.tasks.options import Columns
from bert.tasks.tagging.column_files import HEAD, find_form, looks_like_columns, read_columns
from bert.tasks.tagging.json_lines import read_json, word_key
from bert.tasks.tagging.schemes import (
    OUTSIDE,
    Scheme,
    are_entities,
    find_entities,
    inner,
    is_of,
    nearly_fitting,
    recognise,
    write_tags,
)
from bert.tasks.tagging.sentence import TaggedSentence, words_of

Sets = dict[str, tuple[str, list[TaggedSentence]]]  # "train", "dev" and perhaps "test": (source, sentences)


def read_sentences(path: str | Path, columns: Columns, labelled: bool) -> Iterator[TaggedSentence]:
    """The sentences of a file, with their tags as the file has them. Warns of what is unusual about its columns.

    Args:
        columns: ``word`` and ``tag`` name columns of words, ``text`` and ``header`` a table of texts.
        labelled: whether tags are read. If not, the file may be a table of texts. If ``columns.is_table`` does not
            say so, the file's name and its first lines do.

    Raises:
        InputError: if the file cannot be read, or a word lacks its tag.
    """
    kind = _table_format(path)
    if kind == "jsonl":
        objects = read_objects(path)
        first = next(objects)
        has_words = columns.is_table is None and word_key(first[1], columns) is not None
        if labelled or columns.is_table is False or has_words:
            yield from read_json(chain([first], objects), columns, labelled, str(path))
            return
    elif labelled or kind != "csv" or columns.is_table is False:
        lines = read_lines(path)
        head = list(islice(lines, HEAD))
        if labelled or _is_of_columns(head, kind, columns):
            form = find_form(head, columns, str(path))
            note = form.note or ("" if labelled else f"a line has a word, in column {form.word + 1 or 'last'}")
            flags = "--word-column, --tag-column" if labelled else "--word-column, or --text-column for texts"
            if note:
                warnings.warn(f"{path}: {note} (see {flags})", stacklevel=2)
            yield from read_columns(chain(head, lines), form, labelled, str(path))
            return
    if kind == "txt" and columns.is_table is None:
        warnings.warn(f"{path}: each line is a text (if a line has a word: --word-column 1)", stacklevel=2)
    for example in read_examples(path, columns._replace(text_pair=None), labelled=False):
        words = tuple(example.first[start:end] for start, end in words_of(example.first))
        yield TaggedSentence(example.line, words, ())


def settle_tags(sets: Sets) -> Sets:
    """The sets, with entities tagged as the model learns them, and a warning that counts them.

    The training file decides. If its tags mark no entities, they stay as they are.

    Raises:
        InputError: if most tags of the training file are of a scheme and others are not. Also if its tags are of a
            scheme, and another file's are not.
    """
    source, training = sets["train"]
    scheme, odd = recognise([sentence.tags for sentence in training])
    if scheme is None:
        nearly = nearly_fitting([sentence.tags for sentence in training])
        if nearly is not None:
            raise _stray_tag(source, training, nearly)
        warnings.warn(f"{source}: the tags mark no entities, so that the accuracy of tags is measured", stacklevel=2)
        return sets
    settled = {}
    for name, (source, sentences) in sets.items():
        own = scheme, odd
        if name != "train":
            own = recognise([sentence.tags for sentence in sentences], scheme)
        settled[name] = source, _settled(source, sentences, *own, wanted=scheme)
    return settled


def find_tags(sentences: Sequence[TaggedSentence], source: str) -> list[str]:
    """The tags of sentences. Of entities: O, then the others by type.

    Raises:
        InputError: if all words have the same tag, or there are too many tags to be some.
    """
    tags = {tag for sentence in sentences for tag in sentence.tags}
    words = sum(len(sentence.words) for sentence in sentences)
    if len(tags) < 2 and not (are_entities(tags) and tags != {OUTSIDE}):
        raise InputError(
            f"{source}: all words are tagged {', '.join(tags) or 'nothing'}, so that there is nothing to learn"
        )
    if len(tags) > 1_000 and len(tags) > words / 50:
        raise InputError(
            f"{source}: {len(tags):,} different tags of {words:,} words ({', '.join(sorted(tags)[:3])}, ...); is this "
            f"the column of the tags? See --tag-column"
        )
    if not are_entities(tags):
        return sorted(tags)
    return [OUTSIDE, *sorted(tags - {OUTSIDE}, key=lambda tag: (tag[2:], tag))]


def _settled(
    source: str, sentences: Sequence[TaggedSentence], scheme: Scheme | None, odd: int, wanted: Scheme
) -> list[TaggedSentence]:
    """Sentences as the model learns them, if the training file has the scheme ``wanted``."""
    if scheme is None:
        raise _stray_tag(source, sentences, wanted)
    learned, entities, settled = inner(wanted), 0, []
    for sentence in sentences:
        found = find_entities(sentence.tags, scheme)
        entities += len(found)
        settled.append(sentence._replace(tags=tuple(write_tags(found, len(sentence.tags), learned))))
    note = f"{source}: the tags are in {scheme.name}" + (f", learned as {learned.name}" if learned != scheme else "")
    note += f"; entities: {entities:,}"
    if odd:
        note += f"; odd tags, read as conlleval reads them: {odd:,} (such as I after O in IOB2)"
    if scheme != wanted:
        note += f"; the training file is in {wanted.name}"
    warnings.warn(note, stacklevel=2)
    return settled


def _stray_tag(source: str, sentences: Sequence[TaggedSentence], scheme: Scheme) -> InputError:
    line, tag = next(
        (sentence.line + place, tag)
        for sentence in sentences
        for place, tag in enumerate(sentence.tags)
        if not is_of(tag, scheme)
    )
    letters = ", ".join(f"{letter}-TYPE" for letter in dict.fromkeys(scheme.letters))
    return InputError(
        f"{source}: line {line}: the tag {tag[:80]!r} does not fit {scheme.name}, the scheme of the other tags: O, "
        f"{letters}; mend it"
    )


def _is_of_columns(head: list[tuple[int, str]], kind: str | None, columns: Columns) -> bool:
    """Whether a file to predict for has columns of words. If not, it has texts."""
    if columns.is_table is not None:
        return not columns.is_table
    if kind == "tsv":
        names = head[0][1].split("\t") if head else []
        return columns.text not in names and looks_like_columns(head)
    return kind is None or looks_like_columns(head)


def _table_format(path: str | Path) -> str | None:
    """The format of a table by the file's name. None: it is no table's name."""
    try:
        return table_format(path)
    except InputError:
        return None
