"""Many threads ask, one thread computes: what waits at the same time becomes one batch.

clients' threads -> submit -> a queue of bounded length -> a batch -> predict -> a Future for each item

A batch of short texts takes far less time than its texts one by one: each weight is read once for all of them.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

ROWS = 64  # the most items of a batch
TOKENS = 4_096  # the most tokens of a batch; a longer item goes alone
QUEUE = 1_024  # the most items that wait
WAIT = 0.005  # seconds that the first item of a batch waits for others


class Full(Exception):
    """There is no room for so many items now."""


class Closed(Exception):
    """No new items are taken: the program ends."""


class _Waiting(NamedTuple):
    item: Any
    tokens: int
    future: Future


class Batcher:
    """Computes items in batches, in the order in which they came. It may be used as a ``with`` block.

    Args:
        predict: takes a list of items, and gives a result for each. One thread calls it.
        tokens: the size of an item.
        watch: is told of each batch: its items, its tokens, and the seconds that it took.
    """

    def __init__(
        self,
        predict: Callable[[list[Any]], Sequence[Any]],
        tokens: Callable[[Any], int] = lambda item: 1,
        most_rows: int = ROWS,
        most_tokens: int = TOKENS,
        room: int = QUEUE,
        wait: float = WAIT,
        watch: Callable[[int, int, float], None] = lambda rows, tokens, seconds: None,
    ):
        self.predict, self.tokens, self.watch = predict, tokens, watch
        self.most_rows, self.most_tokens, self.room, self.wait = most_rows, most_tokens, room, wait
        self._queue: deque[_Waiting] = deque()
        self._queued_tokens = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Batcher":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._queue)

    def submit(self, items: Sequence[Any]) -> list[Future]:
        """Takes all items or none. A Future that is cancelled while it waits is passed over.

        Raises:
            Full: if not all of them find room.
            Closed: after ``close``.
        """
        waiting = [_Waiting(item, self.tokens(item), Future()) for item in items]
        with self._changed:
            if self._closed:
                raise Closed
            if len(self._queue) + len(waiting) > self.room:
                raise Full
            self._queue.extend(waiting)
            self._queued_tokens += sum(each.tokens for each in waiting)
            self._changed.notify()
        return [each.future for each in waiting]

    def close(self) -> None:
        """Takes no more items, and returns when those that wait are computed."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            begin = time.perf_counter()
            self._compute(batch)
            self.watch(len(batch), sum(each.tokens for each in batch), time.perf_counter() - begin)

    def _next_batch(self) -> list[_Waiting]:
        """The items that have waited longest. Empty if there will be no more."""
        with self._changed:
            batch, tokens = [], 0
            while not batch and not (self._closed and not self._queue):
                self._changed.wait_for(lambda: self._queue or self._closed)
                self._changed.wait_for(self._has_enough, timeout=self.wait)
                while self._queue and len(batch) < self.most_rows:
                    if batch and tokens + self._queue[0].tokens > self.most_tokens:
                        break
                    first = self._queue.popleft()
                    self._queued_tokens -= first.tokens
                    if first.future.set_running_or_notify_cancel():
                        batch.append(first)
                        tokens += first.tokens
            return batch

    def _has_enough(self) -> bool:
        return self._closed or len(self._queue) >= self.most_rows or self._queued_tokens >= self.most_tokens

    def _compute(self, batch: list[_Waiting]) -> None:
        """Computes a batch. If that fails, it computes each item alone: only the item at fault gets the error."""
        try:
            results = self.predict([each.item for each in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for each in batch:
                self._compute([each])
            return
        for each, result in zip(batch, results, strict=True):
            each.future.set_result(result)
