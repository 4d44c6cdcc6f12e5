"""Rows that cannot be used. All of a file are reported together, or they are left out and counted.

    bad = BadRows(path, "stop")
    for example in bad.good(read_rows(path, columns, bad=bad), read, "holds no examples"): ...

Readers of rows call ``add`` for a row that they cannot read, and go on with the next one.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from bert.errors import InputError

SHOWN = 5  # bad rows in a message
MOST = 1000  # bad rows after which a file is read no further, unless they are left out

Item = TypeVar("Item")


class BadRows:
    """The bad rows of a file.

    Args:
        path: of the file.
        what: "stop": they are an error at the end of the file; "skip": they are left out, with a warning.
        can_skip: whether the user may ask for "skip". The error then names the flag.
    """

    def __init__(self, path: str | Path, what: str = "stop", can_skip: bool = True):
        self.path, self.skip, self.can_skip = path, what == "skip" and can_skip, can_skip
        self.unit = "line"  # what a row's number counts
        self.count = 0
        self.first: list[str] = []  # the first problems, each with its place

    def place(self, number: int) -> str:
        """Where a row is, for error messages."""
        return f"{self.path}: {self.unit} {number}"

    def add(self, problem: str) -> None:
        """Notes a bad row.

        Args:
            problem: its place, and what is wrong there.

        Raises:
            InputError: if these are too many, and they are not left out.
        """
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(problem)
        if self.count > MOST and not self.skip:
            self.report()

    def good(
        self, rows: Iterable[tuple[int, Any]], read: Callable[[str, int, Any], Item], if_none: str
    ) -> Iterator[Item]:
        """What ``read`` makes of each row. A row for which it raises an InputError is bad.

        After a bad row nothing more is yielded, unless bad rows are left out.

        Args:
            rows: (number, values) of each.
            read: takes the place for messages, the number and the values.
            if_none: what to say of a file without rows.

        Raises:
            InputError: at the end, if there were bad rows or no rows.
        """
        empty = True
        for number, values in rows:
            try:
                item = read(self.place(number), number, values)
            except InputError as error:
                self.add(str(error))
                continue
            if self.skip or not self.count:
                empty = False
                yield item
        self.report()
        if empty:
            raise InputError(f"{self.path}: {if_none}")

    def report(self) -> None:
        """Warns of rows that are left out. Raises an InputError if they may not be."""
        if not self.count:
            return
        only_one = self.count == 1
        rest = f"; and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        listed = "; ".join(problem.removeprefix(f"{self.path}: ") for problem in self.first) + rest
        if self.skip:
            warnings.warn(
                f"{self.path}: {self.count:,} {'row is' if only_one else 'rows are'} left out ({listed})", stacklevel=2
            )
            return
        remedy = f"mend or remove {'it' if only_one else 'them'}"
        if self.can_skip:
            remedy += f", or leave {'it' if only_one else 'them'} out with --bad-rows skip"
        if only_one:
            raise InputError(f"{self.first[0]}; {remedy}")
        count = f"{self.count:,}" if self.count <= MOST else f"more than {MOST:,}"
        raise InputError(f"{self.path}: {count} rows are bad ({listed}); {remedy}")


def add_or_raise(bad: BadRows | None, problem: str) -> None:
    """Notes a bad row. Raises an InputError if nobody collects them."""
    if bad is None:
        raise InputError(problem)
    bad.add(problem)
