"""The modules that are followed operation by operation: a model in padded form, with named inputs and outputs.

Most models are one part, ``model``. A model that writes is two: its encoder runs once, its decoder once for each piece.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from bert.export.forms import STATES, TOKENS, Form, form_of
from bert.export.padded import in_padded_form
from bert.generation.model import BertForConditionalGeneration


@dataclass(frozen=True)
class Part:
    """A file's worth of a model.

    Attributes:
        module: takes its inputs by name and gives a dictionary of its outputs.
        longest: the largest size of the axes that have one.
    """

    module: nn.Module
    form: Form
    longest: dict[str, int]


def parts_of(head: Any) -> dict[str, Part]:
    """The parts of a model in eval mode, by the names of their files.

    Raises an InputError if a model of this class cannot be exported.
    """
    if isinstance(head, BertForConditionalGeneration):
        padded = in_padded_form(head)
        longest = {
            "seq": head.config.encoder.max_position_embeddings,
            "target": head.config.decoder.max_position_embeddings,
        }
        width = head.config.decoder.hidden_size
        return {
            "encoder": Part(Encoder(padded).eval(), ENCODER, longest),
            "decoder": Part(Decoder(padded).eval(), decoder_form(width), longest),
        }
    form = form_of(head)
    return {"model": Part(Named(head, form).eval(), form, {"seq": head.config.max_position_embeddings})}


class Named(nn.Module):
    """A model of one part."""

    def __init__(self, head: nn.Module, form: Form):
        super().__init__()
        self.head, self.form = in_padded_form(head), form

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor, entity_positions: Tensor | None = None
    ) -> dict[str, Tensor]:
        """See ``bert.export.forms``."""
        inputs = {"input_ids": input_ids, "token_type_ids": token_type_ids, "attention_mask": attention_mask}
        further = {} if entity_positions is None else {"entity_positions": entity_positions}
        return self.form.read(self.head, inputs | further)


ENCODER = Form({STATES: (*TOKENS, "hidden")}, lambda head, inputs: {})


def decoder_form(width: int) -> Form:
    """The form of a decoder that looks at states of this width."""
    inputs: dict[str, tuple[str | int, ...]] = {
        "decoder_input_ids": ("batch", "target"), STATES: ("batch", "seq", width), "attention_mask": TOKENS,
    }  # fmt: skip
    return Form({"logits": ("batch", "target", "vocab")}, lambda head, inputs: {}, inputs)


class Encoder(nn.Module):
    """What reads a source, once."""

    def __init__(self, padded: Any):
        super().__init__()
        self.bert, self.bridge = padded.bert, padded.bridge

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Three of (batch, seq) -> the states (batch, seq, hidden_size) that the decoder looks at"""
        return {STATES: self.bridge(self.bert(input_ids, token_type_ids, attention_mask).last_hidden_state)}


class Decoder(nn.Module):
    """What scores the next pieces. It reads the whole target anew at each piece, since it keeps no cache."""

    def __init__(self, padded: Any):
        super().__init__()
        self.decoder = padded.decoder

    def forward(
        self, decoder_input_ids: Tensor, encoder_hidden_states: Tensor, attention_mask: Tensor
    ) -> dict[str, Tensor]:
        """See ``bert.export.forms``."""
        return {"logits": self.decoder(decoder_input_ids, encoder_hidden_states, attention_mask)}
