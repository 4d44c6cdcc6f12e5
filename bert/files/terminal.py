"""Printing that does not end a program or steer a terminal, and an end that leaves nothing half-written.

What is read from files is data: a label, a piece, a column's name. With control characters it could move the cursor,
hide text, or make one line into two. ``print_line``, ``print_error``, Python's warnings and ``output_on_stdout`` are
the doors, and they write such characters as escapes.
"""

import contextlib
import io
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

LONGEST_LINE = 4_000  # characters of a printed line: a label may have a million

# C0 and C1 controls, U+2028 and U+2029, which end a line, and what reverses the direction of writing.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: object, keep: str = "") -> str:
    r"""A text with escapes for characters that a terminal would obey, except those to ``keep``.

    >>> printable("a\x1b[31m\n")
    'a\\x1b[31m\\n'
    """
    return _CONTROLS.sub(
        lambda match: match[0] if match[0] in keep else match[0].encode("unicode_escape").decode(), str(text)
    )


@contextlib.contextmanager
def orderly(format_warning: Callable[..., str] | None = None) -> Iterator[None]:
    """Keeps printing and SIGTERM from ending the program badly, inside the block.

    A character that the terminal's encoding lacks is written as an escape. Without a standard output nothing is
    printed. SIGTERM ends a program of one process through its ``finally`` clauses, which remove temporary files. The
    exit code is 143. One of several processes ends at once. Waiting for the others, it might never reach its clauses.
    Warnings are printed without control characters, as ``format_warning`` writes them (None: as Python does).
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the shell closed it, as with >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the program ends)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def end(number, frame):
        raise SystemExit(128 + number)

    format_before = warnings.formatwarning

    def format_printable(message: Any, *arguments: Any, **more: Any) -> str:
        return (format_warning or format_before)(_line(message), *arguments, **more)

    warnings.formatwarning = format_printable
    before = signal.getsignal(signal.SIGTERM)
    has_signals = threading.current_thread() is threading.main_thread() and before is not None
    if has_signals and os.environ.get("WORLD_SIZE", "1") == "1":
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        warnings.formatwarning = format_before
        if has_signals:
            signal.signal(signal.SIGTERM, before)


def print_line(*lines: str) -> None:
    """Prints each line at once, without control characters: data never makes one line into two.

    Once the reader has closed the pipe, it prints nothing more. The program goes on.
    """
    try:
        print(*map(_line, lines), sep="\n", flush=True)
    except BrokenPipeError:
        silence_stdout()


def print_error(sentence: object) -> None:
    """Prints a sentence to standard error, without control characters."""
    print(_line(sentence), file=sys.stderr)


def _line(sentence: object) -> str:
    """A sentence as one line of bounded length."""
    text = printable(sentence)
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]} ..."


def output_on_stdout() -> IO[bytes]:
    """Standard output, for a table. A terminal is shown no control characters; a pipe or a file gets each byte."""
    return cast(IO[bytes], _Printed()) if sys.stdout.isatty() else sys.stdout.buffer


class _Printed(io.BufferedIOBase):
    """A binary file that prints what is written to it."""

    def write(self, content: Any) -> int:
        sys.stdout.write(printable(content.decode("utf-8"), keep="\t\n"))
        return len(content)


def silence_stdout() -> None:
    """Prints nothing more. Python's buffered output goes nowhere too, or writing it at the end would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def printing_failed(error: OSError) -> str:
    """The sentence for an OSError while something was printed."""
    return f"the output cannot be written ({error.strerror or error}); print it to another place"
