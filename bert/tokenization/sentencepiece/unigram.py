"""Unigram segmentation: of all ways to cut a text into pieces, the most probable.

Pieces are independent, so the log-probability of a cut is the sum of its pieces' scores. The best cut is found from
left to right (Viterbi 1967). The best cut up to an index ends with some piece. Before that piece stands the best cut
up to its start.

    ▁ h e l l o         best ends:  ▁|-2.1  ▁he|-6.0  ▁hell|-9.9  ▁hello|-7.5   ->  ▁hello

Sums are kept in float32, as in the library (version 0.2.3). Its rounding decides near-ties. So they depend on the
size of the sum, and thus on all the text before. Sources: Kudo 2018, "Subword Regularization", section 3.1;
google/sentencepiece, ``src/unigram_model.cc`` (``EncodeOptimized``).
"""

import math
from array import array
from collections.abc import Sequence

from bert.tokenization.sentencepiece.model_file import Kind, SentencePieceModel

_UNKNOWN_PENALTY = 10.0
# Below this, the library subtracts the present sum from all sums that it still needs, and restarts from zero.
LOWEST_SUM = -100_000.0
# The key of a leaf of the trie of pieces; no character is empty.
_PIECE_ID = ""
_NO_PIECE: dict = {}
# (start, id, score, end) of a piece that may be in a cut
Step = tuple[int, int, float, int]


class UnigramSegmenter:
    """Cuts normalized text into the pieces of a unigram model."""

    def __init__(self, model: SentencePieceModel):
        normal_scores = [score for score, kind in zip(model.scores, model.kinds) if kind == Kind.NORMAL]
        lowest = min(normal_scores, default=3.4028234663852886e38)  # the library's default: float32's largest
        self.unknown_id = model.unknown_id
        self.scores = list(model.scores)
        self.scores[self.unknown_id] = _float32(lowest - _UNKNOWN_PENALTY)
        self._trie: dict = {}
        for token_id, (piece, kind) in enumerate(zip(model.pieces, model.kinds)):
            if kind not in (Kind.NORMAL, Kind.USER_DEFINED):
                continue
            if kind == Kind.USER_DEFINED:
                # Better than any piece of a real model, so it is always chosen. Longer ones (in bytes) are better.
                self.scores[token_id] = _float32(0.1 * (len(piece.encode()) - 1))
            node = self._trie
            for character in piece:
                node = node.setdefault(character, {})
            node[_PIECE_ID] = token_id

    def segment(self, text: str) -> list[tuple[int, int, int]]:
        """(id, start, end) of each piece of a normalized text. The pieces cover the text."""
        return self.best_cut(text, 0.0)[0]

    def best_cut(self, text: str, score_before: float) -> tuple[list[tuple[int, int, int]], float]:
        """The pieces of ``text``, as from ``segment``, and the sum of ``score_before`` and their scores.

        Args:
            text: a normalized text, or a part of one. A piece must start at its start.
            score_before: the sum of the scores of the parts before it.
        """
        length = len(text)
        best = array("f", [-math.inf]) * (length + 1)  # storing rounds to float32
        best[0] = score_before
        last_id, last_start = array("i", [-1]) * (length + 1), array("q", [-1]) * (length + 1)
        rounded = array("f", [0.0])
        furthest = 0  # the end of the pieces so far
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
        """The best cut of ``text`` without rounding, and by how much its score beats any other cut.

        Made for many short texts: ``best_cut`` without its calls, and with lists.
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
            token_id = node.get(_PIECE_ID, unknown_id)  # of the single character, a piece or not
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
        """The pieces of all cuts whose scores are within ``tolerance`` of the best, in the order of ``best_cut``.

        ``best_cut_of_steps`` chooses among them, as often as needed.
        """
        length, scores = len(text), self.scores
        steps = [
            (start, token_id, scores[token_id], end)
            for start in range(length)
            for token_id, end in self._pieces_at(text, start)
        ]
        before, after = [0.0] + [-math.inf] * length, [-math.inf] * length + [0.0]  # best scores to an index, from it
        for start, _, score, end in steps:
            before[end] = max(before[end], before[start] + score)
        for start, _, score, end in reversed(steps):
            after[start] = max(after[start], score + after[end])
        enough = before[length] - tolerance
        return [step for step in steps if before[step[0]] + step[2] + after[step[3]] >= enough]

    def _pieces_at(self, text: str, start: int) -> list[tuple[int, int]]:
        """(id, end) of the pieces that start at ``start``, the shortest first."""
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
            found.append((self.unknown_id, start + 1))  # a character without a piece is an unknown piece
        return found


def best_cut_of_steps(steps: list[Step], length: int, score_before: float) -> tuple[list[tuple[int, int, int]], float]:
    """``UnigramSegmenter.best_cut`` of a text of this length, from a list of candidate steps.

    A missing step must be in no cut that rounding could make the best. Then the cut and the sum are the same, as long
    as no sum is below ``LOWEST_SUM``.
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
    """The pieces of the best cut, from the last piece of the best cut up to each index."""
    pieces = []
    end = len(last_id) - 1
    while end > 0:
        pieces.append((last_id[end], last_start[end], end))
        end = last_start[end]
    return pieces[::-1]


def _float32(value: float) -> float:
    return array("f", (value,))[0]
