import numpy as np
import pytest

from data.pretraining.masking import _select_words, mask_budgets, mask_tokens

MASK, VOCAB = 4, 1000
CONTINUES = np.arange(VOCAB) % 3 == 1  # ids that continue a word


def make_batch(rows=400, length=64, seed=0):
    """Padded rows [CLS] A [SEP] B [SEP] of random ids and lengths; which ids are maskable; the lengths."""
    random = np.random.default_rng(seed)
    lengths = random.integers(5, length + 1, rows)
    first_sep = random.integers(2, lengths - 2)
    seq = np.arange(length)
    maskable = (seq > 0) & (seq < lengths[:, None] - 1) & (seq != first_sep[:, None])
    input_ids = np.where(maskable, random.integers(10, VOCAB, (rows, length)), 0)
    return input_ids, maskable, lengths


def mask(input_ids, maskable, lengths, examples=None, seed=1, epoch=0, continues=None):
    examples = np.arange(len(input_ids)) if examples is None else examples
    return mask_tokens(input_ids, maskable, mask_budgets(lengths), examples, seed, epoch, MASK, VOCAB, continues)


def test_budgets_are_the_same_as_the_references():
    lengths = np.arange(3, 513)
    assert mask_budgets(lengths).tolist() == [max(1, round(length * 0.15)) for length in lengths.tolist()]


def test_exactly_the_budget_is_selected_and_only_from_the_text():
    input_ids, maskable, lengths = make_batch()
    before = input_ids.copy()
    masked, selected = mask(input_ids, maskable, lengths)
    assert (selected.sum(axis=1) == mask_budgets(lengths)).all()
    assert not (selected & ~maskable).any()
    assert (masked == input_ids)[~selected].all()
    assert (input_ids == before).all()  # inputs are never changed in position


def test_eighty_percent_are_masked_ten_replaced_and_ten_kept():
    input_ids, maskable, lengths = make_batch(4000)
    masked, selected = mask(input_ids, maskable, lengths)
    count = selected.sum()
    is_mask = (masked == MASK) & selected
    is_kept = (masked == input_ids) & selected
    is_random = selected & ~is_mask & ~is_kept
    for observed, probability in ((is_mask, 0.8), (is_kept, 0.1), (is_random, 0.1)):
        # A random token is [MASK] or the token itself in one case of a thousand each.
        assert abs(observed.sum() - count * probability) < 5 * np.sqrt(count * probability * (1 - probability)) + 30
    values = masked[is_random]
    assert values.min() < 10  # any of the vocabulary, special tokens too
    observed = np.histogram(values, bins=10, range=(0, VOCAB))[0]
    assert np.abs(observed - len(values) / 10).max() < 5 * np.sqrt(len(values) / 10)


@pytest.mark.parametrize("shares", [(100, 0, 0), (50, 30, 20), (0, 0, 100), (0, 100, 0)], ids=str)
def test_other_shares_are_inside_five_sigma(shares):
    input_ids, maskable, lengths = make_batch(2000)
    budgets, examples = mask_budgets(lengths), np.arange(len(lengths))
    masked, selected = mask_tokens(input_ids, maskable, budgets, examples, 1, 0, MASK, VOCAB, shares=shares)
    assert (selected == mask(input_ids, maskable, lengths)[1]).all()  # the same tokens
    count = selected.sum()

    def sigmas(ids):
        is_mask, is_kept = ((ids == each) & selected for each in (MASK, input_ids))
        found = [is_mask.sum(), count - is_mask.sum() - is_kept.sum(), is_kept.sum()]
        chances = [share / 100 + shares[1] / 100 * lucky for share, lucky in zip(shares, (0.001, -0.002, 0.001))]
        return [abs(number - count * chance) / np.sqrt(max(count * chance * (1 - chance), 1))
                for number, chance in zip(found, chances)]  # fmt: skip

    assert max(sigmas(masked)) < 5
    assert max(sigmas(mask(input_ids, maskable, lengths)[0])) > 5  # the control: 80, 10, 10


@pytest.mark.parametrize("continues", [None, CONTINUES], ids=["pieces", "whole words"])
@pytest.mark.parametrize("rate", [0.001, 0.4, 0.9, 0.999])
def test_of_any_rate_no_special_token_is_selected_and_the_budget_is_kept(rate, continues):
    input_ids, maskable, lengths = make_batch(300)
    budgets = mask_budgets(lengths, rate)
    assert budgets.tolist() == [max(1, round(rate * length)) for length in lengths.tolist()]
    selected = mask_tokens(input_ids, maskable, budgets, np.arange(300), 1, 0, MASK, VOCAB, continues)[1]
    assert not (selected & ~maskable).any()
    expected = np.minimum(budgets, maskable.sum(axis=1))
    assert (selected.sum(axis=1) <= expected).all() and selected.any(axis=1).all()
    if continues is None:
        assert (selected.sum(axis=1) == expected).all()
    assert (expected < budgets).any() == (rate > 0.5)  # short examples have fewer tokens than the rate asks for


def test_of_a_lower_rate_the_masks_are_among_those_of_a_higher_one():
    input_ids, maskable, lengths = make_batch(100)
    few, many = (
        mask_tokens(input_ids, maskable, mask_budgets(lengths, rate), np.arange(100), 1, 0, MASK, VOCAB)[1]
        for rate in (0.15, 0.3)
    )
    assert (many >= few).all() and many.sum() > 1.5 * few.sum()


def test_every_token_is_equally_likely_to_be_selected():
    rows, length = 20_000, 27
    input_ids = np.full((rows, length), 10)
    maskable = np.ones((rows, length), bool)
    maskable[:, [0, 13, 26]] = False
    _, selected = mask(input_ids, maskable, np.full(rows, length))
    counts = selected.sum(axis=0)
    assert (counts[[0, 13, 26]] == 0).all()
    expected = rows * 4 / 24
    assert np.abs(counts[maskable[0]] - expected).max() < 5 * np.sqrt(expected * 20 / 24)


@pytest.mark.parametrize("continues", [None, CONTINUES], ids=["pieces", "whole words"])
def test_a_mask_does_not_depend_on_the_batch_or_its_padding(continues):
    input_ids, maskable, lengths = make_batch(50)
    masked, selected = mask(input_ids, maskable, lengths, continues=continues)
    for row in range(50):
        only, length = np.array([row]), lengths[row]
        one = (input_ids[only, :length], maskable[only, :length], lengths[only])
        masked_alone, selected_alone = mask(*one, examples=only, continues=continues)
        assert (masked_alone == masked[only, :length]).all()
        assert (selected_alone == selected[only, :length]).all()


@pytest.mark.parametrize("other", [{"seed": 2}, {"epoch": 1}, {"examples": np.arange(50) + 50}], ids=str)
def test_another_seed_epoch_or_example_has_another_mask(other):
    batch = make_batch(50)
    assert (mask(*batch)[1] == mask(*batch)[1]).all()
    same = (mask(*batch)[1] == mask(*batch, **other)[1]).all(axis=1)
    assert same.mean() < 0.2  # short examples have few possible masks


def words_of(row_ids, row_maskable):
    """The words of one example: lists of positions."""
    words = []
    for position in np.flatnonzero(row_maskable):
        if words and words[-1][-1] == position - 1 and CONTINUES[row_ids[position]]:
            words[-1].append(position)
        else:
            words.append([position])
    return words


def test_whole_words_are_selected_within_the_budget_and_no_other_word_would_fit():
    input_ids, maskable, lengths = make_batch(500)
    _, selected = mask(input_ids, maskable, lengths, continues=CONTINUES)
    _, tokens_selected = mask(input_ids, maskable, lengths)
    budgets = mask_budgets(lengths)
    words_in_part = 0
    for row in range(500):
        words = words_of(input_ids[row], maskable[row])
        whole = [word for word in words if selected[row, word].all()]
        assert sum(map(len, whole)) == selected[row].sum()
        room = budgets[row] - selected[row].sum()
        assert 0 <= room < budgets[row]
        assert all(len(word) > room for word in words if word not in whole)
        words_in_part += sum(
            tokens_selected[row, word].any() and not tokens_selected[row, word].all() for word in words
        )
    assert words_in_part > 500  # without the flag


def test_if_no_word_fits_the_beginning_of_one_is_selected():
    # [CLS] x ##y ##z [SEP] v ##w ##w ##w [SEP]: the budget is two tokens.
    input_ids = np.array([[0, 12, 13, 16, 0, 15, 19, 19, 19, 0]] * 100)
    maskable = input_ids > 0
    _, selected = mask_tokens(input_ids, maskable, np.full(100, 2), np.arange(100), 0, 0, MASK, VOCAB, CONTINUES)
    assert {tuple(np.flatnonzero(row).tolist()) for row in selected} == {(1, 2), (5, 6)}


def test_whole_words_are_taken_in_random_order_and_long_ones_skipped():
    """Compares with the reference's rule, word by word."""
    input_ids, maskable, lengths = make_batch(300, seed=3)
    keys = np.random.default_rng(0).integers(0, 2**63, input_ids.shape, dtype=np.uint64)
    starts = np.zeros_like(maskable)
    budgets = mask_budgets(lengths)
    expected = np.zeros_like(maskable)
    for row in range(300):
        words = words_of(input_ids[row], maskable[row])
        for word in words:
            starts[row, word[0]] = True
        for word in sorted(words, key=lambda word: keys[row, word[0]]):
            if expected[row].sum() + len(word) <= budgets[row]:
                expected[row, word] = True
    keys = np.where(starts, keys, np.uint64(2**64 - 1))
    selected = _select_words(keys, starts, maskable, budgets)
    some_fit = expected.any(axis=1)
    assert some_fit.sum() > 250
    assert (selected == expected)[some_fit].all()


def test_a_continuation_after_a_special_token_is_a_word_of_its_own():
    # [CLS] x [SEP] ##y ##z [SEP]: truncation has removed the beginning of B's first word.
    input_ids = np.array([[0, 12, 0, 13, 16, 0]] * 200)
    assert CONTINUES[[13, 16]].all() and not CONTINUES[12]
    maskable = np.array([[False, True, False, True, True, False]] * 200)
    _, selected = mask_tokens(input_ids, maskable, np.full(200, 2), np.arange(200), 0, 0, MASK, VOCAB, CONTINUES)
    ways = {tuple(np.flatnonzero(row).tolist()) for row in selected}
    assert ways == {(1,), (3, 4)}


def test_a_random_token_is_any_of_the_vocabulary_special_tokens_too():
    vocab = 10  # so that the five special tokens are half of it
    input_ids, maskable, lengths = make_batch(4000)
    input_ids[:] = 10**6  # no random token is the one that was there
    masked, selected = mask_tokens(
        input_ids, maskable, mask_budgets(lengths), np.arange(4000), 1, 0, mask_token_id=10**6 + 1, vocab_size=vocab
    )
    counts = np.bincount(masked[selected & (masked < 10**6)], minlength=vocab)
    assert counts.sum() > 2000
    assert len(counts) == vocab
    assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


def test_fifteen_percent_of_the_tokens_are_selected():
    assert mask_budgets(np.array([512, 128, 100, 20])).tolist() == [77, 19, 15, 3]  # round(0.15 * length)
    assert mask_budgets(np.array([3, 4, 10])).tolist() == [1, 1, 2]  # never none; a half is rounded to even
