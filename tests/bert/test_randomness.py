import numpy as np
import pytest

from bert.randomness import fair_coins, random_bits, random_fractions, random_integers, shuffled


def test_the_bits_are_those_of_splitmix64():
    # The first outputs of the generator seeded with 0, as its authors' C code gives them.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [int(random_bits(number)[0]) for number in range(3)] == published


def test_a_number_depends_on_its_name_alone():
    places = np.arange(1000)
    together = random_bits(7, 3, places)
    assert (together[200:300] == random_bits(7, 3, places[200:300])).all()
    assert together[42] == random_bits(7, 3, 42)[0]
    for other in (random_bits(8, 3, places), random_bits(7, 4, places), random_bits(3, 7, places)):
        assert not (together == other).any()
    assert len(np.unique(together)) == 1000


def test_any_integer_can_be_a_seed():
    seeds = [0, 1, -1, 2**63, 2**64 - 2, 10**30]
    assert len({int(random_bits(seed, 5)[0]) for seed in seeds}) == len(seeds)


def test_parts_of_a_name_are_broadcast():
    rows, columns = np.arange(3)[:, None], np.arange(5)
    bits = random_bits(1, rows, columns)
    assert bits.shape == (3, 5)
    assert bits[2, 4] == random_bits(1, 2, 4)[0]


def test_fractions_are_uniform():
    fractions = random_fractions(11, np.arange(100_000))
    assert fractions.min() >= 0 and fractions.max() < 1
    observed = np.histogram(fractions, bins=20, range=(0, 1))[0]
    sigma = np.sqrt(100_000 * 0.05 * 0.95)
    assert np.abs(observed - 5000).max() < 5 * sigma
    neighbours = np.corrcoef(fractions[:-1], fractions[1:])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(100_000)


def test_integers_are_uniform_between_both_limits():
    numbers = random_integers(3, 9, 5, np.arange(70_000))
    values, counts = np.unique(numbers, return_counts=True)
    assert values.tolist() == list(range(3, 10))
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(10_000 * 6 / 7)
    low, high = np.arange(1000), np.arange(1000) * 2
    numbers = random_integers(low, high, 6, low)
    assert ((numbers >= low) & (numbers <= high)).all()


@pytest.mark.parametrize("coins", [0, 1, 5, 63, 64, 65, 128, 1000])
def test_coins_show_heads_half_of_the_time(coins):
    tosses = 20_000
    heads = fair_coins(np.full(tosses, coins), 9, np.arange(tosses))
    assert heads.min() >= 0 and heads.max() <= coins
    assert abs(heads.mean() - coins / 2) <= 5 * np.sqrt(coins / 4 / tosses)
    assert abs(heads.var() - coins / 4) <= 5 * coins / 4 * np.sqrt(2 / tosses) + 1e-12


def test_different_numbers_of_coins_can_be_tossed_together():
    coins = np.array([0, 200, 3, 64])
    names = np.arange(4)
    alone = [fair_coins(coins[name : name + 1], 1, names[name : name + 1]) for name in names]
    assert (fair_coins(coins, 1, names) == np.concatenate(alone)).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 100, 1000, 4097])
def test_a_random_order_has_every_number_once(size):
    assert sorted(shuffled(np.arange(size), size, 3, 1)) == list(range(size))


def test_a_random_order_can_be_asked_for_anywhere_and_needs_no_memory():
    size = 10**15
    assert (shuffled(np.array([5, 10**14]), size, 1) == shuffled(np.array([10**14, 5]), size, 1)[::-1]).all()
    assert shuffled(np.arange(1000), size, 1).max() > size // 2


@pytest.mark.parametrize("size", [3, 5])
def test_every_number_is_as_likely_at_every_place(size):
    orders = 1500
    where = np.zeros((size, size))
    for seed in range(orders):
        where[np.arange(size), shuffled(np.arange(size), size, seed)] += 1
    sigma = np.sqrt(orders / size * (1 - 1 / size))
    assert np.abs(where - orders / size).max() < 5 * sigma
