"""Texts in which two entities are marked, whose relation is to be predicted.

A ``.txt`` file has the form of SemEval 2010's task 8 (Hendrickx et al. 2010). A numbered and quoted sentence has its
entities in tags. Its relation, a comment and a blank line follow. All but the sentence itself may be left out:

    3	"The <e1>author</e1> of a keygen uses a <e2>disassembler</e2> to look at the raw assembly code."
    Instrument-Agency(e2,e1)
    Comment:

JSON lines have the keys ``text``, ``first``, ``second`` and ``label``. The entities are [start, end] in characters of
the text, without the end. The label is the relation. An object has a line of its own, not two as here:

    {"text": "The author of a keygen uses a disassembler.", "first": [4, 10], "second": [30, 42],
     "label": "Instrument-Agency(e2,e1)"}
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_values import text_of, value_of
from bert.files.tables import read_lines, read_objects, table_format
from bert.tasks.options import Columns

_TAG = re.compile(r"</?e[12]>")
_NUMBERED = re.compile(r'\d+\s+"(.*)"')


class MarkedText(NamedTuple):
    """A text with two entities."""

    line: int  # in its file
    text: str
    first: tuple[int, int]  # the (start, end) of an entity
    second: tuple[int, int]
    label: str | None  # the relation with its direction; None: it was not read


def read_marked_texts(path: str | Path, columns: Columns, labelled: bool) -> Iterator[MarkedText]:
    """The texts of a file, in order. Raises InputError if it is in neither form, or a span or label is missing."""
    kind = table_format(path)
    if kind not in ("txt", "jsonl"):
        raise InputError(f"{path}: texts with two marked entities stand in .txt, as SemEval 2010's, or in .jsonl")
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)
    rows, read = (_semeval_blocks(path, bad), _read_block) if kind == "txt" else (read_objects(path, bad), _read_spans)
    if_none = "holds no sentences; texts with <e1>...</e1> and <e2>...</e2> were expected"
    return bad.good(rows, partial(read, labelled), if_none)


def find_relations(examples: Sequence[MarkedText], source: str) -> list[str]:
    """The relations of examples, in alphabetical order. Raises InputError if all examples have the same one."""
    relations = sorted({str(example.label) for example in examples})
    if len(relations) < 2:
        raise InputError(
            f"{source}: all {len(examples):,} relations are {relations[0]!r}, so that there is nothing to learn"
        )
    return relations


def parse_tags(tagged: str, place: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """A text without its tags, and the (start, end) of both entities.

    >>> parse_tags("<e1>Tea</e1> in a <e2>cup</e2>.", "here")
    ('Tea in a cup.', (0, 3), (9, 12))

    Raises:
        InputError: if a tag is not there just once, or an entity is blank.
    """
    text, end, bounds = "", 0, {}
    for tag in _TAG.finditer(tagged):
        text += tagged[end : tag.start()]
        end = tag.end()
        bounds[tag.group()] = len(text)
    text += tagged[end:]
    if len(bounds) < 4 or len(_TAG.findall(tagged)) > 4:
        raise InputError(f"{place}: each of <e1>, </e1>, <e2>, </e2> was expected once in {tagged[:80]!r}")
    return (
        text,
        _checked_span([bounds["<e1>"], bounds["</e1>"]], text, f"{place}: the entity <e1>"),
        _checked_span([bounds["<e2>"], bounds["</e2>"]], text, f"{place}: the entity <e2>"),
    )


def _semeval_blocks(path: str | Path, bad: BadRows) -> Iterator[tuple[int, tuple[str, str | None]]]:
    """(line, (text with tags, relation)) of each sentence."""
    marked: tuple[int, str] | None = None  # the sentence whose relation may come next
    in_block = False  # whether it had a number
    for line, content in read_lines(path):
        content = content.strip()
        if not content or (in_block and content.startswith("Comment")):
            continue
        if _TAG.search(content):
            if marked is not None:
                yield marked[0], (marked[1], None)
            numbered = _NUMBERED.fullmatch(content)
            in_block = numbered is not None
            marked = (line, numbered[1] if numbered else content)
        elif marked is not None and len(content.split()) == 1:
            yield marked[0], (marked[1], content)
            marked = None
        else:
            bad.add(
                f"{bad.place(line)}: {content[:80]!r} is neither a text with <e1>...</e1> and <e2>...</e2> nor the "
                f"relation of one above it"
            )
    if marked is not None:
        yield marked[0], (marked[1], None)


def _read_block(labelled: bool, place: str, line: int, block: tuple[str, str | None]) -> MarkedText:
    tagged, label = block
    text, first, second = parse_tags(tagged, place)
    if labelled and label is None:
        raise InputError(
            f"{place}: the sentence has no relation; one was expected in the line below, such as Cause-Effect(e1,e2), "
            f"or Other"
        )
    return MarkedText(line, text, first, second, label if labelled else None)


def _read_spans(labelled: bool, place: str, line: int, values: dict[str, Any]) -> MarkedText:
    text = text_of(values, "text", place)
    first, second = (
        _checked_span(value_of(values, key, place), text, f"{place}: the span {key!r}") for key in ("first", "second")
    )
    label = text_of(values, "label", place).strip() if labelled else None
    return MarkedText(line, text, first, second, label)


def _checked_span(span: Any, text: str, name: str) -> tuple[int, int]:
    is_pair = isinstance(span, list) and len(span) == 2 and all(type(bound) is int for bound in span)
    if not is_pair or not 0 <= span[0] < span[1] <= len(text):
        raise InputError(
            f"{name} is {str(span)[:40]}; [start, end] was expected, with start below end, in a text of {len(text):,} "
            f"characters"
        )
    if not text[span[0] : span[1]].strip():
        raise InputError(f"{name} marks nothing but white space")
    return span[0], span[1]
