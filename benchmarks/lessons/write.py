"""Puts the table and the page into docs/.

The rows are kept there, too (``lessons.json``). So a table may be measured in parts, each in a directory of its own.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.lessons.page import page_of
from benchmarks.lessons.rows import Row, read_table, write_row
from benchmarks.lessons.tables import hours, table_of
from bert.errors import InputError
from bert.files.whole import write_atomically

DOCS = Path(__file__).parents[2] / "docs"
KEPT = "lessons.json"
BEGIN, END = "<!-- python -m benchmarks.lessons --write: begin -->", "<!-- end -->"


def write_documents(rows: Sequence[Row], docs: Path = DOCS) -> None:
    """Replaces the marked block of ``lessons.md``, and writes ``lessons.html`` and ``lessons.json``.

    Rows that were written before stay, unless they are of the same lesson and size.

    Raises an InputError if the block's marks are not there.
    """
    path = docs / "lessons.md"
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or END not in text.split(BEGIN)[1]:
        raise InputError(f"{path}: lacks the lines {BEGIN} and {END}, between which the table goes")
    for row in rows:
        write_row(docs / KEPT, row)
    rows = read_table(docs / KEPT)
    before, rest = text.split(BEGIN)
    write_atomically(path, f"{before}{BEGIN}\n{block_of(rows)}\n{END}{rest.split(END, 1)[1]}")
    write_atomically(docs / "lessons.html", page_of(rows))


def block_of(rows: Sequence[Row]) -> str:
    """What stands between the marks."""
    machines = dict.fromkeys(row.machine for row in rows)
    days = sorted({row.measured for row in rows})
    day = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Measured on {day}: {'; '.join(machines)}. {hours(rows):.1f} hours of training in all.\n\n{table_of(rows)}"
