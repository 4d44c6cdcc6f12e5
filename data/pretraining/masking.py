"""Masking: which tokens are hidden from the model, and by what.

Devlin et al. 2018, section 3.1 and appendix A.1; google-research/bert, ``create_pretraining_data.py``. In each example
we select max(1, round(0.15 * length)) tokens. The length counts the special tokens, which are never selected. Of the
selected tokens 80 % become ``[MASK]``, 10 % a random token, and 10 % stay as they are. The model predicts them all.

Why not ``[MASK]`` alone: no text of a later task has it, so training would differ from use (section 3.1). Since any
token may be a random one, or one to predict as it is, the model must keep a good state for every token (A.1).

Two departures. We draw masks anew in each epoch ("dynamic masking"; Liu et al. 2019, RoBERTa, section 4.1). So the
model seldom sees a text masked as before. The reference writes ``dupe_factor`` = 10 fixed copies instead, as
``Masking(copies=10)`` does. And we have no ``max_predictions_per_seq``: it only fits the selection into the reference's
records of a fixed size.

A mask depends on the seed, the epoch, and the token at which the example's chunk begins. It does not depend on the
batch, worker or process.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from bert.randomness import random_bits, random_fractions, random_integers

MASKED_FRACTION = 0.15
SHARES = (80, 10, 10)


@dataclass(frozen=True)
class Masking:
    """How a run masks its examples. The defaults are the paper's, with masks drawn anew in each epoch.

    Attributes:
        rate: the share of the tokens that is selected, at the beginning of the run and at its end. Between them it
            changes in a straight line (Ankner et al. 2023, "Dynamic Masking Rate Schedules for MLM Pretraining").
        shares: of a hundred selected tokens, how many become ``[MASK]``, how many a random token, and how many stay.
        copies: so many epochs differ. After them the examples come again with the masks that they had, in another
            order: 1 is static masking. 0: every epoch has its own.
    """

    rate: tuple[float, float] = (MASKED_FRACTION, MASKED_FRACTION)
    shares: tuple[int, int, int] = SHARES
    copies: int = 0

    def rate_at(self, fraction: float) -> float:
        """The rate when this fraction of the run is over, from 0 to 1.

        >>> Masking(rate=(0.5, 0.25)).rate_at(0.5)
        0.375
        """
        first, last = self.rate
        return first + (last - first) * fraction

    def epoch_of(self, epoch: int) -> int:
        """The epoch that names the random numbers of this epoch's examples.

        >>> [Masking(copies=2).epoch_of(epoch) for epoch in range(5)]
        [0, 1, 0, 1, 0]
        """
        return epoch % self.copies if self.copies else epoch


DEFAULT = Masking()


class _Draw(IntEnum):
    """What a random number is for: part of its name."""

    POSITION = 200
    TREATMENT = 201
    RANDOM_TOKEN = 202


def mask_tokens(
    input_ids: np.ndarray,
    maskable: np.ndarray,
    budgets: np.ndarray,
    examples: np.ndarray,
    seed: int,
    epoch: int,
    mask_token_id: int,
    vocab_size: int,
    continues_word: np.ndarray | None = None,
    shares: tuple[int, int, int] = SHARES,
) -> tuple[np.ndarray, np.ndarray]:
    """Masks a batch.

    Args:
        input_ids: (batch, seq) integers.
        maskable: (batch, seq) bool: a token of the text, not ``[CLS]``, ``[SEP]`` or padding.
        budgets: (batch,) how many tokens to select in each example, from 1. If fewer are maskable, we select these.
        examples: (batch,) integers that name the examples within the epoch.
        seed, epoch: name the random numbers.
        mask_token_id: ``[MASK]``.
        vocab_size: a random token is any of the vocabulary, special tokens included, as in the reference.
        continues_word: (vocab_size,) bool by id, for whole-word masking; None masks single tokens.
        shares: see ``Masking``.

    Returns:
        The ids that the model sees, (batch, seq), and which of them it predicts, (batch, seq) bool.
    """
    seq = np.arange(input_ids.shape[1])
    budgets = np.minimum(budgets, maskable.sum(axis=1))
    word_starts = maskable
    if continues_word is not None:
        # The first token after a special token begins a word, even if it is a continuation. Truncation has removed
        # the word's beginning then. (The reference joins it to the last word of A.)
        follows_text = np.zeros_like(maskable)
        follows_text[:, 1:] = maskable[:, :-1]
        word_starts = maskable & ~(continues_word[input_ids] & follows_text)
    keys = random_bits(seed, epoch, _Draw.POSITION, examples[:, None], seq)
    keys = np.where(word_starts, keys, np.uint64(2**64 - 1))  # the lowest keys are selected
    if continues_word is None:
        highest_selected = np.take_along_axis(np.sort(keys, axis=1), budgets[:, None] - 1, axis=1)
        selected = keys <= highest_selected
    else:
        selected = _select_words(keys, word_starts, maskable, budgets)

    return replace_selected(input_ids, selected, examples, seed, epoch, mask_token_id, vocab_size, shares), selected


def replace_selected(
    input_ids: np.ndarray,
    selected: np.ndarray,
    examples: np.ndarray,
    seed: int,
    epoch: int,
    mask_token_id: int,
    vocab_size: int,
    shares: tuple[int, int, int] = SHARES,
) -> np.ndarray:
    """The ids that the model sees: 80 % of the selected ones are ``[MASK]``, 10 % random, and 10 % as before.

    Each selected token has a random number from 0 to 1, which decides among the three. Its name is the seed, the epoch,
    ``_Draw.TREATMENT``, the example and the position. The random token's name has ``_Draw.RANDOM_TOKEN`` there.

    Args:
        input_ids: (batch, seq) integers. They stay as they are.
        selected: (batch, seq) bool.
        examples: (batch,) integers that name the examples within the epoch.
        seed, epoch, mask_token_id, vocab_size: see ``mask_tokens``.
        shares: other percentages than these three.

    Returns:
        (batch, seq)
    """
    mask, random, _ = shares
    rows, positions = np.nonzero(selected)
    treatment = random_fractions(seed, epoch, _Draw.TREATMENT, examples[rows], positions)
    random_tokens = random_integers(0, vocab_size - 1, seed, epoch, _Draw.RANDOM_TOKEN, examples[rows], positions)
    shown = np.where(treatment < (mask + random) / 100, random_tokens, input_ids[rows, positions])
    masked = input_ids.copy()
    masked[rows, positions] = np.where(treatment < mask / 100, mask_token_id, shown)
    return masked


def mask_budgets(lengths: np.ndarray, rate: float = MASKED_FRACTION) -> np.ndarray:
    """How many tokens are to be selected in examples of these lengths, special tokens included.

    Halves are rounded to even, like Python's ``round`` in the reference.
    """
    return np.maximum(1, np.rint(rate * lengths).astype(np.int64))


def _select_words(keys: np.ndarray, word_starts: np.ndarray, maskable: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """(batch, seq) bool: selects words in the order of their keys, and skips a word that would exceed the budget.

    If no word is short enough, we select the beginning of the first one, so that every example has a label.
    """
    length = keys.shape[1]
    seq = np.arange(length)
    start_of_word = np.maximum.accumulate(np.where(word_starts, seq, 0), axis=1)  # (batch, seq)
    breaks = np.where(maskable & ~word_starts, length, seq)  # (batch, seq) the position, if no word goes on there
    word_end = np.minimum.accumulate(breaks[:, ::-1], axis=1)[:, ::-1]  # (batch, seq) the first break from here on
    word_lengths = np.full_like(breaks, length)  # at a word's first token; elsewhere more than any budget
    word_lengths[:, :-1] = np.where(word_starts[:, :-1], word_end[:, 1:] - seq[:-1], length)

    order = np.argsort(keys, axis=1)  # (batch, seq) the words' first tokens in random order, then the rest
    word_lengths = np.take_along_axis(word_lengths, order, axis=1)
    none_fits = (word_lengths > budgets[:, None]).all(axis=1)
    word_lengths[none_fits, 0] = budgets[none_fits]

    fits = np.zeros((length, len(keys)), bool)
    room = budgets.copy()
    for rank, lengths in enumerate(word_lengths.T):
        np.less_equal(lengths, room, out=fits[rank])
        room -= lengths * fits[rank]
        if not room.any():
            break
    start_selected = np.zeros(keys.shape, bool)
    np.put_along_axis(start_selected, order, fits.T, axis=1)
    selected = np.take_along_axis(start_selected, start_of_word, axis=1) & maskable
    return selected & (seq - start_of_word < budgets[:, None])
