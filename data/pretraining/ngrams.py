"""Guesses a masked piece from two pieces on each side, as they were counted in the training documents.

    the  cat  [blank]  on  the        a 5-gram with its blank in the middle
         cat  [blank]  on  the        was it seen seldom? then shorter contexts have a say,
         cat  [blank]  on             and shorter ones,
              [blank]                 down to the frequency of each piece alone

Why in the middle: a pretrained model reads both sides as well. On film reviews two pieces before the blank alone give
21 % right, and two on each side 37 %. A context is what the model sees. No training document holds a ``[MASK]``. So a
context with one was never counted, and shorter contexts decide.

Weights: Witten & Bell 1991, "The zero-frequency problem", method C. A context was seen n times, with t different pieces
in its blank. It leaves the share t / (n + t) to the shorter contexts. Here these are two, and get half of it each.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus

Context = tuple[int, int]  # how many pieces to the left of the blank, and to its right
CONTEXTS: tuple[Context, ...] = ((2, 2), (2, 1), (1, 2), (2, 0), (1, 1), (0, 2), (1, 0), (0, 1))  # the longest first
# A context's key is the sum of its pieces, each times the number of its place, modulo 2 to the 64. So two contexts
# share a key almost never.
_MULTIPLIERS = {-2: 0x9E3779B97F4A7C15, -1: 0xBF58476D1CE4E5B9, 1: 0x94D049BB133111EB, 2: 0xD6E8FEB86659FD93}
_TOKENS_PER_PART = 1 << 20  # counted at a time
_MOST_PARTS = 64  # a larger corpus is counted in so many parts of it
_SLOT_BITS = 18


class Blanks(NamedTuple):
    """Masked tokens.

    Attributes:
        labels: (blanks,) the ids before masking.
        neighbours: (blanks,) for each place -2, -1, 1, 2: the id that the model sees there; -1 beyond the sequence.
    """

    labels: np.ndarray
    neighbours: dict[int, np.ndarray]


class Counted(NamedTuple):
    """How often each piece was seen in the blank of a context.

    Attributes:
        pieces: (different,) ids, ascending.
        counts: (different,) integers above 0.
    """

    pieces: np.ndarray
    counts: np.ndarray


class Table(NamedTuple):
    """What was counted in each context of a kind.

    Attributes:
        starts: (contexts + 1,) the range of each context in the other two.
        pieces, counts: of all contexts, one after another.
    """

    starts: np.ndarray
    pieces: np.ndarray
    counts: np.ndarray

    def seen_in(self, context: int) -> Counted:
        start, end = self.starts[context], self.starts[context + 1]
        return Counted(self.pieces[start:end], self.counts[start:end])


def five_gram_baseline(corpus: TokenizedCorpus, batches: Iterable[Batch]) -> tuple[float, float, float]:
    """The loss and accuracy of guessing each masked token of ``batches`` from two pieces on each side.

    The training documents are read once, a part at a time. We count the contexts of these blanks alone.

    Returns:
        The mean cross-entropy in nats, and the share of blanks whose likeliest piece is right; nan if there is no
        blank. And the share of the corpus that was counted. It is 1, unless the corpus has more than 67 million pieces.
    """
    blanks = find_blanks(batches)
    if len(blanks.labels) == 0:
        return float("nan"), float("nan"), 1.0
    parts, share = parts_of(corpus)
    keys_of_blanks = {context: _keys(blanks.neighbours, context) for context in CONTEXTS}
    wanted = {context: np.unique(keys) for context, keys in keys_of_blanks.items()}
    counted = count_contexts(corpus, parts, wanted)
    index = {context: np.searchsorted(wanted[context], keys).tolist() for context, keys in keys_of_blanks.items()}
    smoothed = corpus.training_counts + 1
    unigram = smoothed / smoothed.sum()
    loss, right = 0.0, 0
    for blank, label in enumerate(blanks.labels.tolist()):
        probabilities = interpolate(unigram, {each: counted[each].seen_in(index[each][blank]) for each in CONTEXTS})
        loss -= np.log(probabilities[label])
        right += int(probabilities.argmax() == label)
    return float(loss / len(blanks.labels)), right / len(blanks.labels), share


def interpolate(unigram: np.ndarray, counted: Mapping[Context, Counted]) -> np.ndarray:
    """(vocab_size,) the probability of each piece, from the longest context down to ``unigram``.

    Each context has a share of the probability. It keeps n / (n + t) of it, and gives half of the rest to the context
    without its first piece and half to the one without its last. An unseen context keeps nothing.
    """
    shares = {**dict.fromkeys(CONTEXTS, 0.0), (0, 0): 0.0, CONTEXTS[0]: 1.0}
    kept = []
    for context in CONTEXTS:
        pieces, counts = counted[context]
        rest = shares[context]
        if len(pieces):
            each = rest / (counts.sum() + len(pieces))  # the share of each time that the context was seen
            kept.append((pieces, each * counts))
            rest = each * len(pieces)
        left, right = context
        shorter = [(left - 1, right)] * (left > 0) + [(left, right - 1)] * (right > 0)
        for other in shorter:
            shares[other] += rest / len(shorter)
    probabilities = shares[0, 0] * unigram
    for pieces, probability in kept:
        probabilities[pieces] += probability
    return probabilities


def find_blanks(batches: Iterable[Batch]) -> Blanks:
    """The masked tokens of batches, with what the model sees beside each."""
    nothing = np.zeros(0, np.int64)
    labels, neighbours = [nothing], {place: [nothing] for place in _MULTIPLIERS}
    for batch in batches:
        assert batch.selected is not None
        ids, blanks, boundaries = (
            tensor.numpy() for tensor in (batch.input_ids, batch.selected, batch.sequences.boundaries)
        )
        sequence = np.searchsorted(boundaries, blanks, side="right") - 1
        labels.append(batch.labels["masked_labels"].numpy())
        for place, found in neighbours.items():
            there = blanks + place
            inside = (boundaries[sequence] <= there) & (there < boundaries[sequence + 1])
            found.append(np.where(inside, ids[np.clip(there, 0, len(ids) - 1)], -1))
    return Blanks(np.concatenate(labels), {place: np.concatenate(found) for place, found in neighbours.items()})


def parts_of(corpus: TokenizedCorpus) -> tuple[list[tuple[int, int]], float]:
    """Ranges of documents of about a million tokens, evenly spread, and their share of all such ranges."""
    bounds = [0]
    while bounds[-1] < corpus.number_of_documents:
        token = corpus.sentence_starts[corpus.document_starts[bounds[-1]]] + _TOKENS_PER_PART
        sentence = np.searchsorted(corpus.sentence_starts, token)
        bounds.append(min(int(np.searchsorted(corpus.document_starts, sentence)), corpus.number_of_documents))
    parts = list(pairwise(bounds))
    kept = min(len(parts), _MOST_PARTS)
    return [parts[number * len(parts) // kept] for number in range(kept)], kept / len(parts)


def count_contexts(
    corpus: TokenizedCorpus, parts: Iterable[tuple[int, int]], wanted: Mapping[Context, np.ndarray]
) -> dict[Context, Table]:
    """How often each piece stands in the blank of each wanted context, in the training documents.

    Args:
        parts: ranges of documents. Held-out documents in them are left out.
        wanted: the keys of each kind of context, (keys,) ascending.

    Returns:
        for each kind of context what was counted, in the order of its keys. It has a row for each different piece of
        each wanted context: some hundred megabytes for a very large corpus.
    """
    slots = {context: _slots(keys) for context, keys in wanted.items()}
    found: dict[Context, Counted] = {}  # by index * vocab_size + piece
    for tokens in (_set_apart(corpus, *part) for part in parts):
        neighbours = {place: tokens[2 + place : len(tokens) - 2 + place] for place in _MULTIPLIERS}
        middle = tokens[2:-2]
        for context, keys in wanted.items():
            at, index = _look_up(_keys(neighbours, context), keys, slots[context])
            at, index = at[middle[at] < corpus.vocab_size], index[middle[at] < corpus.vocab_size]
            new = Counted(*np.unique(index * corpus.vocab_size + middle[at], return_counts=True))
            found[context] = _sum(found[context], new) if context in found else new
    return {context: _table(found[context], len(keys), corpus.vocab_size) for context, keys in wanted.items()}


def _set_apart(corpus: TokenizedCorpus, first: int, end: int) -> np.ndarray:
    """The documents' tokens, with two of the id vocab_size before, between and after them.

    No context has that id, so none crosses the border of a document. Held-out documents become that id altogether.
    """
    starts = corpus.sentence_starts[corpus.document_starts[first : end + 1]]
    lengths = np.diff(starts)
    tokens = corpus.tokens[starts[0] : starts[-1]].astype(np.int64)
    tokens[np.repeat(np.isin(np.arange(first, end), corpus.held_out), lengths)] = corpus.vocab_size
    apart = np.full(len(tokens) + 2 * (len(lengths) + 1), corpus.vocab_size)
    apart[np.arange(len(tokens)) + 2 * (1 + np.repeat(np.arange(len(lengths)), lengths))] = tokens
    return apart


def _keys(neighbours: Mapping[int, np.ndarray], context: Context) -> np.ndarray:
    """(positions,) uint64: names the pieces that a context has."""
    left, right = context
    places = [place for place in _MULTIPLIERS if -left <= place <= right]
    products = [neighbours[place].astype(np.uint64) * np.uint64(_MULTIPLIERS[place]) for place in places]
    return np.stack(products).sum(axis=0, dtype=np.uint64)


def _slots(keys: np.ndarray) -> np.ndarray:
    """A small table from the first bits of a key to the index of a key that begins so, or -1."""
    slots = np.full(1 << _SLOT_BITS, -1, np.int32)
    slots[keys >> np.uint64(64 - _SLOT_BITS)] = np.arange(len(keys))
    return slots


def _look_up(keys: np.ndarray, wanted: np.ndarray, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of ``keys`` are among ``wanted``: their positions, and the indices that they have there."""
    index = slots[keys >> np.uint64(64 - _SLOT_BITS)]
    at = np.flatnonzero(index >= 0)
    keys, index = keys[at], index[at]
    others = np.flatnonzero(wanted[index] != keys)  # a few: another key has the slot
    index[others] = np.minimum(np.searchsorted(wanted, keys[others]), len(wanted) - 1)
    same = wanted[index] == keys
    return at[same], index[same]


def _sum(one: Counted, other: Counted) -> Counted:
    pieces = np.concatenate([one.pieces, other.pieces])
    order = np.argsort(pieces, kind="stable")
    pieces = pieces[order]
    firsts = np.flatnonzero(np.diff(pieces, prepend=-1))
    return Counted(pieces[firsts], np.add.reduceat(np.concatenate([one.counts, other.counts])[order], firsts))


def _table(found: Counted, contexts: int, vocab_size: int) -> Table:
    """A table from counts by context * vocab_size + piece."""
    starts = np.searchsorted(found.pieces, np.arange(contexts + 1) * vocab_size)
    return Table(starts, found.pieces % vocab_size, found.counts)
