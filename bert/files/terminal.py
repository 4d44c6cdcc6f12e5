"""Printing that does not end a program, and an end that leaves nothing half-written."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Keeps printing and SIGTERM from ending the program badly, inside the block.

    A character that the terminal's encoding lacks is written as an escape. Without a standard output nothing is
    printed. SIGTERM ends a program of one process through its ``finally`` clauses, which remove temporary files. The
    exit code is 143. One of several processes ends at once. Waiting for the others, it might never reach its clauses.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the shell closed it, as with >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the program ends)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    process = os.getpid()

    def end(number, frame):
        if os.getpid() == process:
            raise SystemExit(128 + number)
        signal.signal(number, signal.SIG_DFL)  # a forked worker has this handler from its parent, and ends at once
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    has_signals = threading.current_thread() is threading.main_thread() and before is not None
    if has_signals and os.environ.get("WORLD_SIZE", "1") == "1":
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if has_signals:
            signal.signal(signal.SIGTERM, before)


def print_line(sentence: str) -> None:
    """Prints a sentence at once. Once the reader has closed the pipe, it prints nothing more. The program goes on."""
    try:
        print(sentence, flush=True)
    except BrokenPipeError:
        silence_stdout()


def silence_stdout() -> None:
    """Prints nothing more. Python's buffered output goes nowhere too, or writing it at the end would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def printing_failed(error: OSError) -> str:
    """The sentence for an OSError while something was printed."""
    return f"the output cannot be written ({error.strerror or error}); print it to another place"
