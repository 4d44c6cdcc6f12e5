"""A program's manners: printing that does not end it, and an end that leaves nothing half-written."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Inside the block, printing fails for no character: what the terminal's encoding lacks is written as an escape;
    and where there is no standard output at all, nothing is printed. SIGTERM ends a program of a single process by way
    of its ``finally`` clauses, which remove temporary files, with exit code 143. (Of several it ends each at once: one
    that waits for another would not come to its clauses.)
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started the program, as by >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (as long as the program)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    process = os.getpid()

    def end(number, frame):
        if os.getpid() == process:
            raise SystemExit(128 + number)
        signal.signal(number, signal.SIG_DFL)  # a worker process that has the handler from its parent ends at once
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    has_signals = threading.current_thread() is threading.main_thread() and before is not None
    if has_signals and int(os.environ.get("WORLD_SIZE", 1)) == 1:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if has_signals:
            signal.signal(signal.SIGTERM, before)


def print_line(sentence: str) -> None:
    """Prints a sentence at once. Where nobody reads any more, as behind a closed pipe, nothing more is printed, and the
    program goes on.
    """
    try:
        print(sentence, flush=True)
    except BrokenPipeError:
        silence_stdout()


def silence_stdout() -> None:
    """Lets nothing more be printed, not even what Python still holds and would write, and fail at, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def printing_failed(error: OSError) -> str:
    """The sentence for an error that the operating system gave while something was printed."""
    return f"what is printed cannot be written ({error.strerror or error}); print it to another place"
