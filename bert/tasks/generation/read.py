"""Sources and targets: texts and their translations, documents and summaries, turns of a dialogue and the reply.

    {"source": "A dog runs.", "target": "Ein Hund rennt."}     an object in each line
    a table with the columns source and target                 .tsv, .csv
    train.en and train.de                                      two plain files, aligned line by line
    ["Hello!", "Hi, how are you?", "Fine."]                    a dialogue in each line

Each turn of a dialogue but the first is a target. Its source is the turns before it, at most ``history`` of them.
"""

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.lines import Lines, read_lines
from bert.files.schema import shown
from bert.files.tables import FORMATS, read_rows, table_format
from bert.tasks.classification.read import hold_out
from bert.tasks.options import Columns

_OF_TEXTS = Columns()  # its columns' names are those of other kinds


class Pair(NamedTuple):
    """A source and its target."""

    line: int  # in its file
    source: tuple[str, ...]  # one text; of a dialogue the last turns, the oldest first
    target: str | None  # None: it was not read


def read_pairs(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Pair]:
    """The pairs of a file, in order. Of two aligned files if ``columns`` names the targets' file.

    Without targets (``labelled`` False) each line of a plain file is a source, of any name. Sources may then be empty.
    A dialogue is then the source of the turn after its last one.

    Raises:
        InputError: if a row does not have a form above, or has an empty text; or if aligned files differ in length.
    """
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)
    if labelled and columns.targets is not None:
        if _is_table(path):
            raise InputError(
                f"{path}: is a table, which has its own targets; leave {columns.targets} out, or name a plain file of "
                f"sources"
            )
        rows = _aligned(path, columns.targets)
    elif is_dialogues(path):
        yield from _read_dialogues(path, columns, labelled, bad)
        return
    elif not _is_table(path):
        if labelled:
            raise InputError(
                f"{path}: is no table, and in a plain file are sources alone; name the file of their targets behind "
                f"it, or a table (.tsv, .csv or .jsonl)"
            )
        rows = ((line, (text,)) for line, text in read_lines(path))
    else:
        rows = read_rows(path, _names(columns, labelled), columns.header, bad, columns.loose_tabs)

    def read(place: str, line: int, values: Sequence[Any]) -> Pair:
        source = _text(values[0], "source", place, may_be_empty=not labelled)
        if not labelled:
            return Pair(line, (source,), None)
        target_place = place if columns.targets is None else f"{columns.targets}: line {line}"
        return Pair(line, (source,), _text(values[1], "target", target_place))

    yield from bad.good(rows, read, "holds no sources; rows of a source and its target were expected")


def hold_out_lines(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(training, validation): a tenth of the lines is held out, so that no dialogue is on both sides.

    Raises:
        InputError: if there are too few lines.
    """
    _, lines = hold_out(list(dict.fromkeys(pair.line for pair in pairs)))
    held_out = set(lines)
    return [pair for pair in pairs if pair.line not in held_out], [pair for pair in pairs if pair.line in held_out]


def has_columns(path: str | Path) -> bool:
    """Whether a file of sources is a table. In a plain file each line is a source, in one of dialogues a dialogue."""
    return _is_table(path) and not is_dialogues(path)


def is_dialogues(path: str | Path) -> bool:
    """Whether a file has a list of texts in its first line that is not blank."""
    if not (isinstance(path, Lines) or os.path.isfile(path)) or not _is_table(path) or table_format(path) != "jsonl":
        return False
    first = next((text for _, text in read_lines(path) if text.strip()), "")
    try:
        turns = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(turns, list) and bool(turns) and all(isinstance(turn, str) for turn in turns)


def _is_table(path: str | Path) -> bool:
    try:
        return table_format(path) in set(FORMATS.values()) - {"txt"}
    except InputError:
        return False


def _names(columns: Columns, labelled: bool) -> dict[str, str]:
    """The flags of the columns to read, with the columns' names."""
    source = "source" if columns.text == _OF_TEXTS.text else columns.text
    if not labelled:
        return {"--text-column": source}
    target = columns.label if isinstance(columns.label, str) else "+".join(columns.label)
    return {"--text-column": source, "--label-column": "target" if target == _OF_TEXTS.label else target}


def _aligned(sources: str | Path, targets: str | Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """(line, (source, target)) of two files. Lines that are blank in both are skipped."""
    pairs = itertools.zip_longest(read_lines(sources), read_lines(targets))
    for number, (source, target) in enumerate(pairs, start=1):
        if source is None or target is None:
            shorter, longer = (sources, targets) if source is None else (targets, sources)
            raise InputError(
                f"{shorter}: has {number - 1:,} lines, and {longer} has more; line by line they should be sources and "
                f"their targets: give two files with as many lines"
            )
        if source[1].strip() or target[1].strip():
            yield number, (source[1], target[1])


def _read_dialogues(path: str | Path, columns: Columns, labelled: bool, bad: BadRows) -> Iterator[Pair]:
    lines = ((line, text) for line, text in read_lines(path, bad) if text.strip())
    has_pairs = False
    for line, turns in bad.good(lines, _turns, "holds no dialogues; lists of turns were expected"):
        has_pairs = has_pairs or len(turns) > 1 or not labelled
        ends = range(1, len(turns)) if labelled else [len(turns)]
        for end in ends:
            source = turns[max(0, end - columns.history) : end]
            yield Pair(line, source, turns[end] if labelled else None)
    if not has_pairs:
        raise InputError(f"{path}: no dialogue has two turns; a turn and its reply were expected")


def _turns(place: str, line: int, text: str) -> tuple[int, tuple[str, ...]]:
    """A dialogue in a line of JSON. Empty turns say nothing and are left out, as in published sets."""
    try:
        turns = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON ({error}); a list of turns was expected") from None
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        raise InputError(f"{place}: is {shown(turns)}; a list of texts was expected, the turns of a dialogue")
    turns = tuple(turn for turn in turns if turn.strip())
    if not turns:
        raise InputError(f"{place}: no turn of the dialogue has a text; at least one was expected")
    return line, turns


def _text(value: Any, name: str, place: str, may_be_empty: bool = False) -> str:
    if not isinstance(value, str) or not (value.strip() or may_be_empty):
        raise InputError(f"{place}: the {name} is {shown(value)}; a text that is not empty was expected")
    return value
