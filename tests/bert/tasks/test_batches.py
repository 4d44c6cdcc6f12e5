"""Updates: each row once an epoch, the same rows in an update however they are shared out, resumable."""

import itertools
import math

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.tasks.batches import TaskBatches, sizes_by_tokens

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


# ---- batches by tokens ----


def by_tokens(lengths=LENGTHS, batch_tokens=200, **arguments):
    return make(lengths, batch_size=1, batch_tokens=batch_tokens, **arguments)


@pytest.mark.parametrize("batch_tokens", [60, 100, 199, 1000, 10**6])
def test_batches_by_tokens_have_each_row_once_and_no_more_tokens_than_asked_for(batch_tokens):
    for epoch in epochs(by_tokens(batch_tokens=batch_tokens), 2):
        assert sorted(row for batch in epoch for row in batch) == list(range(len(LENGTHS)))
        assert max(LENGTHS[batch].sum() for batch in epoch) <= batch_tokens
        assert len(epoch) >= LENGTHS.sum() / batch_tokens


def test_batches_by_tokens_are_nearly_full_and_none_is_a_rest():
    lengths = np.random.default_rng(0).integers(3, 60, 4000)
    (epoch,) = epochs(by_tokens(lengths, 2000))
    tokens = [lengths[batch].sum() for batch in epoch]
    assert np.mean(tokens) > 0.95 * 2000
    assert min(tokens) > 0.9 * 2000
    greedy = [[]]  # the control: one batch after another, each as full as can be
    for row in np.argsort(lengths, kind="stable"):
        if lengths[[*greedy[-1], row]].sum() > 2000:
            greedy.append([])
        greedy[-1].append(row)
    assert lengths[greedy[-1]].sum() < 0.9 * 2000
    assert len(epoch) <= 1.05 * len(greedy)


def test_an_epoch_by_tokens_has_the_same_number_of_updates_whatever_the_seed_and_the_epoch():
    lengths = np.random.default_rng(1).zipf(1.5, 500).clip(max=90)
    batches = by_tokens(lengths, 100)
    numbers = [update.position for update in itertools.islice(batches, 4 * batches.updates_per_epoch)]
    assert [epoch for epoch, _ in numbers] == np.repeat(range(4), batches.updates_per_epoch).tolist()
    again = by_tokens(np.random.default_rng(2).permutation(lengths), 100, seed=7)
    assert again.updates_per_epoch == batches.updates_per_epoch
    assert sorted(map(len, epochs(again)[0])) == sorted(map(len, epochs(batches)[0]))


def test_seed_and_epoch_name_the_order_of_batches_by_tokens_and_the_rows_in_them():
    first, second = epochs(by_tokens(), 2)
    assert epochs(by_tokens())[0] == first
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
    assert epochs(by_tokens(seed=1))[0] != first
    means = [LENGTHS[batch].mean() for batch in first]
    assert means != sorted(means)
    for epoch in (first, second):  # the lengths are not mixed all the same
        spans = sorted((LENGTHS[batch].min(), LENGTHS[batch].max()) for batch in epoch)
        assert all(longest <= shortest for (_, longest), (shortest, _) in itertools.pairwise(spans))


def test_a_row_longer_than_a_batch_is_alone():
    lengths = np.array([5, 5, 5, 5, 30, 5, 90])
    assert {frozenset(batch) for batch in epochs(by_tokens(lengths, 20))[0]} >= {frozenset({4}), frozenset({6})}
    with pytest.raises(InputError, match="of up to 90 tokens in batches of 20 cannot be shared out to 2 processes"):
        by_tokens(lengths, 20, processes=2)


def test_too_small_a_batch_of_tokens_is_refused_if_it_has_fewer_rows_than_parts():
    assert min(map(len, epochs(by_tokens(batch_tokens=200))[0])) == 2
    by_tokens(batch_tokens=200, accumulate=2)
    with pytest.raises(InputError, match=r"a batch has as few as 2; use fewer of both, or a larger --batch-tokens"):
        by_tokens(batch_tokens=200, accumulate=2, processes=2)


@pytest.mark.parametrize(("processes", "accumulate"), [(1, 3), (2, 1), (2, 2)])
def test_processes_and_micro_batches_share_out_the_same_tokens(processes, accumulate):
    whole = [rows_of(update) for update in itertools.islice(by_tokens(batch_tokens=400), 20)]
    parts = [
        list(
            itertools.islice(by_tokens(batch_tokens=400, process=each, processes=processes, accumulate=accumulate), 20)
        )
        for each in range(processes)
    ]
    for number, rows in enumerate(whole):
        shares = [batch["rows"].numpy() for part in parts for batch in part[number].micro_batches]
        assert sorted(np.concatenate(shares).tolist()) == sorted(rows)
        tokens, counts = [LENGTHS[share].sum() for share in shares], list(map(len, shares))
        assert len(shares) == processes * accumulate
        assert max(counts) - min(counts) <= 1
        assert max(tokens) - min(tokens) <= LENGTHS[rows].max()


def test_updates_by_tokens_go_on_from_any_position():
    updates = list(itertools.islice(by_tokens(), 30))
    for number in (0, 7, by_tokens().updates_per_epoch - 1, 28):
        again = list(itertools.islice(by_tokens(position=updates[number].position), 29 - number))
        assert list(map(rows_of, again)) == list(map(rows_of, updates[number + 1 :]))


def test_batches_by_tokens_are_at_most_one_more_than_filling_one_after_another_gives():
    random = np.random.default_rng(5)
    for _ in range(50):
        lengths = np.sort(random.integers(1, 12, 12))
        sizes = sizes_by_tokens(lengths, 24)
        ends = np.cumsum(sizes)
        assert all(lengths[end - size : end].sum() <= 24 for size, end in zip(sizes, ends))
        fewest, left = 1, 24
        for length in lengths:
            fewest, left = (fewest, left - length) if length <= left else (fewest + 1, 24 - length)
        assert fewest <= len(sizes) <= fewest + 1
