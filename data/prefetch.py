"""Makes the next batches while the model computes the present one."""

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item], ahead: int = 4) -> Iterator[Item]:
    """The same items. A background thread makes up to ``ahead`` of them before they are asked for.

    An exception of ``items`` is raised in place of its item. The thread ends with the iterator: when it is exhausted,
    closed, or no longer referred to.
    """
    queue: Queue = Queue(ahead)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(iter(items), queue, stop), name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join()


_END = object()


def _fill(items: Iterator, queue: Queue, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            entry = (next(items, _END), None)
        except BaseException as error:
            entry = (_END, error)
        while not stop.is_set():
            try:
                queue.put(entry, timeout=0.1)
                break
            except Full:
                continue
        if entry[0] is _END:
            return
