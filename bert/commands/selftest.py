"""``bert selftest``: a table of the largest error of every part."""

from collections.abc import Iterable

import torch

from bert.errors import InputError
from bert.files.terminal import print_line
from bert.selftest.against import against_rows
from bert.selftest.numbers import numbers_of
from bert.selftest.recording import check_new_file, write_recording
from bert.selftest.rows import Row, Section, run
from bert.selftest.sections import sections
from bert.selftest.subject import random_subject, read_subject

NAME_WIDTH = 46  # characters


def selftest(
    directory: str | None, against: str | None, record: str | None, compiles: bool, device: torch.device
) -> int:
    """Prints the table, or writes the file to ``record``. Returns the exit code: 1 if a bound is broken.

    Args:
        directory: a checkpoint's; None: random weights.
        against: a second directory, or a file of recorded numbers.

    Raises an InputError if a directory or file cannot be used, or the flags do not go together.
    """
    given = [(flag, file) for flag, file in (("--against", against), ("--record", record)) if file is not None]
    if len(given) + compiles > 1:
        raise InputError("--against, --record and --compile each do something else; give one of them")
    for flag, file in given:
        if directory is None:
            raise InputError(f"{flag} {file}: of which checkpoint? name its directory: selftest DIR {flag} ...")
    if record is not None:
        check_new_file(record)
    subject = random_subject(device) if directory is None else read_subject(directory, device)
    if record is not None:
        numbers = numbers_of(subject)
        write_recording(record, subject.inputs, numbers)
        print_line(f"{record}: {len(numbers)} arrays of {directory}, for {len(subject.inputs.lengths)} texts")
        return 0
    if against is not None:
        title = f"{directory} against {against}, each layer given the same states"
        rows = run([Section(title, against_rows(subject, against))], print_row)
    else:
        rows = run(sections(subject, device, compiles), print_row)
    return conclude(rows)


def print_row(each: Section | Row) -> None:
    """Prints a section's title, or a row: its name, error, bound and file."""
    if isinstance(each, Section):
        print_line("", each.title)
        return
    error = "not tried" if each.error is None else f"{each.error:.1e}"
    bound = "" if each.error is None else f"{each.bound:.0e}" if each.bound else "0"
    mark = "BROKEN" if each.is_broken else ""
    note = f"  {each.note}" if each.note else ""
    print_line(f"{mark:7}{each.name:{NAME_WIDTH}}{error:>9}  {bound:>6}  {each.file}{note}")


def conclude(rows: Iterable[Row]) -> int:
    """Prints what came out. Returns the exit code: 1 if a bound is broken."""
    rows = list(rows)
    broken, missing = [row for row in rows if row.is_broken], [row for row in rows if row.error is None]
    print_line("")
    for row in broken:
        said = f" ({row.note})" if row.note else ""
        print_line(
            f"broken: {row.name}: the error {row.error:.1e} is above the bound {row.bound:.0e}: {row.file}{said}"
        )
    held = len(rows) - len(broken) - len(missing)
    left = f"; {len(missing)} not tried" if missing else ""
    print_line(f"{held} of {len(rows) - len(missing)} rows are within their bounds{left}")
    return 1 if broken else 0
