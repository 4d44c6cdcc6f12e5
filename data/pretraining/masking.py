"""Masking: which pieces are hidden from the model, and by what.

Devlin et al. 2018, section 3.1 and appendix A.1; google-research/bert, ``create_pretraining_data.py``. Of each
example, max(1, round(0.15 * length)) pieces are chosen (the length counts the special tokens, which are never
chosen). Of the chosen, 80 % become ``[MASK]``, 10 % a random piece and 10 % stay as they are; the model has to
name them all.

Two departures. Masks are drawn anew in each epoch ("dynamic masking"; Liu et al. 2019, RoBERTa, section 4.1), so
that the model seldom sees a text masked as before; ``create_pretraining_data.py`` writes ``dupe_factor`` = 10 fixed
copies. And there is no ``max_predictions_per_seq``, which only caps the number chosen to fit the reference's records of
a fixed size.

A mask is a function of seed, epoch, and the token at which the example's chunk begins, whatever the batch, worker or
process that the example is in.
"""

from enum import IntEnum

import numpy as np

from bert.randomness import random_bits, random_fractions, random_integers

MASKED_FRACTION = 0.15


class _Draw(IntEnum):
    """What a random number is for: part of its name."""

    POSITION = 200
    TREATMENT = 201
    RANDOM_PIECE = 202


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
) -> tuple[np.ndarray, np.ndarray]:
    """Masks a batch.

    Args:
        input_ids: (batch, seq) integers.
        maskable: (batch, seq) bool: a piece of the text, not ``[CLS]``, ``[SEP]`` or padding.
        budgets: (batch,) how many pieces to choose of each example.
        examples: (batch,) the numbers that name the examples within the epoch.
        seed, epoch: name the random numbers.
        mask_token_id: ``[MASK]``.
        vocab_size: a random piece is any of the vocabulary, special tokens included, as in the reference.
        continues_word: (vocab_size,) bool by id, for whole-word masking; None masks pieces.

    Returns:
        (batch, seq) what the model sees, and (batch, seq) bool: the pieces that it has to name.
    """
    seq = np.arange(input_ids.shape[1])
    word_starts = maskable
    if continues_word is not None:
        # The first piece after a special token begins a word even if it is a continuation: truncation has cut its
        # beginning off. (The reference joins it to the last word of A.)
        follows_text = np.zeros_like(maskable)
        follows_text[:, 1:] = maskable[:, :-1]
        word_starts = maskable & ~(continues_word[input_ids] & follows_text)
    keys = random_bits(seed, epoch, _Draw.POSITION, examples[:, None], seq)
    keys = np.where(word_starts, keys, np.uint64(2**64 - 1))  # the lowest keys are chosen
    if continues_word is None:
        chosen = _choose_pieces(keys, budgets)
    else:
        chosen = _choose_words(keys, word_starts, maskable, budgets)

    rows, places = np.nonzero(chosen)
    treatment = random_fractions(seed, epoch, _Draw.TREATMENT, examples[rows], places)
    random_pieces = random_integers(0, vocab_size - 1, seed, epoch, _Draw.RANDOM_PIECE, examples[rows], places)
    shown = np.where(treatment < 0.9, random_pieces, input_ids[rows, places])
    masked = input_ids.copy()
    masked[rows, places] = np.where(treatment < 0.8, mask_token_id, shown)
    return masked, chosen


def mask_budgets(lengths: np.ndarray) -> np.ndarray:
    """How many pieces are chosen in examples of these lengths, special tokens included.

    Halves are rounded to the even number, as Python's ``round`` does in the reference.
    """
    return np.maximum(1, np.rint(MASKED_FRACTION * lengths).astype(np.int64))


def _choose_pieces(keys: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """(batch, seq) bool: the ``budgets`` pieces with the lowest keys."""
    highest_chosen = np.take_along_axis(np.sort(keys, axis=1), budgets[:, None] - 1, axis=1)
    return keys <= highest_chosen


def _choose_words(keys: np.ndarray, word_starts: np.ndarray, maskable: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """(batch, seq) bool: words in the order of their keys, but for those that would exceed the budget.

    Where no word is short enough, the beginning of the first one is chosen, so that every example has a label.
    """
    length = keys.shape[1]
    seq = np.arange(length)
    start_of_word = np.maximum.accumulate(np.where(word_starts, seq, 0), axis=1)  # (batch, seq)
    outside = np.where(maskable & ~word_starts, length, seq)  # (batch, seq) its place, if a word cannot go on there
    word_end = np.minimum.accumulate(outside[:, ::-1], axis=1)[:, ::-1]  # (batch, seq) the next such place, or itself
    word_lengths = np.full_like(outside, length)  # at a word's first piece; elsewhere more than any budget
    word_lengths[:, :-1] = np.where(word_starts[:, :-1], word_end[:, 1:] - seq[:-1], length)

    order = np.argsort(keys, axis=1)  # (batch, seq) places of words' first pieces in random order, then the rest
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
    start_chosen = np.zeros(keys.shape, bool)
    np.put_along_axis(start_chosen, order, fits.T, axis=1)
    chosen = np.take_along_axis(start_chosen, start_of_word, axis=1) & maskable
    return chosen & (seq - start_of_word < budgets[:, None])
