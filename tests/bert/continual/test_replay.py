"""Replay: which examples are kept, and how they come back."""

from itertools import islice

import numpy as np
import pytest

from bert.continual.replay import ReplayBatches, drawn, reservoir
from bert.errors import InputError
from bert.heads.batch import Batch
from bert.tasks.batches import TaskBatches


def batch_of_rows(rows: np.ndarray) -> Batch:
    return Batch.of([np.array([row]) for row in rows], [np.zeros(1, int) for _ in rows], labels=rows)


def rows_of(updates) -> list[list[int]]:
    return [sorted(np.concatenate([batch.input_ids for batch in update.micro_batches])) for update in updates]


def batches(every=2, **more) -> ReplayBatches:
    return ReplayBatches([1] * 22, batch_of_rows, batch_size=4, seed=3, old_rows=7, every=every, **more)


def test_a_reservoir_holds_each_example_with_equal_chances():
    runs, count, kept = 1_500, 13, 5
    held = np.zeros(count)
    for seed in range(runs):
        indices = reservoir(count, kept, seed)
        assert len(set(indices)) == kept
        held[indices] += 1
    expected = runs * kept / count
    deviation = np.sqrt(runs * kept / count * (1 - kept / count))
    assert np.abs(held - expected).max() < 5 * deviation
    assert reservoir(3, 5, 0) == [0, 1, 2]


def test_drawn_examples_come_equally_often_in_changing_orders():
    numbers = np.concatenate([drawn(first, 4, 7, seed=1) for first in range(0, 84, 4)])
    assert np.bincount(numbers).tolist() == [12] * 7
    assert not np.array_equal(numbers[:7], numbers[7:14])


def test_every_third_update_replays_and_new_rows_all_come_once_an_epoch():
    assert batches().updates_per_epoch == 6 + 3
    epoch = rows_of(islice(batches(), 9))
    assert [min(rows) >= 22 for rows in epoch] == [False, False, True] * 3
    assert sorted(row for rows in epoch for row in rows if row < 22) == list(range(22))
    plain = rows_of(islice(TaskBatches([1] * 22, batch_of_rows, 4, 3), 6))
    assert [rows for rows in epoch if min(rows) < 22] == plain
    replayed = [row for rows in rows_of(islice(batches(), 9 * 7)) for row in rows if row >= 22]
    assert np.bincount(replayed)[22:].tolist() == [12] * 7


def test_an_epoch_of_few_updates_ends_with_a_replay():
    updates = batches(every=50)
    assert updates.updates_per_epoch == 6 + 1
    epochs = rows_of(islice(updates, 14))
    assert [min(rows) >= 22 for rows in epochs] == ([False] * 6 + [True]) * 2
    replayed = [row for rows in rows_of(islice(updates, 7 * 7)) for row in rows if row >= 22]
    assert np.bincount(replayed)[22:].tolist() == [4] * 7


def test_updates_go_on_from_a_position_and_are_shared_out_among_processes():
    updates = list(islice(batches(), 13))
    later = batches(position=updates[4].position)
    assert rows_of(islice(later, 8)) == rows_of(updates[5:])
    shares = [rows_of(islice(batches(process=process, processes=2), 9)) for process in range(2)]
    assert [sorted(a + b) for a, b in zip(*shares)] == rows_of(updates[:9])


def test_too_few_kept_examples_are_named():
    with pytest.raises(
        InputError, match=r"7 kept examples cannot be shared out to 8 processes .* more examples .--keep"
    ):
        ReplayBatches([1] * 64, batch_of_rows, 32, 3, processes=8, old_rows=7)


def test_batches_of_so_many_tokens_are_refused():
    with pytest.raises(InputError, match="--batch-tokens counts tokens, and replay draws old examples by their number"):
        batches(batch_tokens=9)
