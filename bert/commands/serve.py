"""``python -m bert serve``: a run behind HTTP, until Ctrl-C or SIGTERM.

For a server that other machines reach, a ``Batcher`` stands as well behind other frameworks: docs/using_models.md.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bert.adaptation.loading import Source, source_of
from bert.commands.services import service_of
from bert.serve.limits import Limits
from bert.serve.server import Server

# Seconds after which a thread of Python must let others go on. A client's long text is cut into pieces in Python, and
# the model's thread needs the interpreter again after each operation: with the usual 0.005 it would hardly move.
SWITCH_INTERVAL = 0.0005


def serve(
    run: str | Path | Source,
    host: str,
    port: int,
    limits: Limits,
    given: dict[str, Any],
    device: str | torch.device = "cpu",
    pooling: str | None = None,
    int8: bool = False,
    log: Callable[[str], None] = lambda sentence: None,
    note: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Answers requests until a signal comes. Then it answers what it took, and returns.

    Args:
        given: the reading settings, pooling: of vectors, int8: see ``service_of``.
        log: takes a line when the server is there, and two at its end.
        note: takes notes on how the model was loaded.

    Raises:
        InputError: if the run cannot be served, or the server cannot listen there.
    """
    service = service_of(source_of(run), given, device, pooling, int8, note)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        with _signals() as wait, Server(service, host, port, limits) as server:
            log(f"{server.url} answers for {service.run} ({service.kind}); Ctrl-C ends it")
            wait()
            log("ending: what was taken is answered, what is new is refused")
    finally:
        sys.setswitchinterval(before)
    counts = server.measurements.requests
    answered = sum(count for (path, code), count in counts.items() if (path, code) == ("/predict", 200))
    log(f"ended; requests answered: {answered:,}")


@contextmanager
def _signals() -> Iterator[Callable[[], None]]:
    """Gives a function that waits for SIGTERM or Ctrl-C. A second one ends the program at once.

    The system may deliver a signal to any thread. Python runs handlers in the main thread alone, and a waiting main
    thread would not wake up for it. So the byte that wakes it comes from Python's own C handler, in any thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    names = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(name) for name in names]

    def restore() -> None:
        signal.set_wakeup_fd(wakeup_before)
        for name, handler in zip(names, before):
            signal.signal(name, handler)

    def wait() -> None:
        while ord(os.read(reading, 1)) not in names:  # another signal that has a handler
            pass
        restore()

    wakeup_before = signal.set_wakeup_fd(writing)
    try:
        for name in names:
            signal.signal(name, lambda number, frame: None)  # not the default, which ends the program
        yield wait
    finally:
        restore()
        os.close(reading)
        os.close(writing)
