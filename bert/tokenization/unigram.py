"""Unigram segmentation: of all ways to cut a text into pieces, the most probable.

Kudo 2018, "Subword Regularization", section 3.1; google/sentencepiece, ``src/unigram_model.cc``
(``EncodeOptimized``). Pieces are independent of each other, so the log-probability of a cut is the
sum of its pieces' scores, and the best cut is found from left to right (Viterbi 1967): the best one
that ends at a place is the best one that ends where its last piece starts, and that piece.

    ▁ h e l l o         best ends:  ▁|-2.1  ▁he|-6.0  ▁hell|-9.9  ▁hello|-7.5   ->  ▁hello

Sums are kept in float32, as the library keeps them. Near-ties are decided by that rounding, and
so depend on the size of the sum: on all the text before. ``margin`` says how near it was.
"""

import math
from array import array

from bert.tokenization.sentencepiece_model import Kind, SentencePieceModel

_UNKNOWN_PENALTY = 10.0
# Leaves of the trie of pieces: a key that is no character.
_PIECE_ID = ""


class UnigramSegmenter:
    """Cuts normalized text into the pieces of a unigram model."""

    def __init__(self, model: SentencePieceModel):
        normal_scores = [score for score, kind in zip(model.scores, model.kinds) if kind == Kind.NORMAL]
        # Without a normal piece the library's extremes are those of float32: its largest, its smallest positive.
        lowest = min(normal_scores, default=3.4028234663852886e38)
        highest = max([*normal_scores, 1.1754943508222875e-38])
        self.unknown_id = model.unknown_id
        self.scores = list(model.scores)
        self.scores[self.unknown_id] = _float32(lowest - _UNKNOWN_PENALTY)
        self._trie: dict = {}
        for token_id, (piece, kind) in enumerate(zip(model.pieces, model.kinds)):
            if kind not in (Kind.NORMAL, Kind.USER_DEFINED):
                continue
            if kind == Kind.USER_DEFINED:
                # So good that it is always chosen.
                self.scores[token_id] = _float32(_float32(len(piece.encode()) * highest) - 0.1)
            node = self._trie
            for character in piece:
                node = node.setdefault(character, {})
            node[_PIECE_ID] = token_id

    def segment(self, text: str) -> list[tuple[int, int, int]]:
        """The pieces of a normalized text: id, and where it starts and ends. They cover the text."""
        return self.best_path(text, 0.0)[0]

    def best_path(self, text: str, score_before: float) -> tuple[list[tuple[int, int, int]], float, float]:
        """The best cut of ``text``, which follows on a text whose best cut has the score ``score_before``.

        A character that is no piece by itself may stand alone as the unknown piece.

        Returns:
            the pieces, as ``segment`` gives them; the score of both texts; and the margin by which the
            best cut of ``text`` beat every other.
        """
        length = len(text)
        best = array("f", bytes(4 * (length + 1)))  # what is stored in it is rounded to float32
        best[0] = score_before
        rounded = array("f", [0.0])
        last_id = array("i", [-1]) * (length + 1)  # of the best cut that ends here, its last piece
        last_start = array("q", [-1]) * (length + 1)  # and where that starts
        margins = array("d", [math.inf]) * (length + 1)
        for start in range(length):
            score_here, margin_here = best[start], margins[start]
            for token_id, end in self._pieces_at(text, start):
                rounded[0] = score_here + self.scores[token_id]
                candidate = rounded[0]
                if last_id[end] < 0:
                    margins[end] = margin_here
                elif candidate > best[end]:
                    margins[end] = min(margin_here, candidate - best[end])
                else:
                    margins[end] = min(margins[end], best[end] - candidate)
                    continue
                best[end] = candidate
                last_id[end] = token_id
                last_start[end] = start
        pieces = []
        end = length
        while end > 0:
            pieces.append((last_id[end], last_start[end], end))
            end = last_start[end]
        pieces.reverse()
        return pieces, best[length], margins[length]

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
            found.append((self.unknown_id, start + 1))
        return found


def _float32(value: float) -> float:
    return array("f", (value,))[0]
