"""Encoding a text chunk by chunk, the chunks being what stands between spaces, and remembering each.

This is the fast way; the way to read is ``SentencePieceTokenizer.pieces``, which treats a text as a
whole. Both give the same ids. For most models no piece reaches over a space, and no rule of
normalization sees one, so every chunk can be treated alone, and most have been seen before:

    "to be  or not"  ->  "to" "be" "" "or" "not"  ->  ▁to | ▁be | | ▁or | ▁no t

One thing does reach over spaces: a unigram model's sum of scores, kept in float32, whose rounding
decides between cuts that are nearly as good as each other ("...." into ".." ".." or "..." "."). Such chunks
are found by the margin of their best cut, and are cut again with the true sum before them.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import numpy as np

from bert.tokenization.memo import Memo
from bert.tokenization.sentencepiece_model import SPACE_MARK, Kind, SentencePieceModel
from bert.tokenization.sentencepiece_normalizer import Normalizer
from bert.tokenization.unigram import UnigramSegmenter

# A piece: its id, and where in the normalized text it starts and ends.
Piece = tuple[int, int, int]

_REMEMBERED_CHUNKS = 1 << 18
_LONGEST_REMEMBERED = 64  # characters; longer chunks are rarely seen again, and an endless one fills the memory
# In front of a chunk: it is the one at the text's end to which no space is added. No chunk has a space in it.
_BARE = " "
# From 2 ** 16 pieces on, sums are so large, and so coarse, that margins are not worth looking at.
_MAX_PIECES_BITS = 16
# Rounding to float32 changes a sum by no more than this share of it.
_ROUNDING = 2.0**-24


def can_be_cut_at_spaces(model: SentencePieceModel, normalizer: Normalizer) -> bool:
    """Whether chunks between spaces can be normalized and cut into pieces each by itself.

    They can when "▁" is a piece, so that nothing unknown reaches over it; when it occurs at the
    beginning of pieces alone (at their ends, for a model with white space as suffix); and when neither a
    rule nor a user-defined symbol has a space in it.
    """
    settings = model.normalizer
    if not (settings.escape_whitespaces and normalizer.leaves_spaces_alone):
        return False
    has_mark_piece = False
    for piece, kind in zip(model.pieces, model.kinds):
        if kind not in (Kind.NORMAL, Kind.USER_DEFINED, Kind.UNUSED):
            continue
        if kind == Kind.USER_DEFINED and " " in piece:
            return False
        rest = piece.rstrip(SPACE_MARK) if model.whitespace_as_suffix else piece.lstrip(SPACE_MARK)
        if SPACE_MARK in rest or (len(piece) - len(rest) > 1 and not settings.remove_extra_whitespaces):
            return False
        has_mark_piece |= piece == SPACE_MARK and kind != Kind.UNUSED
    return has_mark_piece


class ChunkEncoder:
    """Encodes texts chunk by chunk with a byte-pair model.

    Args:
        model: a model for which ``can_be_cut_at_spaces``.
        user_defined: its user-defined pieces.
        cut: what cuts a normalized text into the pieces whose ids are the result.
    """

    def __init__(self, model: SentencePieceModel, user_defined: list[str], cut: Callable[[str], list[Piece]]):
        settings = model.normalizer
        self._removes_spaces = settings.remove_extra_whitespaces
        self._adds_space = settings.add_dummy_prefix
        self._whitespace_as_suffix = model.whitespace_as_suffix
        self._with_space, self._without_space = (
            Normalizer(replace(settings, add_dummy_prefix=adds), model.whitespace_as_suffix, user_defined)
            for adds in (True, False)
        )
        self._cut = cut
        self._ids_of_chunk = Memo(self._ids_of_new_chunk, _REMEMBERED_CHUNKS, _LONGEST_REMEMBERED)

    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``, which has no "▁" in it."""
        return list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, self._chunks(text))))

    def _chunks(self, text: str) -> list[str]:
        """What stands between spaces, each to be looked up in the memo."""
        if not text:
            return []
        chunks = text.split(" ")
        if not self._adds_space:
            # Every chunk has its space, but for the first (or last) that something is left of.
            places = range(len(chunks))
            for place in reversed(places) if self._whitespace_as_suffix else places:
                if not self._removes_spaces or self._normalized(chunks[place]):
                    chunks[place] = _BARE + chunks[place]
                    break
        return chunks

    def _normalized(self, chunk: str) -> str:
        """The chunk as it stands in the normalized text, with the "▁" that is part of it."""
        if chunk.startswith(_BARE):
            return self._without_space.normalize(chunk[1:])[0]
        if not chunk and not self._removes_spaces:
            return SPACE_MARK
        return self._with_space.normalize(chunk)[0]

    def _ids_of_new_chunk(self, chunk: str) -> list[int]:
        return [token_id for token_id, _, _ in self._cut(self._normalized(chunk))]


class UnigramChunkEncoder(ChunkEncoder):
    """Encodes texts chunk by chunk with a unigram model, minding the sum of scores.

    Every addition is off by no more than ``_ROUNDING`` times the sum so far, all the text before included, and a
    cut of n characters adds at most n times. A margin too small against that leaves the chunk in doubt.
    """

    def __init__(
        self,
        model: SentencePieceModel,
        user_defined: list[str],
        segmenter: UnigramSegmenter,
        finish: Callable[[str, list[Piece]], list[Piece]],
    ):
        super().__init__(model, user_defined, segmenter.segment)
        self._segmenter = segmenter
        self._finish = finish
        self._scores = np.asarray(segmenter.scores, dtype=np.float32)
        self._largest_score = max(map(abs, segmenter.scores))
        self._is_normal = [kind == Kind.NORMAL for kind in model.kinds]
        # By b: the chunks that are in doubt in some text of fewer than 2 ** b pieces.
        self._doubtful: list[set[str]] = [set() for _ in range(_MAX_PIECES_BITS + 1)]
        # How many pieces the chunks have whose ids do not say it: a run of unknown pieces is one id.
        self._piece_counts: dict[str, int] = {}

    def encode(self, text: str) -> list[int]:
        chunks = self._chunks(text)
        if len(self._ids_of_chunk) + len(chunks) > _REMEMBERED_CHUNKS:
            # What is in doubt is forgotten together with the chunks; not, as a full memo would, half-way in a text.
            self._ids_of_chunk.clear()
            self._piece_counts.clear()
            for chunks_in_doubt in self._doubtful:
                chunks_in_doubt.clear()
        if len(chunks).bit_length() <= _MAX_PIECES_BITS and max(map(len, chunks), default=0) <= _LONGEST_REMEMBERED:
            ids = list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, chunks)))
            bits = len(ids).bit_length()
            if bits <= _MAX_PIECES_BITS and self._doubtful[bits].isdisjoint(chunks):
                return ids
        return self._encode_with_sum(chunks)

    def _encode_with_sum(self, chunks: list[str]) -> list[int]:
        """The ids of the pieces, the chunks in doubt cut with the sum of scores that stands before them."""
        is_clear = self._clear_chunks(chunks)
        ids: list[int] = []
        score, summed = 0.0, 0
        for chunk in chunks:
            if chunk in is_clear:
                ids += self._ids_of_chunk[chunk]
                continue
            score = self._sum(score, ids[summed:])
            normalized = self._normalized(chunk)
            pieces, score, _ = self._segmenter.best_path(normalized, score)
            ids += [token_id for token_id, _, _ in self._finish(normalized, pieces)]
            summed = len(ids)
        return ids

    def _clear_chunks(self, chunks: list[str]) -> set[str]:
        """The chunks whose cut is the same whatever stands before them, in a text of these chunks."""
        if len(chunks).bit_length() > _MAX_PIECES_BITS:
            return set()
        short = [chunk for chunk in chunks if len(chunk) <= _LONGEST_REMEMBERED]
        count = sum(len(self._normalized(chunk)) for chunk in chunks if len(chunk) > _LONGEST_REMEMBERED)
        for chunk in short:
            ids = self._ids_of_chunk[chunk]
            count += self._piece_counts.get(chunk, len(ids))
        bits = count.bit_length()
        return set(short) - self._doubtful[bits] if bits <= _MAX_PIECES_BITS else set()

    def _sum(self, score: float, ids: list[int]) -> float:
        """``score`` and the scores of pieces, added one by one in float32."""
        scores = np.concatenate([np.asarray([score], np.float32), self._scores[ids]]) if ids else [score]
        return float(np.add.accumulate(scores, dtype=np.float32)[-1])

    def _ids_of_new_chunk(self, chunk: str) -> list[int]:
        normalized = self._normalized(chunk)
        pieces, _, margin = self._segmenter.best_path(normalized, 0.0)
        if all(self._is_normal[token_id] for token_id, _, _ in pieces):
            # Above this many pieces in a text, the rounding of two cuts' sums can differ by the margin.
            additions = max(len(normalized), 1)
            doubtful_from = margin / (4 * additions * _ROUNDING * self._largest_score) - additions
        else:
            # Not all additions can be told from the ids.
            doubtful_from = 0
            self._piece_counts[chunk] = len(pieces)
        for bits, chunks_in_doubt in enumerate(self._doubtful):
            if doubtful_from < 1 << bits:
                chunks_in_doubt.add(chunk)
        return [token_id for token_id, _, _ in self._finish(normalized, pieces)]
