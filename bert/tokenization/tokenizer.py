"""What every tokenizer can do; WordPiece and SentencePiece add how they cut a text into pieces."""

import hashlib
import pickle
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from functools import partial
from itertools import accumulate, chain

from bert.errors import InputError
from bert.tokenization.encoding import Encoding, Pieces, join_pair, truncated, windows_over_pair
from bert.tokenization.special_tokens import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK
from bert.workers import in_order

# Texts per message to a worker: enough to hide the transfer, few enough to balance the work.
_TEXTS_PER_TASK = 512


class Tokenizer(ABC):
    """Ids of pieces, and back. Subclasses add ``encode``, ``pieces``, ``decode`` and ``continues_word``.

    Attributes:
        vocabulary: the pieces, by id.
        continues_word: by id, whether the piece goes on with the word before it (False for special tokens). Whole-word
            masking reads it.
        pad_token_id, unk_token_id, cls_token_id, sep_token_id, mask_token_id: ids of the special tokens.
    """

    continues_word: list[bool]

    def __init__(self, vocabulary: Sequence[str]):
        self.vocabulary = list(vocabulary)
        self._ids = {piece: token_id for token_id, piece in enumerate(self.vocabulary)}
        missing = [token for token in SPECIAL_TOKENS if token not in self._ids]
        if missing:
            raise InputError(
                f"the vocabulary of {len(self.vocabulary)} pieces lacks {', '.join(missing)}; BERT needs "
                f"{' '.join(SPECIAL_TOKENS)}, each a piece of its own"
            )
        self.pad_token_id = self._ids[PAD]
        self.unk_token_id = self._ids[UNK]
        self.cls_token_id = self._ids[CLS]
        self.sep_token_id = self._ids[SEP]
        self.mask_token_id = self._ids[MASK]
        self.special_token_ids = frozenset(self._ids[token] for token in SPECIAL_TOKENS)

    @property
    def vocab_size(self) -> int:
        """The number of pieces; ids run from 0 to vocab_size - 1."""
        return len(self.vocabulary)

    @property
    def fingerprint(self) -> str:
        """A digest of its kind, vocabulary and settings. Tokenizers with the same fingerprint make the same ids."""
        return hashlib.sha256(pickle.dumps(self, protocol=5)).hexdigest()

    def token_to_id(self, token: str) -> int:
        """The id of a piece; the id of ``[UNK]`` if the vocabulary lacks it."""
        return self._ids.get(token, self.unk_token_id)

    def id_to_token(self, token_id: int) -> str:
        """The piece with this id; raises an IndexError if there is none."""
        if not 0 <= token_id < len(self.vocabulary):
            raise IndexError(f"there is no piece {token_id}; ids run from 0 to {len(self.vocabulary) - 1}")
        return self.vocabulary[token_id]

    @abstractmethod
    def pieces(self, text: str) -> Pieces:
        """The pieces of ``text``, with offsets and words; no special tokens added."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``; no special tokens added."""

    @abstractmethod
    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text that these pieces spell."""

    def tokenize(self, text: str) -> list[str]:
        """The pieces of ``text`` as strings; no special tokens added."""
        return [self.vocabulary[token_id] for token_id in self.encode(text)]

    def encode_batch(self, texts: Sequence[str], processes: int = 1) -> list[list[int]]:
        """``encode`` of each text. With ``processes`` above 1, workers share the texts: sooner, the same ids."""
        if processes <= 1 or len(texts) <= _TEXTS_PER_TASK:
            return list(map(self.encode, texts))
        tasks = (list(texts[start : start + _TEXTS_PER_TASK]) for start in range(0, len(texts), _TEXTS_PER_TASK))
        encoded: list[list[int]] = []
        for lengths, ids in in_order(partial(_encode, self), tasks, processes):
            ids = ids.tolist()
            encoded.extend(ids[end - length : end] for length, end in zip(lengths, accumulate(lengths)))
        return encoded

    def __call__(
        self,
        first: str | Sequence[str],
        second: str | Sequence[str] | None = None,
        max_length: int | None = None,
        truncation: str = "longest_first",
    ) -> Encoding:
        """``[CLS] first [SEP]`` or ``[CLS] first [SEP] second [SEP]``, ready for the model.

        Args:
            first, second: each a text, or a list of words. A list keeps its word boundaries, and ``word_ids`` are
                indices into it. (A word of control characters only has no piece.)
            max_length: the most positions of the result, special tokens included.
            truncation: which text is cut: "longest_first", "only_first" or "only_second".

        Raises:
            InputError: if the pair cannot be made to fit.
        """
        first_pieces = self._pieces_of(first)
        second_pieces = None if second is None else self._pieces_of(second)
        if max_length is not None:
            first_pieces, second_pieces = truncated(first_pieces, second_pieces, max_length, truncation)
        return join_pair(first_pieces, second_pieces, self.cls_token_id, self.sep_token_id)

    def windows(
        self, first: str | Sequence[str], second: str | Sequence[str] | None = None, *, max_length: int, overlap: int
    ) -> list[Encoding]:
        """Windows over a text too long for the model: over ``second``, each beside all of ``first``, or over ``first``.

        For question answering: ``windows(question, context, ...)``. In each window the context's pieces have
        ``sequence_ids`` 1. Their offsets still point into the whole context.

        Args:
            max_length: positions of a window, special tokens included; the last window may be shorter.
            overlap: how many pieces neighbouring windows share. The Rust library calls this the stride. Google's
                ``doc_stride`` is how far a window moves: its room for the text, less the overlap.

        Raises:
            InputError: if ``first`` leaves no room for a window that moves on.
        """
        first_pieces = self._pieces_of(first)
        second_pieces = None if second is None else self._pieces_of(second)
        return [
            join_pair(*window, self.cls_token_id, self.sep_token_id)
            for window in windows_over_pair(first_pieces, second_pieces, max_length, overlap)
        ]

    def _pieces_of(self, text: str | Sequence[str]) -> Pieces:
        if isinstance(text, str):
            return self.pieces(text)
        joined = Pieces([], [], [])
        for word_id, word in enumerate(text):
            pieces = self.pieces(word)
            joined.ids.extend(pieces.ids)
            joined.offsets.extend(pieces.offsets)
            joined.word_ids.extend([word_id] * len(pieces.ids))
        return joined


def _encode(tokenizer: Tokenizer, texts: list[str]) -> tuple[array, array]:
    """Lengths, and all ids in a row: two arrays cross the pipe far faster than lists of lists."""
    encoded = list(map(tokenizer.encode, texts))
    return array("I", map(len, encoded)), array("I", list(chain.from_iterable(encoded)))
