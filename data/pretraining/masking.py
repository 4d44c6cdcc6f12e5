"""Masking: which pieces are hidden from the model, and by what.

Devlin et al. 2018, section 3.1 and appendix A.1; google-research/bert, ``create_pretraining_data.py``. Of each
example, max(1, round(0.15 * length)) pieces are chosen (the length counts the special tokens, which are never
chosen). Of the chosen, 80 % become ``[MASK]``, 10 % a random piece and 10 % stay as they are; the model has to
name them all.

The masking is dynamic, drawn anew in each epoch: a function of seed, epoch, and the token at which the
example's chunk begins, whatever the batch, worker or process that the example is in.
"""

from enum import IntEnum

import numpy as np

from data.pretraining.randomness import random_bits, random_fractions, random_integers

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
    chosen = _choose_pieces(keys, budgets)
    if continues_word is not None:
        chosen = _choose_words(keys, word_starts, maskable, budgets)

    treatment = random_fractions(seed, epoch, _Draw.TREATMENT, examples[:, None], seq)
    random_pieces = random_integers(0, vocab_size - 1, seed, epoch, _Draw.RANDOM_PIECE, examples[:, None], seq)
    masked = np.where(chosen & (treatment < 0.8), mask_token_id, input_ids)
    masked = np.where(chosen & (treatment >= 0.9), random_pieces, masked)
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

    An example none of whose words is short enough has the beginning of its first word chosen instead.
    """
    batch = np.arange(len(keys))
    word_of = np.cumsum(word_starts, axis=1)  # (batch, seq) from 1; 0 before the first word
    word_of = np.where(maskable, word_of, 0)
    number_of_words = int(word_of.max())
    word_lengths = np.zeros((len(keys), number_of_words + 1), np.int64)  # (batch, words), word 0 being no word
    np.add.at(word_lengths, (batch[:, None], word_of), maskable)
    word_chosen = np.zeros(word_lengths.shape, bool)

    order = np.argsort(keys, axis=1)  # (batch, seq) places of words' first pieces, then everything else
    room = budgets.copy()
    for rank in range(number_of_words):
        places = order[:, rank]
        words = np.where(word_starts[batch, places], word_of[batch, places], 0)
        fits = (words > 0) & (word_lengths[batch, words] <= room)
        word_chosen[batch[fits], words[fits]] = True
        room -= np.where(fits, word_lengths[batch, words], 0)
        if not room.any():
            break
    chosen = word_chosen[batch[:, None], word_of]

    none = np.flatnonzero(room == budgets)
    first_place = order[none, 0]
    seq = np.arange(keys.shape[1])
    beginning = (seq >= first_place[:, None]) & (seq < (first_place + budgets[none])[:, None])
    chosen[none] = beginning & (word_of[none] == word_of[none, first_place][:, None])
    return chosen
