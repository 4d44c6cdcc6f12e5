"""Files of columns: a word and its tag in each line, and a blank line after each sentence.

    West NNP B-MISC        1   Aufgrund   O       O          # sent_id = 1
    Indian NNP I-MISC      2   seiner     O       O          1   They   they   PRON   ...
    all-rounder NN O       3   Initiative O       O          2   buy    buy    VERB   ...

    CoNLL-2003: the word   GermEval 2014: number, word,      CoNLL-U: ten columns, of which the second
    first, the tag last    outer and inner tag               is the word, the fourth its part of speech

Flags name other columns. Tabs separate columns, or spaces in a line without a tab. CoNLL-2003's ``-DOCSTART-`` lines
between documents are skipped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.schemes import BIOES, OUTSIDE, fits
from bert.tasks.tagging.sentence import TaggedSentence, words_of

HEAD = 10_000  # lines that show the form of a file
MOST = 0.9  # of the blocks or lines of a file must have its form
_DOCUMENT = "-DOCSTART-"
_NUMBER = re.compile(r"[0-9]+")
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")  # CoNLL-U: 1-2 is a contraction of two words, 1.1 a word that is not written
_SCHEME_TAG = re.compile(r"O|[A-Z](-\S+)?")

Line = tuple[int, str]  # its number from 1, and its text


class Form(NamedTuple):
    """Which columns hold what. Columns are indices from 0, or -1 for the last."""

    word: int
    tag: int
    is_numbered: bool  # whether the first column has each word's number in its sentence
    comments: int  # how many lines before each sentence are no words; if is_numbered, each line that begins with "#"
    note: str = ""  # what is unusual, for the user


def find_form(head: Sequence[Line], columns: Columns, path: str) -> Form:
    """The form of a file, by its first lines; ``columns.word`` and ``columns.tag`` go before it.

    Raises:
        InputError: if a flag is no column, or words would be numbers that no flag asked for.
    """
    blocks = _blocks(head)
    is_numbered = _is_numbered(blocks)
    word, tag, note = (1, -1, "words are in column 2, after their numbers") if is_numbered else (0, -1, "")
    rows = [fields for block in blocks for text, fields in block if not text.startswith("#")]
    if is_numbered and all(len(fields) == 10 for fields in rows):
        tag, note = 3, "is CoNLL-U; words are in column 2, and their universal parts of speech in column 4"
    elif is_numbered and all(len(fields) == 4 and fits(fields[2:], BIOES) for fields in rows):
        tag, note = 2, "is in GermEval's form; words are in column 2, and tags in column 3 (the outer entities)"
    if columns.word is not None:
        word, note = _index("--word-column", columns.word), ""
    if columns.tag is not None:
        tag = _index("--tag-column", columns.tag)
        note = note and "words are in column 2, after their numbers"
    if word == tag:
        raise InputError(f"--word-column and --tag-column are both {columns.tag}; name two columns")
    words = [fields[word] for fields in rows if word < len(fields)]
    if columns.word is None and words and sum(map(str.isdecimal, words)) >= MOST * len(words):
        raise InputError(
            f"{path}: column {word + 1} was expected to have words, and nearly all of them are numbers "
            f"({', '.join(words[:3])}); name the words' column: --word-column"
        )
    return Form(word, tag, is_numbered, _comments(blocks), note)


def read_columns(lines: Iterable[Line], form: Form, labelled: bool, path: str) -> Iterator[TaggedSentence]:
    """The sentences of a file, as a stream.

    Args:
        labelled: whether the tags are read. If not, they need not be there.

    Raises:
        InputError: if a line lacks the word or the tag. If its tag is of no scheme, also if it has another number of
            columns than the first one. Also if there is no sentence.
    """
    words: list[str] = []
    tags: list[str] = []
    first_line, width, empty, lines_of_block = 0, 0, True, 0
    for line, text in lines:
        fields = _fields(text)
        lines_of_block += 1
        if not fields or fields[0] == _DOCUMENT:
            lines_of_block = 0
            if words:
                yield TaggedSentence(first_line, tuple(words), tuple(tags))
            words, tags = [], []
            continue
        if text.startswith("#") and (form.is_numbered or lines_of_block <= form.comments):
            continue
        if form.is_numbered and _NO_WORD.fullmatch(fields[0]):
            continue
        if fault := _fault(fields, form, width, labelled):
            raise InputError(f"{path}: line {line}: {text.strip()[:80]!r} {fault}")
        if not words:
            first_line, empty = line, False
            width = width or len(fields)
        words.append(fields[form.word])
        if labelled:
            tags.append(fields[form.tag])
    if words:
        yield TaggedSentence(first_line, tuple(words), tuple(tags))
    if empty:
        raise InputError(f"{path}: holds no sentences; lines of a word and its tag were expected")


def looks_like_columns(head: Sequence[Line]) -> bool:
    """Whether the first lines of a file are rows of columns, rather than a text each.

    Rows of columns stand in blocks, of two lines or more on average. All have the same number of columns. Several
    columns also need a sign: numbered words, tags of entities at the end, or several blocks with tabs in each line. One
    column needs several blocks, and nine of ten lines are a single word.
    """
    if any(_fields(text)[:1] == [_DOCUMENT] for _, text in head):
        return True
    blocks = _blocks(head)
    is_numbered, comments = _is_numbered(blocks), _comments(blocks)
    rows = [
        (text, fields)
        for block in blocks
        for place, (text, fields) in enumerate(block)
        if not (text.startswith("#") and (is_numbered or place < comments))
    ]
    widths = {len(fields) for _, fields in rows}
    if len(widths) != 1 or len(rows) < 2 * len(blocks):
        return False
    if widths == {1}:
        return len(blocks) > 1 and sum(len(words_of(text)) == 1 for text, _ in rows) >= MOST * len(rows)
    last = {fields[-1] for _, fields in rows}
    has_tags = fits(last, BIOES) and (OUTSIDE in last or all("-" in tag for tag in last))
    return is_numbered or has_tags or (len(blocks) > 1 and all("\t" in text for text, _ in rows))


def _fault(fields: Sequence[str], form: Form, width: int, labelled: bool) -> str:
    """What is wrong with a line: nothing, or the end of a sentence about it."""
    count = len(fields)
    if form.is_numbered and not _NUMBER.fullmatch(fields[0]):
        return "does not begin with a word's number, as other lines do; mend the line"
    if not -count <= form.word < count or not fields[form.word]:
        return f"has no word in column {form.word + 1 or 'last'}; mend the line, or see --word-column"
    if not labelled:
        return ""
    if not -count <= form.tag < count or form.tag % count == form.word % count or not fields[form.tag]:
        return "has no tag; a word and its tag were expected; mend the line, or see --tag-column"
    if width and count != width and not _SCHEME_TAG.fullmatch(fields[form.tag]):
        return f"has {count} columns, and the first line has {width}; as many were expected in each line"
    return ""


def _fields(text: str) -> list[str]:
    """The columns of a line. Without a tab, several spaces are as one. Empty columns at the end are left out."""
    if "\t" not in text:
        return [field for field in text.split(" ") if field]
    fields = [field.strip(" ") for field in text.split("\t")]
    while fields and not fields[-1]:
        fields.pop()
    return fields


def _blocks(head: Iterable[Line]) -> list[list[tuple[str, list[str]]]]:
    """The lines between blank ones, each as it is and in columns."""
    blocks: list[list[tuple[str, list[str]]]] = [[]]
    for _, text in head:
        fields = _fields(text)
        if fields and fields[0] != _DOCUMENT:
            blocks[-1].append((text, fields))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _is_numbered(blocks: Sequence[Sequence[tuple[str, list[str]]]]) -> bool:
    """Whether in nine of ten blocks the first column counts the words, from 1 or from 0. Some block has several."""
    longest = numbered = 0
    for block in blocks:
        rows = [fields for text, fields in block if not text.startswith("#") and not _NO_WORD.fullmatch(fields[0])]
        numbers = [fields[0] for fields in rows if len(fields) > 1]
        start = 0 if numbers[:1] == ["0"] else 1
        if len(numbers) == len(rows) and numbers == [str(start + place) for place in range(len(rows))]:
            numbered += 1
            longest = max(longest, len(rows))
    return longest > 1 and numbered >= MOST * len(blocks)


def _comments(blocks: Sequence[Sequence[tuple[str, list[str]]]]) -> int:
    """How many lines at the beginning of each block begin with "#" and are no words.

    A sentence may begin with the word "#". Then its line ends in a tag, as other lines do.
    """
    first = [block[0][1][-1] for block in blocks]
    tags = {fields[-1] for block in blocks for text, fields in block if not text.startswith("#")}
    if tags.issuperset(first):
        return 0
    return min(len(list(takewhile(lambda row: row[0].startswith("#"), block))) for block in blocks)


def _index(flag: str, column: str) -> int:
    """The index of a column that a flag names: by its number from 1, or -1 or "last"."""
    if column in ("-1", "last"):
        return -1
    if not _NUMBER.fullmatch(column) or not 1 <= int(column[:6]) < 1_000:
        raise InputError(f"{flag} {column}: the number of a column was expected, from 1, or 'last'")
    return int(column[:6]) - 1
