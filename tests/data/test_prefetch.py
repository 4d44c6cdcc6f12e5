import signal
import threading
import time
from contextlib import closing

import pytest

from data.prefetch import prefetch


def prefetching():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_the_items_are_the_same_in_the_same_order():
    assert list(prefetch(range(100), ahead=3)) == list(range(100))
    assert list(prefetch([])) == []


def test_items_are_made_before_they_are_asked_for_but_only_so_many():
    made = []
    items = prefetch((made.append(number) or number for number in range(100)), ahead=3)
    assert next(items) == 0
    deadline = time.monotonic() + 60
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 5  # one was taken, three wait, and one waits for room
    items.close()


def test_an_exception_comes_where_its_item_would_have_come():
    def items():
        yield 1
        raise ValueError("broken")

    prefetched = prefetch(items())
    assert next(prefetched) == 1
    with pytest.raises(ValueError, match="broken"):
        next(prefetched)
    assert not prefetching()


@pytest.mark.parametrize("taken", [0, 1])
def test_the_thread_ends_with_the_iterator(taken):
    items = prefetch(iter(int, 1), ahead=2)
    for _ in range(taken):
        next(items)
    items.close()
    assert not prefetching()
    items = prefetch(iter(int, 1), ahead=2)
    for _ in range(taken):
        next(items)
    assert len(prefetching()) == taken
    del items
    assert not prefetching()


def test_a_signal_while_the_thread_is_waited_for_is_not_lost():
    """In a generator that is no longer referred to, Python would print the KeyboardInterrupt and go on."""

    def slow():
        yield 1
        time.sleep(0.6)
        yield 2

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), closing(prefetch(slow())) as items:
            assert next(items) == 1
            signal.setitimer(signal.ITIMER_REAL, 0.2)
    finally:
        signal.signal(signal.SIGALRM, before)
