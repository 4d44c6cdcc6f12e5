"""EncoderDecoderConfig: the sizes of two BERTs, one that reads the source and one that writes the target."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bert.config import BertConfig
from bert.errors import InputError
from bert.files.json_objects import read_json_object

MODEL_TYPE = "encoder-decoder"
# Hugging Face's names of the target's special pieces, and ours.
_PIECES = {"decoder_start_token_id": "start_id", "eos_token_id": "end_id", "pad_token_id": "padding_id"}
_SIZES = frozenset(field.name for field in fields(BertConfig))
_OF_A_DECODER = ("is_decoder", "add_cross_attention")


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """The shape of an encoder-decoder. Raises an InputError if no model has it.

    Attributes:
        encoder, decoder: the sizes of each. Vocabularies, layers and hidden sizes may differ.
        start_id: the target vocabulary's [CLS], which the decoder reads first.
        end_id: its [SEP], which ends a target.
        padding_id: its [PAD].
        shared: whether the decoder's weights are the encoder's, but for cross-attention and the head ("BERTShare").
    """

    encoder: BertConfig
    decoder: BertConfig
    start_id: int
    end_id: int
    padding_id: int
    shared: bool = False

    def __post_init__(self):
        for name in ("encoder", "decoder"):  # the paper's decoders are tied, also if they begin with an untied BERT
            object.__setattr__(self, name, getattr(self, name).replace(tie_word_embeddings=True))
        if variant := self.encoder.variant or self.decoder.variant:
            raise InputError(f"a decoder is written for the paper's model, and this one is a variant ({variant})")
        vocabulary = self.decoder.vocab_size
        for theirs, name in _PIECES.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < vocabulary:
                raise InputError(
                    f"{theirs} is {value!r}: the number of a piece of the target's vocabulary was expected, "
                    f"from 0 to {vocabulary - 1}"
                )
        pieces = self.start_id, self.end_id, self.padding_id
        if len(set(pieces)) < len(pieces):
            raise InputError(f"of {', '.join(_PIECES)} two are one piece: {pieces}; three pieces were expected")
        if type(self.shared) is not bool:
            raise InputError(f"tie_encoder_decoder is {self.shared!r}: true or false was expected")
        for field in fields(BertConfig):
            ours, theirs = getattr(self.encoder, field.name), getattr(self.decoder, field.name)
            if self.shared and ours != theirs and type(ours) is int:
                raise InputError(
                    f"the encoder's {field.name} is {ours} and the decoder's {theirs}: if they share their weights, "
                    f"their sizes must be the same"
                )

    @property
    def num_hidden_layers(self) -> int:
        """The layers of both."""
        return self.encoder.num_hidden_layers + self.decoder.num_hidden_layers

    @property
    def intermediate_size(self) -> int:
        """The larger one of both."""
        return max(self.encoder.intermediate_size, self.decoder.intermediate_size)

    def __getattr__(self, name: str) -> Any:
        """Any other size is the encoder's, such as ``max_position_embeddings``: those of what the model reads."""
        if name in _SIZES and "encoder" in vars(self):
            return getattr(self.encoder, name)
        raise AttributeError(f"an encoder-decoder's configuration has no {name!r}")

    @classmethod
    def from_dict(cls, values: dict, source: str = "the configuration") -> "EncoderDecoderConfig":
        """The configuration in a dictionary, as transformers' ``EncoderDecoderConfig`` has it.

        Raises an InputError if a part is missing, or is not a BERT; or if the special pieces are not named.
        """
        if values.get("model_type") != MODEL_TYPE:
            raise InputError(
                f"{source}: model_type is {values.get('model_type')!r}, which is not an encoder with a decoder; "
                f"expected {MODEL_TYPE!r}"
            )
        parts = {}
        for name in ("encoder", "decoder"):
            if not isinstance(values.get(name), dict):
                raise InputError(
                    f"{source}: {name} is {str(values.get(name))[:80]}; an object with a BERT's sizes was expected"
                )
            parts[name] = BertConfig.from_dict(
                {key: value for key, value in values[name].items() if name == "encoder" or key not in _OF_A_DECODER},
                f"{source}: {name}",
            )
        for key in _OF_A_DECODER:
            if values["decoder"].get(key) is not True:
                raise InputError(f"{source}: the decoder's {key} is {values['decoder'].get(key)!r}; expected True")
        pieces = {ours: values.get(theirs) for theirs, ours in _PIECES.items()}
        known: dict[str, Any] = parts | pieces
        try:
            return cls(**known, shared=values.get("tie_encoder_decoder", False))
        except InputError as error:
            raise InputError(f"{source}: {error}") from None

    @classmethod
    def from_json_file(cls, path: str | Path) -> "EncoderDecoderConfig":
        """Reads a ``config.json``. Raises an InputError if it is not there, or does not describe such a model."""
        return cls.from_dict(read_json_object(path), source=str(path))

    def to_dict(self) -> dict:
        """As transformers' ``EncoderDecoderConfig`` has it."""
        pieces = {theirs: getattr(self, ours) for theirs, ours in _PIECES.items()}
        bert = {"model_type": "bert"}
        decoder = {"is_decoder": True, "add_cross_attention": True, "pad_token_id": self.padding_id}
        return {
            "model_type": MODEL_TYPE,
            "is_encoder_decoder": True,
            "encoder": bert | self.encoder.to_dict(),
            "decoder": bert | decoder | self.decoder.to_dict(),
            **pieces,
            "tie_encoder_decoder": self.shared,
        }
