"""The fast way to encode: cut a text at its spaces, and remember the ids of each chunk.

``SentencePieceTokenizer.tokenize``, the way to read, takes a text as a whole. Both give the same ids. In most models
no piece contains a space except at its start, and no normalization rule reads one. Then each chunk can be encoded
alone, and most chunks have been seen before:

    "to be  or not"  ->  "to" "be" "" "or" "not"  ->  ▁to | ▁be | | ▁or | ▁no t

One thing does cross spaces: a unigram model's float32 sum of scores. Its rounding decides between almost equally good
cuts. One is "...." into ".." ".." or "..." ".". We find such chunks by their best cut's margin. They are cut again
after the true sum before them. This only needs the pieces of the almost equally good cuts.
"""

import re
from array import array
from collections.abc import Callable
from itertools import chain

import numpy as np

from bert.tokenization.memo import Memo
from bert.tokenization.sentencepiece.model_file import SPACE_MARK, Kind, SentencePieceModel
from bert.tokenization.sentencepiece.normalizer import Normalizer, pattern_of_run
from bert.tokenization.sentencepiece.unigram import LOWEST_SUM, Step, UnigramSegmenter, best_cut_of_steps

# (id, start, end) of a piece in the normalized text
Piece = tuple[int, int, int]

_REMEMBERED_CHUNKS = 1 << 18
_REMEMBERED_DOUBTS = 1 << 15
_LONGEST_REMEMBERED = 64  # characters: longer chunks are rarely seen again, and an endless one fills the memory
# Before a chunk that begins the text and gets no space. (No chunk contains a space.)
_BARE = " "
# Rounding to float32 changes a sum by at most this share of it.
_ROUNDING = 2.0**-24


def can_be_cut_at_spaces(model: SentencePieceModel, normalizer: Normalizer) -> bool:
    """Whether each chunk between spaces can be normalized and cut into pieces alone.
     "▁" must be a piece, so that nothing unknown crosses it. It must only occur at the beginning of pieces. No rule and
    no user-defined symbol may contain a space. No score may be above zero: with such scores, which are no
    log-probabilities, a unigram model's sums would grow without limit.
    """
    settings = model.normalizer
    if model.whitespace_as_suffix or not settings.escape_whitespaces or not normalizer.leaves_spaces_alone:
        return False
    if model.is_unigram and max(model.scores) > 0:
        return False
    has_mark_piece = False
    for piece, kind in zip(model.pieces, model.kinds):
        if kind not in (Kind.NORMAL, Kind.USER_DEFINED, Kind.UNUSED):
            continue
        if kind == Kind.USER_DEFINED and " " in piece:
            return False
        rest = piece.lstrip(SPACE_MARK)
        if SPACE_MARK in rest or (len(piece) - len(rest) > 1 and not settings.remove_extra_whitespaces):
            return False
        has_mark_piece |= piece == SPACE_MARK and kind != Kind.UNUSED
    return has_mark_piece


class ChunkEncoder:
    """Encodes texts chunk by chunk with a byte-pair model.

    Args:
        model: it must satisfy ``can_be_cut_at_spaces``.
        cut: cuts a normalized text into its final pieces.
    """

    def __init__(self, model: SentencePieceModel, normalizer: Normalizer, cut: Callable[[str], list[Piece]]):
        settings = model.normalizer
        self._removes_spaces = settings.remove_extra_whitespaces
        self._adds_space = settings.add_dummy_prefix
        self._with_space, self._without_space = normalizer.adding_space(True), normalizer.adding_space(False)
        self._plain_characters = normalizer.plain_characters
        self._is_plain = re.compile(pattern_of_run(self._plain_characters)).fullmatch
        self._cut = cut
        self._ids_of_chunk = Memo(self._ids_of_new_chunk, _REMEMBERED_CHUNKS, _LONGEST_REMEMBERED)

    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``, which must not contain "▁"."""
        return self._joined(self._chunks(text))

    def _joined(self, chunks: list[str]) -> list[int]:
        return list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, chunks)))

    def _chunks(self, text: str) -> list[str]:
        """The chunks between spaces, as keys of the memo."""
        if not text:
            return []
        chunks = text.split(" ")
        if not self._adds_space:
            # Every chunk has a space before it, except the first that leaves anything.
            for index, chunk in enumerate(chunks):
                if not self._removes_spaces or self._normalized(chunk):
                    chunks[index] = _BARE + chunk
                    break
        return chunks

    def _normalized(self, chunk: str) -> str:
        """The chunk in the normalized text, with its "▁"."""
        if self._is_plain(chunk):
            return SPACE_MARK + chunk.translate(self._plain_characters)
        if chunk.startswith(_BARE):
            return self._without_space.normalize(chunk[1:])[0]
        if not chunk and not self._removes_spaces:
            return SPACE_MARK
        return self._with_space.normalize(chunk)[0]

    def _ids_of_new_chunk(self, chunk: str) -> list[int]:
        return [token_id for token_id, _, _ in self._cut(self._normalized(chunk))]


class UnigramChunkEncoder(ChunkEncoder):
    """Encodes texts chunk by chunk with a unigram model, allowing for the rounded sum of scores.

    Each addition errs by at most ``_ROUNDING`` times the sum so far, from the text's start. A cut of n characters adds
    at most n times. If a chunk's margin is too small against that, the chunk is in doubt.
    """

    def __init__(
        self,
        model: SentencePieceModel,
        normalizer: Normalizer,
        segmenter: UnigramSegmenter,
        finish: Callable[[str, list[Piece]], list[Piece]],
    ):
        super().__init__(model, normalizer, segmenter.segment)
        self._segmenter = segmenter
        self._finish = finish
        self._scores = np.array(segmenter.scores, np.float32)
        self._largest_score = max(map(abs, segmenter.scores))
        # Above this, no cut of a remembered chunk takes a sum down to where the segmenter restarts.
        self._lowest_safe_sum = LOWEST_SUM + _LONGEST_REMEMBERED * self._largest_score
        self._most_pieces = int(max(-self._lowest_safe_sum, 0) / self._largest_score)
        self._steps_of_chunk = Memo(self._steps_of_new_chunk, _REMEMBERED_DOUBTS)
        # At index b: the chunks in doubt in some text of fewer than 2 ** b pieces. The last is for any text.
        levels = int(-2 * LOWEST_SUM / self._largest_score).bit_length() + 1
        self._doubtful: list[set[str]] = [set() for _ in range(levels)]

    def encode(self, text: str) -> list[int]:
        if len(self._doubtful[-1]) > _REMEMBERED_CHUNKS:
            for chunks_in_doubt in self._doubtful:
                chunks_in_doubt.clear()
            self._ids_of_chunk.clear()
        chunks = self._chunks(text)
        if max(map(len, chunks), default=0) <= _LONGEST_REMEMBERED:
            parts = list(map(self._ids_of_chunk.__getitem__, chunks))
            ids = list(chain.from_iterable(parts))
            if len(ids) <= self._most_pieces:
                level = len(ids).bit_length()
                in_doubt = self._doubtful[level].intersection(chunks)
                if not in_doubt:
                    return ids
                ids, pieces = self._decided(chunks, parts, in_doubt)
                if pieces < 1 << level and pieces <= self._most_pieces:
                    return ids
        return self._encode_with_sum(chunks)

    def _decided(self, chunks: list[str], parts: list[list[int]], in_doubt: set[str]) -> tuple[list[int], int]:
        """The ids of the pieces, and how many pieces were added up. A run of unknown pieces has only one id.

        Args:
            chunks: of a text.
            parts: the ids of each chunk; right, except perhaps for chunks in doubt. All runs of unknown pieces are in
                doubt.
            in_doubt: the chunks that are in doubt.
        """
        ids: list[int] = []
        total, start = 0.0, 0  # the sum of the scores of ids[:start]
        joined = 0  # pieces in a run with the one before
        for chunk, part in zip(chunks, parts):
            if chunk not in in_doubt:
                ids += part
                continue
            scores = np.append(np.float32(total), self._scores[ids[start:]])
            total = np.add.accumulate(scores)[-1]  # one by one, each sum rounded to float32
            normalized, steps = self._steps_of_chunk[chunk]
            pieces, total = best_cut_of_steps(steps, len(normalized), total)
            finished = self._finish(normalized, pieces)
            joined += max(0, len(pieces) - len(finished))
            ids += [token_id for token_id, _, _ in finished]
            start = len(ids)
        return ids, len(ids) + joined

    def _encode_with_sum(self, chunks: list[str]) -> list[int]:
        """The ids for texts and chunks of any length; in a long text the sum may restart."""
        scores, doubtful = self._segmenter.scores, self._doubtful[-1]
        ids: list[int] = []
        total = array("f", [0.0])  # storing rounds to float32
        for chunk in chunks:
            if len(chunk) <= _LONGEST_REMEMBERED and abs(total[0]) < -self._lowest_safe_sum:
                remembered = self._ids_of_chunk[chunk]
                if chunk not in doubtful:
                    for token_id in remembered:
                        total[0] += scores[token_id]
                    ids += remembered
                    continue
            normalized = self._normalized(chunk)
            pieces, total[0] = self._segmenter.best_cut(normalized, total[0])
            ids += [token_id for token_id, _, _ in self._finish(normalized, pieces)]
        return ids

    def _steps_of_new_chunk(self, chunk: str) -> tuple[str, list[Step]]:
        """The chunk's normalized text, and the pieces of all cuts that rounding might prefer in some text."""
        normalized = self._normalized(chunk)
        tolerance = 4 * max(len(normalized), 1) * _ROUNDING * -LOWEST_SUM
        return normalized, self._segmenter.near_best_steps(normalized, tolerance)

    def _ids_of_new_chunk(self, chunk: str) -> list[int]:
        normalized = self._normalized(chunk)
        pieces, margin = self._segmenter.best_cut_with_margin(normalized)
        ids = [token_id for token_id, _, _ in self._finish(normalized, pieces)]
        additions = max(len(normalized), 1)
        if additions <= _LONGEST_REMEMBERED and ids == [token_id for token_id, _, _ in pieces]:
            # In a text of more pieces, rounding can change the difference of two cuts' sums by the margin.
            doubtful_from = margin / (4 * additions * _ROUNDING * self._largest_score) - additions
        else:
            doubtful_from = 0.0  # the ids do not tell the scores: unknown pieces are joined, or spelled in bytes
        for bits, chunks_in_doubt in enumerate(self._doubtful):
            if doubtful_from < 1 << bits:
                chunks_in_doubt.add(chunk)
        return ids
