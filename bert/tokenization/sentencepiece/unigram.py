"""Unigram segmentation: of all ways to cut a text into pieces, the most probable.

Kudo 2018, "Subword Regularization", section 3.1; google/sentencepiece, ``src/unigram_model.cc``
(``EncodeOptimized``). Pieces are independent of each other, so the log-probability of a cut is the
sum of its pieces' scores, and the best cut is found from left to right (Viterbi 1967): the best one
that ends at a place is the best one that ends where its last piece starts, and that piece.

    ▁ h e l l o         best ends:  ▁|-2.1  ▁he|-6.0  ▁hell|-9.9  ▁hello|-7.5   ->  ▁hello

Sums are kept in float32, as the library keeps them (version 0.2.3). Near-ties are decided by that rounding,
and so depend on the size of the sum: on all the text before.
"""

import math
from array import array
from collections.abc import Sequence

from bert.tokenization.sentencepiece.model_file import Kind, SentencePieceModel

_UNKNOWN_PENALTY = 10.0
# Below this the library takes the sum at hand off all that it still needs, and goes on from zero.
LOWEST_SUM = -100_000.0
# Leaves of the trie of pieces: a key that is no character.
_PIECE_ID = ""
_NO_PIECE: dict = {}
# A piece that may stand in a cut: where it starts, its id, its score, where it ends.
Step = tuple[int, int, float, int]


class UnigramSegmenter:
    """Cuts normalized text into the pieces of a unigram model."""

    def __init__(self, model: SentencePieceModel):
        normal_scores = [score for score, kind in zip(model.scores, model.kinds) if kind == Kind.NORMAL]
        lowest = min(normal_scores, default=3.4028234663852886e38)  # without one, the library has float32's largest
        self.unknown_id = model.unknown_id
        self.scores = list(model.scores)
        self.scores[self.unknown_id] = _float32(lowest - _UNKNOWN_PENALTY)
        self._trie: dict = {}
        for token_id, (piece, kind) in enumerate(zip(model.pieces, model.kinds)):
            if kind not in (Kind.NORMAL, Kind.USER_DEFINED):
                continue
            if kind == Kind.USER_DEFINED:
                # So good that it is chosen before all pieces of a real model; the longer the better, in bytes.
                self.scores[token_id] = _float32(0.1 * (len(piece.encode()) - 1))
            node = self._trie
            for character in piece:
                node = node.setdefault(character, {})
            node[_PIECE_ID] = token_id

    def segment(self, text: str) -> list[tuple[int, int, int]]:
        """The pieces of a normalized text: id, and where it starts and ends. They cover the text."""
        return self.best_cut(text, 0.0)[0]

    def best_cut(self, text: str, score_before: float) -> tuple[list[tuple[int, int, int]], float]:
        """The pieces of ``text``, as ``segment`` gives them, and the score: the sum of theirs and the one before.

        Args:
            text: a normalized text, or a part of one at whose start no piece goes on.
            score_before: the score of the parts before it.
        """
        length = len(text)
        best = array("f", [-math.inf]) * (length + 1)  # what is stored in it is rounded to float32
        best[0] = score_before
        last_id, last_start = array("i", [-1]) * (length + 1), array("q", [-1]) * (length + 1)
        rounded = array("f", [0.0])
        furthest = 0  # where the longest piece so far ends
        for start in range(length):
            if best[start] < LOWEST_SUM:
                taken_off = best[start]
                for end in range(start, furthest + 1):
                    best[end] -= taken_off
            for token_id, end in self._pieces_at(text, start):
                rounded[0] = best[start] + self.scores[token_id]
                if rounded[0] > best[end]:
                    best[end] = rounded[0]
                    last_id[end], last_start[end] = token_id, start
                    furthest = max(furthest, end)
        return _backtrack(last_id, last_start), best[length]

    def best_cut_with_margin(self, text: str) -> tuple[list[tuple[int, int, int]], float]:
        """The pieces of ``text`` as its scores have it, without rounding, and by how much they beat any other cut.

        Made for many short texts: it is ``best_cut`` without its calls, and with lists.
        """
        length = len(text)
        best, margins = [-math.inf] * (length + 1), [math.inf] * (length + 1)
        best[0] = 0.0
        last_id, last_start = [-1] * (length + 1), [-1] * (length + 1)
        scores, trie, unknown_id = self.scores, self._trie, self.unknown_id
        for start in range(length):
            score_here, margin_here = best[start], margins[start]
            node = trie.get(text[start], _NO_PIECE)
            end = start + 1
            token_id = node.get(_PIECE_ID, unknown_id)  # the one character, whether it is a piece or not
            while True:
                if token_id is not None:
                    gain = score_here + scores[token_id] - best[end]
                    if gain > 0:
                        best[end] = score_here + scores[token_id]
                        margins[end] = min(margin_here, gain)
                        last_id[end], last_start[end] = token_id, start
                    elif -gain < margins[end]:
                        margins[end] = -gain
                if end == length:
                    break
                node = node.get(text[end])
                if node is None:
                    break
                end += 1
                token_id = node.get(_PIECE_ID)
        return _backtrack(last_id, last_start), margins[length]

    def near_best_steps(self, text: str, tolerance: float) -> list[Step]:
        """The pieces of all cuts of ``text`` whose scores come within ``tolerance`` of the best, in the order in which
        ``best_cut`` tries them. ``best_cut_of_steps`` chooses among them, as often as it is asked to.
        """
        length, scores = len(text), self.scores
        steps = [
            (start, token_id, scores[token_id], end)
            for start in range(length)
            for token_id, end in self._pieces_at(text, start)
        ]
        before, after = [0.0] + [-math.inf] * length, [-math.inf] * length + [0.0]  # best scores up to a place, from it
        for start, _, score, end in steps:
            before[end] = max(before[end], before[start] + score)
        for start, _, score, end in reversed(steps):
            after[start] = max(after[start], score + after[end])
        enough = before[length] - tolerance
        return [step for step in steps if before[step[0]] + step[2] + after[step[3]] >= enough]

    def _pieces_at(self, text: str, start: int) -> list[tuple[int, int]]:
        """The pieces that start at ``start``, from the shortest on: id, and where it ends."""
        found = []
        node = self._trie
        for end in range(start, len(text)):
            node = node.get(text[end])
            if node is None:
                break
            token_id = node.get(_PIECE_ID)
            if token_id is not None:
                found.append((token_id, end + 1))
        if not found or found[0][1] > start + 1:
            found.append((self.unknown_id, start + 1))  # a character that is no piece may stand alone as unknown
        return found


def best_cut_of_steps(steps: list[Step], length: int, score_before: float) -> tuple[list[tuple[int, int, int]], float]:
    """``UnigramSegmenter.best_cut`` of a text of this length by the steps alone that may be part of it.

    A step that is left out belongs to no cut that rounding could make the best, and so changes neither the choice nor
    the sum; as long as no sum is below ``LOWEST_SUM``.
    """
    best = array("f", [-math.inf]) * (length + 1)
    best[0] = score_before
    last_id, last_start = [-1] * (length + 1), [-1] * (length + 1)
    rounded = array("f", [0.0])
    for start, token_id, score, end in steps:
        rounded[0] = best[start] + score
        if rounded[0] > best[end]:
            best[end] = rounded[0]
            last_id[end], last_start[end] = token_id, start
    return _backtrack(last_id, last_start), best[length]


def _backtrack(last_id: Sequence[int], last_start: Sequence[int]) -> list[tuple[int, int, int]]:
    """The pieces of the best cut, from what the last piece of the best cut up to each place is."""
    pieces = []
    end = len(last_id) - 1
    while end > 0:
        pieces.append((last_id[end], last_start[end], end))
        end = last_start[end]
    return pieces[::-1]


def _float32(value: float) -> float:
    return array("f", (value,))[0]
