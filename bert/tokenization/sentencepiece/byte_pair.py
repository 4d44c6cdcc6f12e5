"""Byte-pair encoding: neighbours are merged, the best merge first, until no two make a piece.

A piece's score is minus the rank at which it was learned. So the first learned is merged first. Of equal scores the
leftmost wins.

    ▁ l o w e r   ->   ▁ lo w e r   ->   ▁ lo w er   ->   ▁ low er   ->   ▁low er

Candidates wait in a heap, so n characters take n log n time. Sources: Sennrich et al. 2016, "Neural Machine
Translation of Rare Words with Subword Units"; google/sentencepiece, ``src/bpe_model.cc``.
"""

from heapq import heappop, heappush

from bert.tokenization.sentencepiece.model_file import Kind, SentencePieceModel
from bert.tokenization.sentencepiece.normalizer import Symbols


class BytePairSegmenter:
    """Cuts normalized text into the pieces of a byte-pair model."""

    def __init__(self, model: SentencePieceModel):
        self.unknown_id = model.unknown_id
        self._scores = model.scores
        self._kinds = model.kinds
        self._ids = {
            piece: token_id
            for token_id, (piece, kind) in enumerate(zip(model.pieces, model.kinds))
            if kind in (Kind.NORMAL, Kind.USER_DEFINED, Kind.UNUSED)
        }
        self._symbols = Symbols(piece for piece, kind in zip(model.pieces, model.kinds) if kind == Kind.USER_DEFINED)

    def segment(self, text: str) -> list[tuple[int, int, int]]:
        """(id, start, end) of each piece of a normalized text. The pieces cover the text."""
        # A symbol is known by its start; ends[start] is -1 once it is merged into the symbol before.
        starts, is_frozen = self._single_symbols(text)
        ends = [-1] * len(text)
        previous = {}
        for start, end in zip(starts, [*starts[1:], len(text)]):
            ends[start] = end
            previous[end] = start
        candidates: list[tuple[float, int, int, int]] = []
        halves: dict[str, tuple[int, int]] = {}  # the lengths of the two parts of an unused piece

        def consider(left: int | None, right: int) -> None:
            """Queues the merge of two neighbours, if it makes a piece."""
            if left is None or right >= len(text) or left in is_frozen or right in is_frozen:
                return
            merged = text[left : ends[right]]
            token_id = self._ids.get(merged)
            if token_id is not None:
                heappush(candidates, (-self._scores[token_id], left, right, ends[right]))
                if self._kinds[token_id] == Kind.UNUSED:
                    halves[merged] = right - left, ends[right] - right

        for right in starts:
            consider(previous.get(right), right)
        while candidates:
            _, left, right, end = heappop(candidates)
            if ends[left] != right or ends[right] != end:
                continue  # one of the two has been merged into another symbol since
            ends[left], ends[right] = end, -1
            previous[end] = left
            consider(previous.get(left), left)
            consider(left, end)

        pieces = []
        start = 0
        while start < len(text):
            pieces.extend(self._without_unused(text, start, ends[start], halves))
            start = ends[start]
        return pieces

    def _single_symbols(self, text: str) -> tuple[list[int], set[int]]:
        """The start of each symbol before any merge, and which of them are user-defined: these are never merged."""
        starts, is_frozen = [], set()
        start = 0
        while start < len(text):
            starts.append(start)
            end = self._symbols.end_of_match(text, start)
            if end is not None:
                is_frozen.add(start)
            start = start + 1 if end is None else end
        return starts, is_frozen

    def _without_unused(
        self, text: str, start: int, end: int, halves: dict[str, tuple[int, int]]
    ) -> list[tuple[int, int, int]]:
        """The symbol from ``start`` to ``end``. An unused piece is replaced by the parts that it was made from."""
        pieces = []
        pending = [(start, end)]
        while pending:
            start, end = pending.pop()
            symbol = text[start:end]
            token_id = self._ids.get(symbol, self.unknown_id)
            if self._kinds[token_id] != Kind.UNUSED:
                pieces.append((token_id, start, end))
            elif symbol in halves:
                middle = start + halves[symbol][0]
                pending += [(middle, end), (start, middle)]
            else:
                pieces.append((self.unknown_id, start, end))
        return pieces
