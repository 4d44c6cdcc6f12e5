"""Many threads ask, one thread computes."""

import threading
import time
from concurrent.futures import wait

import pytest

from bert.serve.batcher import Batcher, Closed, Full


class Gate:
    """A model that waits until it may go on, and notes its batches."""

    def __init__(self):
        self.open, self.begun = threading.Event(), threading.Event()
        self.batches: list[list] = []

    def __call__(self, items):
        self.batches.append(list(items))
        self.begun.set()
        assert self.open.wait(10)
        return [item * 2 for item in items]


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def test_what_waits_at_the_same_time_is_one_batch_in_the_order_of_coming(gate):
    with Batcher(gate, wait=0.0) as batcher:
        first = batcher.submit([1])
        assert gate.begun.wait(10)
        others = [batcher.submit([number]) for number in (2, 3)] + [batcher.submit([4, 5])]
        gate.open.set()
        assert [future.result(10) for futures in [first, *others] for future in futures] == [2, 4, 6, 8, 10]
    assert gate.batches == [[1], [2, 3, 4, 5]]


def test_a_batch_waits_for_others_a_short_time_alone():
    batches = []
    with Batcher(lambda items: batches.append(items) or items, wait=0.3) as batcher:
        for number in range(3):
            batcher.submit([number])
            time.sleep(0.02)
        begin = time.monotonic()
        wait(batcher.submit([3]))
        assert time.monotonic() - begin < 5
    assert batches == [[0, 1, 2, 3]]


def test_rows_and_tokens_bound_a_batch_and_a_longer_item_goes_alone(gate):
    sizes = []
    with Batcher(gate, tokens=abs, most_rows=3, most_tokens=10, watch=lambda *size: sizes.append(size[:2])) as batcher:
        batcher.submit([1])
        assert gate.begun.wait(10)
        batcher.submit([4, 6, 1, 99, 1, 1, 1, 1])
        gate.open.set()
    assert gate.batches == [[1], [4, 6], [1], [99], [1, 1, 1], [1]]
    assert sizes == [(1, 1), (2, 10), (1, 1), (1, 99), (3, 3), (1, 1)]


def test_a_full_queue_takes_all_items_of_a_request_or_none(gate):
    with Batcher(gate, room=3) as batcher:
        batcher.submit([1])
        assert gate.begun.wait(10)
        batcher.submit([2, 3])
        with pytest.raises(Full):
            batcher.submit([4, 5])
        assert len(batcher) == 2
        batcher.submit([6])
        gate.open.set()
    assert gate.batches == [[1], [2, 3, 6]]


def test_only_the_item_at_fault_gets_the_error():
    def halves(items):
        return [12 // item for item in items]

    with Batcher(halves, wait=0.2) as batcher:
        one, wrong, other = batcher.submit([3, 0, 4])
        assert one.result(10) == 4 and other.result(10) == 3
        with pytest.raises(ZeroDivisionError):
            wrong.result(10)


def test_a_cancelled_item_is_not_computed(gate):
    with Batcher(gate) as batcher:
        batcher.submit([1])
        assert gate.begun.wait(10)
        given_up, kept = batcher.submit([2, 3])
        assert given_up.cancel()
        batcher.submit([4])[0].cancel()
        gate.open.set()
        assert kept.result(10) == 6
    assert gate.batches == [[1], [3]]


def test_closing_computes_what_was_taken_and_takes_nothing_new(gate):
    batcher = Batcher(gate)
    batcher.submit([1])
    assert gate.begun.wait(10)
    last = batcher.submit([2, 3])
    threading.Timer(0.05, gate.open.set).start()
    batcher.close()
    assert [future.result(0) for future in last] == [4, 6]
    with pytest.raises(Closed):
        batcher.submit([4])
