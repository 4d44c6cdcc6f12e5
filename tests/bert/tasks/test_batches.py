"""Updates: each row once an epoch, the same rows in an update however they are shared out, resumable."""

import itertools
import math

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.tasks.batches import TaskBatches

LENGTHS = np.random.default_rng(3).integers(3, 60, 101)


def make(lengths=LENGTHS, batch_size=8, seed=0, **arguments):
    return TaskBatches(lengths, lambda rows: {"rows": torch.from_numpy(rows)}, batch_size, seed, **arguments)


def rows_of(update) -> list[int]:
    return [row for batch in update.micro_batches for row in batch["rows"].tolist()]


def epochs(batches, count=1) -> list[list[list[int]]]:
    """The rows of the updates of the first epochs."""
    updates = itertools.islice(batches, count * batches.updates_per_epoch)
    rows = [rows_of(update) for update in updates]
    return [rows[start : start + batches.updates_per_epoch] for start in range(0, len(rows), batches.updates_per_epoch)]


@pytest.mark.parametrize("count", [8, 9, 15, 16, 64, 101, 1003])
def test_each_row_is_in_each_epoch_once_and_batches_differ_by_one_row(count):
    for epoch in epochs(make(np.arange(count) % 37 + 3), 2):
        assert sorted(row for batch in epoch for row in batch) == list(range(count))
        sizes = {len(batch) for batch in epoch}
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= 8
        assert len(epoch) == math.ceil(count / 8)


def test_fewer_rows_than_a_batch_are_one_batch():
    assert [sorted(batch) for batch in epochs(make(LENGTHS[:5]))[0]] == [[0, 1, 2, 3, 4]]


def test_seed_and_epoch_name_the_order():
    first, second = epochs(make(), 2)
    assert epochs(make())[0] == first
    assert first != second
    assert epochs(make(seed=1))[0] != first
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}


def test_rows_of_a_batch_are_of_about_one_length_and_batches_come_in_random_order():
    lengths = np.random.default_rng(0).integers(1, 1000, 4000)
    (epoch,) = epochs(make(lengths, batch_size=10))
    padded = sum(len(batch) * lengths[batch].max() for batch in epoch)
    assert padded < 1.05 * lengths.sum()
    shuffled = np.random.default_rng(0).permutation(4000).reshape(-1, 10)  # the control
    assert sum(10 * lengths[batch].max() for batch in shuffled) > 1.5 * lengths.sum()
    longest = [lengths[batch].max() for batch in epoch]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.2
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.25  # nor do they go up within a bucket


def test_rows_that_are_not_sorted_by_length_are_a_random_sample_in_each_batch():
    lengths = np.random.default_rng(0).integers(1, 1000, 4000)
    epoch, second = epochs(make(lengths, batch_size=10, by_length=False), 2)
    assert sorted(row for batch in epoch for row in batch) == list(range(4000))
    means = [lengths[batch].mean() for batch in epoch]
    assert np.std(means) == pytest.approx(lengths.std() / 10**0.5, rel=0.1)  # that of means of ten independent rows
    assert epoch != second


@pytest.mark.parametrize(("processes", "accumulate"), [(1, 4), (2, 1), (2, 2), (3, 1)])
def test_processes_and_micro_batches_share_out_the_same_update(processes, accumulate):
    whole = [sorted(rows_of(update)) for update in itertools.islice(make(), 20)]
    parts = [
        list(itertools.islice(make(process=process, processes=processes, accumulate=accumulate), 20))
        for process in range(processes)
    ]
    for number, rows in enumerate(whole):
        assert sorted(row for part in parts for row in rows_of(part[number])) == rows
        for part in parts:
            sizes = [len(batch["rows"]) for batch in part[number].micro_batches]
            assert len(sizes) == accumulate
            assert min(sizes) > 0
            assert part[number].examples == parts[0][number].examples


def test_updates_go_on_from_any_position():
    updates = list(itertools.islice(make(), 30))
    for number in range(29):
        again = list(itertools.islice(make(position=updates[number].position), 29 - number))  # into later epochs
        assert list(map(rows_of, again)) == list(map(rows_of, updates[number + 1 :]))
        assert [update.position for update in again] == [update.position for update in updates[number + 1 :]]


def test_too_few_rows_to_share_out_are_refused():
    with pytest.raises(InputError, match="3 training examples in batches of 8 cannot be shared out to 2 processes"):
        make(LENGTHS[:3], processes=2, accumulate=2)
    with pytest.raises(InputError, match="cannot be shared out"):
        make(batch_size=2, accumulate=4)
    with pytest.raises(InputError, match="9 training examples in batches of 8 cannot be shared out"):
        make(LENGTHS[:9], accumulate=8)  # in two batches, one of 4
