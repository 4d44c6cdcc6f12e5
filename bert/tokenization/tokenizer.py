"""The type of a tokenizer: what the rest of the project uses of one."""

from collections.abc import Sequence
from typing import Protocol

from bert.tokenization.encoding import Encoding, Pieces


class Tokenizer(Protocol):
    """Text to ids of pieces, and back. ``PieceTokenizer`` has the docstrings.

    WordPieceTokenizer and SentencePieceTokenizer have this type, and so may a class from elsewhere.
    """

    vocabulary: list[str]
    continues_word: list[bool]
    unk_token_id: int
    special_token_ids: frozenset[int]

    @property
    def vocab_size(self) -> int: ...
    @property
    def pad_token_id(self) -> int: ...
    @property
    def cls_token_id(self) -> int: ...
    @property
    def sep_token_id(self) -> int: ...
    @property
    def mask_token_id(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

    def token_to_id(self, token: str) -> int: ...
    def id_to_token(self, token_id: int) -> str: ...
    def tokenize(self, text: str) -> list[str]: ...
    def encode(self, text: str) -> list[int]: ...
    def encode_batch(self, texts: Sequence[str], processes: int = 1) -> list[list[int]]: ...
    def pieces(self, text: str) -> Pieces: ...
    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str: ...

    def __call__(
        self,
        first: str | Sequence[str],
        second: str | Sequence[str] | None = None,
        max_length: int | None = None,
        truncation: str = "longest_first",
    ) -> Encoding: ...

    def windows(
        self, first: str | Sequence[str], second: str | Sequence[str] | None = None, *, max_length: int, overlap: int
    ) -> list[Encoding]: ...
