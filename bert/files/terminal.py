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
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import IO, Any, cast

BETWEEN_LINES = 30.0  # seconds between two lines that say how far something is
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
        with _bars_aside():
            print(*map(_line, lines), sep="\n", flush=True)
    except BrokenPipeError:
        silence_stdout()


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Shows how far something is. Gives a function that takes how much is done, and of how much.

    In a terminal there is a bar until the block ends. Elsewhere a line every half a minute says the share, so nothing
    is said if it is quick. What is done never goes back, nor beyond all.
    """
    if not sys.stderr.isatty():
        said = time.monotonic()

        def say(done: int, total: int) -> None:
            nonlocal said
            if time.monotonic() - said >= BETWEEN_LINES:
                said = time.monotonic()
                print_line(f"{what}: {min(done / max(total, 1), 1):.0%}")

        yield say
        return
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with contextlib.ExitStack() as stack:

        @cache  # it is made when it is first shown
        def bar() -> tqdm:
            return stack.enter_context(tqdm(total=1.0, desc=what, bar_format=form, dynamic_ncols=True, leave=False))

        def show(done: int, total: int) -> None:
            bar().update(max(min(done / max(total, 1), 1) - bar().n, 0))

        yield show


def _bars_aside() -> contextlib.AbstractContextManager[None]:
    """Inside the block, lines are printed above the progress bars of a terminal."""
    tqdm = sys.modules.get("tqdm")
    return contextlib.nullcontext() if tqdm is None else tqdm.tqdm.external_write_mode(file=sys.stdout)


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
