"""WordPiece: the tokenizer that BERT was published with.

A text is split into words (``normalization.py``), and each word into pieces. The first piece is the word's longest
beginning that the vocabulary has. The next one is the longest that goes on from there, and so on. A piece that goes
on with a word starts with ``##``:

    unaffable  ->  un ##aff ##able

The ids are the Rust library's (``tokenizers``, ``BertWordPieceTokenizer``). The docstring of ``normalization.py``
names the exceptions. Sources: Schuster and Nakajima 2012; Devlin et al. 2018, section 3; google-research/bert,
``tokenization.py``.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bert.tokenization.added_tokens import AddedToken, TokenFinder
from bert.tokenization.encoding import Pieces
from bert.tokenization.memo import Memo
from bert.tokenization.normalization import SPLIT_IN_PYTHON_ALONE, Character, Normalizer, split_into_words
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.tokenizer import Tokenizer, require_text
from bert.tokenization.vocabulary_file import read_vocabulary

CONTINUATION = "##"
# Longer words are [UNK], which bounds the work per word. As in the Rust library; google-research/bert has 200.
MAX_WORD_LENGTH = 100
_DROP_SPLIT_IN_PYTHON_ALONE = dict.fromkeys(map(ord, SPLIT_IN_PYTHON_ALONE))


class WordPieceTokenizer(Tokenizer):
    """Text to ids of WordPiece's pieces, and back.

    A special token in a text, such as a ``[MASK]`` that a user typed, is never split or lower-cased. The same is true
    of tokens that were added to the vocabulary.

    Args:
        vocabulary: the pieces, by id, with the five special tokens. Of equal pieces the last counts, as in Rust's and
            Google's dictionaries. The others keep their ids, which no text has.
        lowercase: whether text is lower-cased; it must agree with the vocabulary.
        strip_accents: whether accents are stripped; None follows ``lowercase``.
        split_chinese: whether each Chinese character is a word.
        added_tokens: further tokens that stay whole. Those that the vocabulary lacks get the ids after it, in order.

    Raises:
        InputError: if a special token is missing.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        split_chinese: bool = True,
        added_tokens: Sequence[AddedToken] = (),
    ):
        self.added_tokens = tuple(added_tokens)
        self.pieces_in_words = len(vocabulary)  # words are made of the pieces before this id
        known = set(vocabulary)
        super().__init__(
            [*vocabulary, *dict.fromkeys(token.content for token in added_tokens if token.content not in known)]
        )
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.split_chinese = split_chinese
        self._normalizer = Normalizer(lowercase, self.strip_accents, split_chinese)
        self._set_added_tokens()
        self._beginning_ids = self._ids
        if len(self.vocabulary) > self.pieces_in_words:
            self._beginning_ids = {piece: token_id for piece, token_id in self._ids.items() if piece in known}
        self.continues_word = [
            piece.startswith(CONTINUATION) and token_id < self.pieces_in_words
            for token_id, piece in enumerate(self.vocabulary)
        ]
        self._continuation_ids = {
            piece.removeprefix(CONTINUATION): token_id
            for piece, token_id in self._beginning_ids.items()
            if piece.startswith(CONTINUATION)
        }
        self._longest_piece = max(map(len, self.vocabulary))
        self._ids_of_word = Memo(self.match_longest_first, limit=1 << 17, longest_key=MAX_WORD_LENGTH)
        self._ids_of_chunk = Memo(self._ids_of_new_chunk, limit=1 << 18, longest_key=MAX_WORD_LENGTH)

    @property
    def whole_tokens(self) -> tuple[AddedToken, ...]:
        """What is never split: the added tokens and the five special ones."""
        described = {token.content for token in self.added_tokens}
        return (*self.added_tokens, *(AddedToken(token) for token in SPECIAL_TOKENS if token not in described))

    def _set_added_tokens(self) -> None:
        tokens = self.whole_tokens
        self.special_token_ids |= {self._ids[token.content] for token in tokens if token.special}
        self._typed = TokenFinder((token.content, token) for token in tokens if not token.normalized)
        self._normalized = TokenFinder(
            ("".join(character for character, _ in self._normalizer.normalized(token.content)), token)
            for token in tokens
            if token.normalized
        )
        # Usually all begin with a bracket, and a chunk without one has none of them.
        openings = {form[0] for form in self._typed.forms}
        self._opening = openings.pop() if len(openings) == 1 else ""
        self._spans_chunks = any(len(f"|{form}|".split()) > 1 for form in self._typed.forms + self._normalized.forms)

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
        settings = (self.vocabulary[: self.pieces_in_words], self.lowercase, self.strip_accents, self.split_chinese)
        return type(self), (*settings, self.added_tokens) if self.added_tokens else settings

    def lowercased(self) -> "WordPieceTokenizer":
        """The same tokenizer, but it lower-cases texts."""
        pieces = self.vocabulary[: self.pieces_in_words]
        return type(self)(pieces, True, self.strip_accents, self.split_chinese, self.added_tokens)

    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``; no special tokens added.

        The fast way: it splits the text at white space and remembers the ids of each chunk. They are the ids of
        ``pieces``, since none of BERT's rules looks across white space.
        """
        require_text(text)
        if self._spans_chunks:
            return self.pieces(text).ids
        if any(map(text.__contains__, SPLIT_IN_PYTHON_ALONE)):
            cleaned = text.translate(_DROP_SPLIT_IN_PYTHON_ALONE)
            if self._normalized or self._typed.search(cleaned):  # dropping a character may have made a token
                return self.pieces(text).ids
            text = cleaned
        return list(chain.from_iterable(map(self._ids_of_chunk.__getitem__, text.split())))

    def pieces(self, text: str) -> Pieces:
        require_text(text)
        pieces = Pieces([], [], [])
        for start, end, token in self._typed.spans(text):
            if token is not None:
                self._add_token(pieces, token, (start, end))
                continue
            characters = [(character, start + at) for character, at in self._normalizer.normalized(text[start:end])]
            if self._normalized:
                self._add_with_tokens(pieces, characters)
            else:
                self._add_words(pieces, characters)
        return pieces

    def _add_with_tokens(self, pieces: Pieces, characters: list[Character]) -> None:
        """Adds the pieces of normalized characters among which there may be added tokens."""
        for start, end, token in self._normalized.spans("".join(character for character, _ in characters)):
            if token is None:
                self._add_words(pieces, characters[start:end])
            else:
                self._add_token(pieces, token, (characters[start][1], characters[end - 1][1] + 1))

    def _add_words(self, pieces: Pieces, characters: list[Character]) -> None:
        for word_id, (word, origins) in enumerate(split_into_words(characters), _next_word_id(pieces)):
            for token_id, first, end in self._spans(word):
                pieces.ids.append(token_id)
                pieces.offsets.append((origins[first], origins[end - 1] + 1))
                pieces.word_ids.append(word_id)

    def _add_token(self, pieces: Pieces, token: AddedToken, offsets: tuple[int, int]) -> None:
        pieces.word_ids.append(_next_word_id(pieces))
        pieces.ids.append(self._ids[token.content])
        pieces.offsets.append(offsets)

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

    def cut_word(self, word: str) -> list[str]:
        """The pieces of a normalized word."""
        return [self.vocabulary[token_id] for token_id in self.match_longest_first(word)]

    def match_longest_first(self, word: str, continues_word: bool = False) -> tuple[int, ...]:
        """The ids of the pieces of a normalized word. If any part of it has no piece, the whole word is ``[UNK]``.

        Args:
            continues_word: ``word`` is the rest of one, so its first piece has ``##`` too.
        """
        if len(word) > MAX_WORD_LENGTH:
            return (self.unk_token_id,)
        ids = []
        start, known = 0, self._continuation_ids if continues_word else self._beginning_ids
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
        if self._normalized or (self._opening in chunk and self._typed.search(chunk)):
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


def _next_word_id(pieces: Pieces) -> int:
    return pieces.word_ids[-1] + 1 if pieces.word_ids else 0
