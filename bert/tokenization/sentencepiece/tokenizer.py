"""SentencePiece: a tokenizer for which spaces are characters like any other.

A space is written as "▁" and belongs to the word after it. So we need no language's idea of a word, and can put the
text together again:

    "Hello world."  ->  ▁Hello ▁wor ld .  ->  "Hello world."

Three steps, a file each. ``normalizer.py`` normalizes the text. ``unigram.py`` or ``byte_pair.py`` cuts it, by the
kind of the model. Here, a part without a piece becomes the unknown piece, or its bytes. Ids and decoded texts are the
library's on any text. Sources: Kudo and Richardson 2018, "SentencePiece"; google/sentencepiece,
``src/sentencepiece_processor.cc``.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, chain, compress
from pathlib import Path

from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.tokenization.encoding import Pieces
from bert.tokenization.sentencepiece.byte_pair import BytePairSegmenter
from bert.tokenization.sentencepiece.chunks import ChunkEncoder, Piece, UnigramChunkEncoder, can_be_cut_at_spaces
from bert.tokenization.sentencepiece.model_file import SPACE_MARK, Kind, byte_piece, parse_model
from bert.tokenization.sentencepiece.normalizer import Normalizer
from bert.tokenization.sentencepiece.unigram import UnigramSegmenter
from bert.tokenization.tokenizer import Tokenizer, require_text

# The names of BERT's special tokens in models: BERT's, ALBERT's, and RoBERTa's.
_SPECIAL_NAMES = {
    "padding": ("[PAD]", "<pad>"),
    "beginning": ("[CLS]", "<cls>", "<s>"),
    "separator": ("[SEP]", "<sep>", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}


LARGEST_MODEL = 1 << 26  # bytes; T5's, of 250,000 pieces, has 4 million


class SentencePieceTokenizer(Tokenizer):
    """Text to ids of a SentencePiece model's pieces, and back.

    As in the library, a control symbol in a text, such as ``[CLS]``, is ordinary text. A user-defined symbol is found
    anywhere. ``train_sentencepiece`` makes ``[MASK]`` user-defined, so that users can type it.

    Special tokens are found by their usual names. A model without them encodes and decodes. If one is needed, an
    ``InputError`` says what is missing.

    Args:
        model_bytes: the content of a ``.model`` file.
        source: its name in errors.

    Attributes:
        model_bytes: as given; written to a file, they are the model again.
        continues_word: by id, whether the piece goes on with a word. Then it does not start with "▁" and is not a
            special token.

    Raises:
        InputError: if the bytes are not a SentencePiece model.
    """

    def __init__(self, model_bytes: bytes, source: str = "the model"):
        # Tokenizer.__init__ demands all special tokens. Here each is demanded when it is needed.
        self.model_bytes = model_bytes
        self._source = source
        model = self._model = parse_model(model_bytes, source)
        self.vocabulary = model.pieces
        user_defined = [piece for piece, kind in zip(model.pieces, model.kinds) if kind == Kind.USER_DEFINED]
        try:
            self._normalizer = Normalizer(model.normalizer, model.whitespace_as_suffix, user_defined)
            self._denormalizer = None if model.denormalizer is None else Normalizer(model.denormalizer)
        except InputError as error:
            raise InputError(f"{source}: {error}; a SentencePiece .model file was expected") from None
        self._chunks = None  # the fast way, if the model allows it
        if model.is_unigram:
            self._segmenter = UnigramSegmenter(model)
            if can_be_cut_at_spaces(model, self._normalizer):
                self._chunks = UnigramChunkEncoder(model, self._normalizer, self._segmenter, self._finish)
        else:
            self._segmenter = BytePairSegmenter(model)
            if can_be_cut_at_spaces(model, self._normalizer):
                self._chunks = ChunkEncoder(model, self._normalizer, self._segment)
        # If a control symbol and a piece have the same name, the name means the control symbol.
        is_reserved = [kind in (Kind.UNKNOWN, Kind.CONTROL, Kind.BYTE) for kind in model.kinds]
        self._ids = {piece: i for i, piece in enumerate(model.pieces) if not is_reserved[i]}
        self._ids |= {piece: i for i, piece in enumerate(model.pieces) if is_reserved[i]}
        self._byte_ids = [self._ids[byte_piece(byte)] for byte in range(256)] if model.byte_fallback else None
        self.unk_token_id = model.unknown_id
        self._without_length = {model.unknown_id, *(self._byte_ids or ())}
        names = set(chain.from_iterable(_SPECIAL_NAMES.values()))
        self.special_token_ids = frozenset(
            i
            for i, piece in enumerate(model.pieces)
            if piece in names or model.kinds[i] in (Kind.UNKNOWN, Kind.CONTROL)
        )
        self.continues_word = [
            not piece.startswith(SPACE_MARK) and i not in self.special_token_ids for i, piece in enumerate(model.pieces)
        ]

    @classmethod
    def from_file(cls, path: str | Path) -> "SentencePieceTokenizer":
        """The tokenizer in a ``.model`` file; raises an InputError if it is not one."""
        return cls(read_bytes(path, LARGEST_MODEL), str(path))

    def __reduce__(self):
        # Other processes compute the memos anew: that is faster than sending them.
        return type(self), (self.model_bytes,)

    @property
    def pad_token_id(self) -> int:
        return self._special_id("padding")

    @property
    def cls_token_id(self) -> int:
        return self._special_id("beginning")

    @property
    def sep_token_id(self) -> int:
        return self._special_id("separator")

    @property
    def mask_token_id(self) -> int:
        return self._special_id("mask")

    def _name_of(self, role: str) -> str | None:
        """The model's name of a special token; None if it has none."""
        return next((name for name in _SPECIAL_NAMES[role] if name in self._ids), None)

    def _special_id(self, role: str) -> int:
        """The id of a special token; raises an InputError if the model has none."""
        name = self._name_of(role)
        if name is None:
            raise InputError(
                f"{self._source}: none of its {self.vocab_size} pieces is {' or '.join(_SPECIAL_NAMES[role])}, and "
                "BERT needs one; train the model with it as a control symbol"
            )
        return self._ids[name]

    def encode(self, text: str) -> list[int]:
        """The ids of the pieces of ``text``; no special tokens added.

        If the model allows it, this goes the fast way, chunk by chunk. The ids are the same.
        """
        require_text(text)
        if self._chunks is not None and SPACE_MARK not in text:
            return self._chunks.encode(text)
        return [token_id for token_id, _, _ in self._segment(self._normalizer.normalize(text)[0])]

    def tokenize(self, text: str) -> list[str]:
        """The pieces of ``text`` as strings; no special tokens added. A part without a piece appears as itself.

        Joined, they are the normalized text, unless something is spelled in bytes.
        """
        require_text(text)
        normalized, _ = self._normalizer.normalize(text)
        return [
            normalized[start:end] if token_id == self.unk_token_id else self.vocabulary[token_id]
            for token_id, start, end in self._segment(normalized)
        ]

    def pieces(self, text: str) -> Pieces:
        """The pieces of ``text``, with their offsets and words; no special tokens added.

        Offsets are the library's, but without the white space around a piece: ``text[start:end]`` of "▁world" is
        "world". One character may become several pieces, such as its bytes. Then the last one has it, and the others
        are empty.
        """
        require_text(text)
        normalized, origins = self._normalizer.normalize(text)
        pieces = Pieces([], [], [])
        word_id = -1
        for token_id, first, last in self._spans(text, normalized):
            start, end = origins[first], origins[last]
            while start < end and text[start].isspace():
                start += 1
            while start < end and text[end - 1].isspace():
                end -= 1
            if word_id < 0 or not self.continues_word[token_id]:
                word_id += 1
            pieces.ids.append(token_id)
            pieces.offsets.append((start, end))
            pieces.word_ids.append(word_id)
        return pieces

    def _pieces_of(self, text: str | Sequence[str]) -> Pieces:
        """The pieces of a model's input: without a "▁" that stands alone before a ``[MASK]``.

        In training, ``[MASK]`` replaces "▁Paris", including the "▁". In "I love [MASK]" the library finds "▁" and
        "[MASK]". The model has never seen these side by side.
        """
        pieces = super()._pieces_of(text)
        mark, name = self._ids.get(SPACE_MARK), self._name_of("mask")
        if name is None or self._ids[name] not in pieces.ids:
            return pieces
        following = [*pieces.ids[1:], None]
        kept = [pair != (mark, self._ids[name]) for pair in zip(pieces.ids, following)]
        ids, offsets, word_ids = pieces
        return Pieces(list(compress(ids, kept)), list(compress(offsets, kept)), list(compress(word_ids, kept)))

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text that these pieces spell, as in the library.

        Control symbols leave nothing; with ``skip_special_tokens`` false they leave their names. Unknown pieces leave
        " ⁇ ", or the model's own sign. Bytes that are not UTF-8 leave a replacement character.

        Raises:
            IndexError: if there is no piece with such an id.
        """
        written: list[str] = []
        pending = bytearray()  # the bytes of byte pieces, up to the next other piece
        drops_space = self._model.normalizer.add_dummy_prefix or self._model.normalizer.remove_extra_whitespaces
        is_empty = True
        for token_id in ids:
            # The library looks the string up again. So it takes a piece for the control symbol of the same name.
            piece = self.id_to_token(token_id)
            kind = self._model.kinds[self._ids[piece]]
            if kind == Kind.BYTE:
                pending.append(int(piece[3:5], 16))
                continue
            if pending:
                written.append(_text_of_bytes(pending))
                pending.clear()
                is_empty = False
            if kind == Kind.CONTROL:
                piece = "" if skip_special_tokens else piece
            elif kind == Kind.UNKNOWN:
                piece = self._model.unknown_surface
            else:
                if is_empty and drops_space and piece.startswith(SPACE_MARK):
                    piece = piece[1:]
                    # One space was added. But if the model removes all leading spaces, we drop them all.
                    drops_space = self._model.normalizer.remove_extra_whitespaces
                piece = piece.replace(SPACE_MARK, " ")
            written.append(piece)
            is_empty = is_empty and not piece
        written.append(_text_of_bytes(pending))
        text = "".join(written)
        return text if self._denormalizer is None else self._denormalizer.normalize(text)[0]

    def _spans(self, text: str, normalized: str) -> list[Piece]:
        """(id, start, end) of each piece in the normalized text. The ids of ``encode`` give the lengths."""
        ids = self.encode(text)
        if not self._without_length.isdisjoint(ids):
            return self._segment(normalized)  # an unknown piece's id does not tell its length
        ends = list(accumulate(len(self.vocabulary[token_id]) for token_id in ids))
        return list(zip(ids, [0, *ends], ends))

    def _segment(self, normalized: str) -> list[Piece]:
        return self._finish(normalized, self._segmenter.segment(normalized))

    def _finish(self, normalized: str, pieces: list[Piece]) -> list[Piece]:
        """Spells unknown pieces in bytes. If the model has no byte pieces, joins each run of unknown pieces."""
        finished: list[Piece] = []
        for token_id, start, end in pieces:
            if token_id == self.unk_token_id and self._byte_ids is not None:
                byte_ids = [self._byte_ids[byte] for byte in normalized[start:end].encode("utf-8")]
                finished += [(byte_id, start, start) for byte_id in byte_ids[:-1]]
                finished.append((byte_ids[-1], start, end))
            elif token_id == self.unk_token_id and finished and finished[-1][0] == self.unk_token_id:
                finished[-1] = token_id, finished[-1][1], end
            else:
                finished.append((token_id, start, end))
        return finished


def _text_of_bytes(data: bytearray) -> str:
    """The UTF-8 text; a byte that belongs to no character becomes a replacement character."""
    return re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))
