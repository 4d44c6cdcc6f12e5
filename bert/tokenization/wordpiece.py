"""WordPiece: the tokenizer that BERT was published with.

A text is split into words (``normalization.py``), and each word into pieces. The first piece is the word's longest
beginning that the vocabulary has. The next one is the longest that goes on from there, and so on. A piece that goes
on with a word starts with ``##``:

    unaffable  ->  un ##aff ##able

The ids are the Rust library's (``tokenizers``, ``BertWordPieceTokenizer``). The docstring of ``normalization.py``
names the exceptions. Sources: Schuster and Nakajima 2012; Devlin et al. 2018, section 3; google-research/bert,
``tokenization.py``.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bert.errors import InputError
from bert.files.whole import read_bytes
from bert.tokenization.encoding import Pieces
from bert.tokenization.memo import Memo
from bert.tokenization.normalization import SPLIT_IN_PYTHON_ALONE, Normalizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.tokenizer import Tokenizer

CONTINUATION = "##"
# Longer words are [UNK], which bounds the work per word. As in the Rust library; google-research/bert has 200.
MAX_WORD_LENGTH = 100
LARGEST_VOCABULARY = 1 << 26  # bytes; that of multilingual BERT, 120,000 pieces, has one million
_DROP_SPLIT_IN_PYTHON_ALONE = dict.fromkeys(map(ord, SPLIT_IN_PYTHON_ALONE))
_SPECIAL_TOKEN = re.compile(f"({'|'.join(map(re.escape, SPECIAL_TOKENS))})")


class WordPieceTokenizer(Tokenizer):
    """Text to ids of WordPiece's pieces, and back.

    A special token in a text, such as a ``[MASK]`` that a user typed, is never split or lower-cased.

    Args:
        vocabulary: the pieces, by id, with the five special tokens.
        lowercase: whether text is lower-cased; it must agree with the vocabulary.
        strip_accents: whether accents are stripped; None follows ``lowercase``.
        split_chinese: whether each Chinese character is a word.

    Raises:
        InputError: if a special token is missing or a piece is there twice.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        split_chinese: bool = True,
    ):
        super().__init__(vocabulary)
        if len(self._ids) < len(self.vocabulary):
            repeated = next(piece for piece, count in Counter(self.vocabulary).items() if count > 1)
            raise InputError(f"the piece {repeated!r} is in the vocabulary twice; each piece has one id")
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.split_chinese = split_chinese
        self._normalizer = Normalizer(lowercase, self.strip_accents, split_chinese)
        self.continues_word = [piece.startswith(CONTINUATION) for piece in self.vocabulary]
        self._continuation_ids = {
            piece.removeprefix(CONTINUATION): token_id
            for piece, token_id in self._ids.items()
            if piece.startswith(CONTINUATION)
        }
        self._longest_piece = max(map(len, self.vocabulary))
        self._ids_of_word = Memo(self.match_longest_first, limit=1 << 17, longest_key=MAX_WORD_LENGTH)
        self._ids_of_chunk = Memo(self._ids_of_new_chunk, limit=1 << 18, longest_key=MAX_WORD_LENGTH)

    @classmethod
    def from_file(
        cls, path: str | Path, lowercase: bool = True, strip_accents: bool | None = None, split_chinese: bool = True
    ) -> "WordPieceTokenizer":
        """The tokenizer with the vocabulary in ``path``: one piece per line, ids by line.

        Raises an InputError if the file is not a vocabulary; it names the file and the line.
        """
        return cls(read_vocabulary(path), lowercase, strip_accents, split_chinese)

    def __reduce__(self):
        # Other processes compute the memos anew: that is faster than sending them.
        return type(self), (self.vocabulary, self.lowercase, self.strip_accents, self.split_chinese)

    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``; no special tokens added.

        The fast way: it splits the text at white space and remembers the ids of each chunk. They are the ids of
        ``pieces``, since none of BERT's rules looks across white space.
        """
        if any(map(text.__contains__, SPLIT_IN_PYTHON_ALONE)):
            cleaned = text.translate(_DROP_SPLIT_IN_PYTHON_ALONE)
            if _SPECIAL_TOKEN.search(cleaned):  # dropping a character may have made a special token
                return self.pieces(text).ids
            text = cleaned
        return list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, text.split())))

    def pieces(self, text: str) -> Pieces:
        pieces = Pieces([], [], [])
        word_id = start = 0
        for index, part in enumerate(_SPECIAL_TOKEN.split(text)):
            if index % 2:  # a special token; the parts between them have even indices
                pieces.ids.append(self._ids[part])
                pieces.offsets.append((start, start + len(part)))
                pieces.word_ids.append(word_id)
                word_id += 1
            else:
                for word, origins in self._normalizer.words_with_origins(part):
                    for token_id, first, end in self._spans(word):
                        pieces.ids.append(token_id)
                        pieces.offsets.append((start + origins[first], start + origins[end - 1] + 1))
                        pieces.word_ids.append(word_id)
                    word_id += 1
            start += len(part)
        return pieces

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text that these pieces spell: continuations joined, no space before punctuation.

        Case, accents and white space that normalization removed stay lost. The rules are from the Rust library
        (``decoders.WordPiece``).
        """
        skipped = self.special_token_ids if skip_special_tokens else ()
        decoded = []
        for piece in [self.id_to_token(token_id) for token_id in ids if token_id not in skipped]:
            if decoded:
                piece = piece.removeprefix(CONTINUATION) if piece.startswith(CONTINUATION) else " " + piece
            for written, meant in _DECODED_WITHOUT_SPACE:
                piece = piece.replace(written, meant)
            decoded.append(piece)
        return "".join(decoded)

    def match_longest_first(self, word: str) -> tuple[int, ...]:
        """The ids of the pieces of a normalized word. If any part of it has no piece, the whole word is ``[UNK]``."""
        if len(word) > MAX_WORD_LENGTH:
            return (self.unk_token_id,)
        ids = []
        start, known = 0, self._ids
        while start < len(word):
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                token_id = known.get(word[start:end])
                if token_id is not None:
                    break
            else:
                return (self.unk_token_id,)
            ids.append(token_id)
            start, known = end, self._continuation_ids
        return tuple(ids)

    def _spans(self, word: str) -> list[tuple[int, int, int]]:
        """(id, start, end) of each piece of a normalized word."""
        ids = self._ids_of_word[word]
        if ids == (self.unk_token_id,):
            return [(self.unk_token_id, 0, len(word))]
        spans, start = [], 0
        for token_id in ids:
            length = len(self.vocabulary[token_id]) - (len(CONTINUATION) if start else 0)
            spans.append((token_id, start, start + length))
            start += length
        return spans

    def _ids_of_new_chunk(self, chunk: str) -> tuple[int, ...]:
        """The ids of a chunk of text without white space: words, punctuation, special tokens."""
        if "[" in chunk and _SPECIAL_TOKEN.search(chunk):
            return tuple(self.pieces(chunk).ids)
        words = self._normalizer.words(chunk)
        if len(words) == 1:
            return self._ids_of_word[words[0]]
        return tuple(chain.from_iterable(map(self._ids_of_word.__getitem__, words)))


# Rust's decoder replaces these within one piece and the space before it.
_DECODED_WITHOUT_SPACE = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


def read_vocabulary(path: str | Path) -> list[str]:
    """The pieces in a ``vocab.txt``, by id.

    As in the Rust library, a line ends with a line feed. White space at its end, such as a carriage return, is dropped.
    So is a byte-order mark.

    Raises an InputError if there is no such file, it is not UTF-8, or a line is blank or repeated. The message names
    the file and the line.
    """
    content = read_bytes(path, LARGEST_VOCABULARY)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte {error.start} is not UTF-8; a vocabulary is UTF-8, one piece a line"
        ) from None
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        raise InputError(f"{path}: is empty; a vocabulary has one piece a line")
    line_of: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        piece = line.rstrip()
        if not piece:
            raise InputError(f"{path}, line {number}: is blank; a vocabulary has one piece a line")
        if piece in line_of:
            raise InputError(
                f"{path}, line {number}: the piece {piece!r} is on line {line_of[piece]} already; "
                "each piece has one line, and so one id"
            )
        line_of[piece] = number
    missing = [token for token in SPECIAL_TOKENS if token not in line_of]
    if missing:
        raise InputError(
            f"{path}: its {len(lines)} lines lack {' and '.join(missing)}; BERT needs the pieces "
            f"{' '.join(SPECIAL_TOKENS)}"
        )
    return list(line_of)
