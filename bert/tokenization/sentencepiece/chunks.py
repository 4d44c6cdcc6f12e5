"""Encoding a text chunk by chunk, the chunks being what stands between spaces, and remembering each.

This is the fast way; the way to read is ``SentencePieceTokenizer.tokenize``, which treats a text as a
whole. Both give the same ids. For most models no piece reaches over a space, and no rule of
normalization sees one, so every chunk can be treated alone, and most have been seen before:

    "to be  or not"  ->  "to" "be" "" "or" "not"  ->  ▁to | ▁be | | ▁or | ▁no t

One thing does reach over spaces: a unigram model's sum of scores, kept in float32, whose rounding
decides between cuts that are nearly as good as each other ("...." into ".." ".." or "..." "."). Such chunks
are found by the margin of their best cut, and are cut again with the true sum before them: by those pieces alone
that such cuts are made of, since all others are out of the running.
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

# A piece: its id, and where in the normalized text it starts and ends.
Piece = tuple[int, int, int]

_REMEMBERED_CHUNKS = 1 << 18
_REMEMBERED_DOUBTS = 1 << 15
_LONGEST_REMEMBERED = 64  # characters; longer chunks are rarely seen again, and an endless one fills the memory
# In front of a chunk: it begins the text, and no space is added to it. No chunk has a space in it.
_BARE = " "
# Rounding to float32 changes a sum by no more than this share of it.
_ROUNDING = 2.0**-24


def can_be_cut_at_spaces(model: SentencePieceModel, normalizer: Normalizer) -> bool:
    """Whether chunks between spaces can be normalized and cut into pieces each by itself.

    They can when "▁" is a piece, so that nothing unknown reaches over it; when it occurs at the
    beginning of pieces alone; and when neither a rule nor a user-defined symbol has a space in it. Scores
    above zero, which are no log-probabilities, would make the sums of a unigram model grow without bound.
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
        model: a model for which ``can_be_cut_at_spaces``.
        normalizer: what prepares its texts.
        cut: what cuts a normalized text into the pieces whose ids are the result.
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
        """The ids of the pieces of ``text``, which has no "▁" in it."""
        return self._joined(self._chunks(text))

    def _joined(self, chunks: list[str]) -> list[int]:
        return list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, chunks)))

    def _chunks(self, text: str) -> list[str]:
        """What stands between spaces, each to be looked up in the memo."""
        if not text:
            return []
        chunks = text.split(" ")
        if not self._adds_space:
            # Every chunk has its space, but for the first that something is left of.
            for place, chunk in enumerate(chunks):
                if not self._removes_spaces or self._normalized(chunk):
                    chunks[place] = _BARE + chunk
                    break
        return chunks

    def _normalized(self, chunk: str) -> str:
        """The chunk as it stands in the normalized text, with the "▁" that is part of it."""
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
    """Encodes texts chunk by chunk with a unigram model, minding the sum of scores.

    Every addition is off by no more than ``_ROUNDING`` times the sum so far, all the text before included, and a
    cut of n characters adds at most n times. A margin too small against that leaves the chunk in doubt.
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
        # Above this, no cut of a remembered chunk brings a sum down to where the segmenter starts anew.
        self._lowest_safe_sum = LOWEST_SUM + _LONGEST_REMEMBERED * self._largest_score
        self._most_pieces = int(max(-self._lowest_safe_sum, 0) / self._largest_score)
        self._steps_of_chunk = Memo(self._steps_of_new_chunk, _REMEMBERED_DOUBTS)
        # By b: the chunks that are in doubt in some text of fewer than 2 ** b pieces. The last is for any text.
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
        """The ids of the pieces, and how many pieces have been added up: more than ids where a run of unknown ones has
        a single id. ``parts`` has the ids of each chunk, right but for the chunks in doubt, which all such runs are.
        """
        ids: list[int] = []
        total, start = 0.0, 0  # the sum of the scores of ids[:start]
        joined = 0  # pieces that are in a run with the one before
        for chunk, part in zip(chunks, parts):
            if chunk not in in_doubt:
                ids += part
                continue
            scores = np.append(np.float32(total), self._scores[ids[start:]])
            total = np.add.accumulate(scores)[-1]  # one after the other, each sum rounded to float32
            normalized, steps = self._steps_of_chunk[chunk]
            pieces, total = best_cut_of_steps(steps, len(normalized), total)
            finished = self._finish(normalized, pieces)
            joined += max(0, len(pieces) - len(finished))
            ids += [token_id for token_id, _, _ in finished]
            start = len(ids)
        return ids, len(ids) + joined

    def _encode_with_sum(self, chunks: list[str]) -> list[int]:
        """The same for texts of any length, in which the sum may start anew, with chunks of any length."""
        scores, doubtful = self._segmenter.scores, self._doubtful[-1]
        ids: list[int] = []
        total = array("f", [0.0])  # what is stored in it is rounded to float32
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
        """The chunk's text, and the pieces of all cuts that rounding might prefer in some text."""
        normalized = self._normalized(chunk)
        tolerance = 4 * max(len(normalized), 1) * _ROUNDING * -LOWEST_SUM
        return normalized, self._segmenter.near_best_steps(normalized, tolerance)

    def _ids_of_new_chunk(self, chunk: str) -> list[int]:
        normalized = self._normalized(chunk)
        pieces, margin = self._segmenter.best_cut_with_margin(normalized)
        ids = [token_id for token_id, _, _ in self._finish(normalized, pieces)]
        additions = max(len(normalized), 1)
        if additions <= _LONGEST_REMEMBERED and ids == [token_id for token_id, _, _ in pieces]:
            # In a text of more pieces than this, the rounding of two cuts' sums can differ by the margin.
            doubtful_from = margin / (4 * additions * _ROUNDING * self._largest_score) - additions
        else:
            doubtful_from = 0.0  # its scores cannot be told from the ids: a run of unknown pieces is one, or is bytes
        for bits, chunks_in_doubt in enumerate(self._doubtful):
            if doubtful_from < 1 << bits:
                chunks_in_doubt.add(chunk)
        return ids
