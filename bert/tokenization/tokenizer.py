"""What every tokenizer can do; WordPiece and SentencePiece add how they cut a text into pieces."""

import hashlib
import pickle
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from functools import partial
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from bert.errors import InputError
from bert.tokenization.encoding import Encoding, Pieces, join_pair, truncated, windows_over_pair
from bert.tokenization.special_tokens import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK
from bert.workers import in_order

if TYPE_CHECKING:
    from torch import Tensor

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
        is_split_into_words: bool = False,
    ) -> Encoding:
        """``[CLS] first [SEP]`` or ``[CLS] first [SEP] second [SEP]``: one input of the model, as lists.

        Args:
            first, second: each a text; with ``is_split_into_words``, each a list of words. A list keeps its word
                boundaries, and ``word_ids`` are indices into it. (A word of control characters only has no piece.)
            max_length: the most positions of the result, special tokens included.
            truncation: which text is cut: "longest_first", "only_first" or "only_second".
            is_split_into_words: transformers' name. Without it a list could as well mean several texts.

        Raises:
            InputError: if the pair cannot be made to fit.
            TypeError: if a text is a list. Several texts go to ``batch``.
        """
        if not is_split_into_words:
            require_text(first)
            require_text("" if second is None else second)
        first_pieces = self._pieces_of(first)
        second_pieces = None if second is None else self._pieces_of(second)
        if max_length is not None:
            first_pieces, second_pieces = truncated(first_pieces, second_pieces, max_length, truncation)
        return self._joined(first_pieces, second_pieces)

    def batch(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, max_length: int | None = None
    ) -> dict[str, "Tensor"]:
        """Several texts, or pairs of texts, as tensors: ``model(**tokenizer.batch(texts))``.

        Args:
            texts: the first texts.
            pairs: for each its second text; None: there is none.
            max_length: the most tokens of a row, special tokens included. The longer text of a pair is cut first.

        Returns:
            ``input_ids``, ``token_type_ids`` and ``attention_mask``, each (batch, seq) int64. Shorter rows end with
            ``[PAD]``; there the other two are 0.

        Raises:
            ValueError: if there are no texts, or not as many pairs as texts.
            TypeError: if ``texts`` or ``pairs`` is one text.
        """
        import torch  # here, since tokenizing alone does not need it

        if isinstance(texts, str) or isinstance(pairs, str):
            raise TypeError("batch takes a list of texts, but found one text; put it into a list")
        if not texts or (pairs is not None and len(pairs) != len(texts)):
            raise ValueError(
                f"found {len(texts)} texts and {'no' if pairs is None else len(pairs)} pairs; batch takes one or more "
                "texts, and for each a second text or none at all"
            )
        encodings = [self(*both, max_length=max_length) for both in (zip(texts, pairs) if pairs else zip(texts))]
        shape = len(encodings), max(map(len, encodings))
        input_ids = torch.full(shape, self.pad_token_id)
        token_type_ids, attention_mask = (torch.zeros(shape, dtype=torch.int64) for _ in range(2))
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding)] = torch.tensor(encoding.input_ids)
            token_type_ids[row, : len(encoding)] = torch.tensor(encoding.token_type_ids)
            attention_mask[row, : len(encoding)] = 1
        return {"input_ids": input_ids, "token_type_ids": token_type_ids, "attention_mask": attention_mask}

    def windows(
        self, first: str | Sequence[str], second: str | Sequence[str] | None = None, *, max_length: int, overlap: int
    ) -> list[Encoding]:
        """Windows over a text too long for the model: over ``second``, each beside all of ``first``, or over ``first``.

        For question answering: ``windows(question, context, ...)``. In each window the context's pieces have
        ``sequence_ids`` 1. Their offsets still point into the whole context.

        Args:
            first, second: each a text, or a list of words.
            max_length: positions of a window, special tokens included; the last window may be shorter.
            overlap: how many pieces neighbouring windows share. The Rust library calls this the stride. Google's
                ``doc_stride`` is how far a window moves: its room for the text, less the overlap.

        Raises:
            InputError: if ``first`` leaves no room for a window that moves on.
        """
        first_pieces = self._pieces_of(first)
        second_pieces = None if second is None else self._pieces_of(second)
        return [self._joined(*window) for window in windows_over_pair(first_pieces, second_pieces, max_length, overlap)]

    def _joined(self, first: Pieces, second: Pieces | None) -> Encoding:
        encoding = join_pair(first, second, self.cls_token_id, self.sep_token_id)
        encoding.tokens.extend(self.vocabulary[token_id] for token_id in encoding.input_ids)
        return encoding

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


def require_text(text: object) -> None:
    """Raises a TypeError unless ``text`` is one text. Of a list it names what takes lists."""
    if not isinstance(text, str):
        raise TypeError(
            f"found a {type(text).__name__} in the place of a text; several texts go to tokenizer.batch(texts), or "
            "to encode_batch(texts) for their ids alone; a text's words go to "
            "tokenizer(words, is_split_into_words=True)"
        )


def _encode(tokenizer: Tokenizer, texts: list[str]) -> tuple[array, array]:
    """Lengths, and all ids in a row: two arrays cross the pipe far faster than lists of lists."""
    encoded = list(map(tokenizer.encode, texts))
    return array("I", map(len, encoded)), array("I", list(chain.from_iterable(encoded)))
