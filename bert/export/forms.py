"""What an exported model takes and gives: for each head its inputs and outputs, by name, with their axes.

    input_ids, token_type_ids, attention_mask    (batch, seq) int64      all of them
    entity_positions                             (batch, 2) int64        relations
    logits                                       (batch, labels)         classification, relations
                                                 (batch, choices)        choices
                                                 (batch, seq, labels)    tagging
                                                 (batch, seq)            summaries: read it at each sentence's [CLS]
    start_logits, end_logits                     (batch, seq)            spans
    prediction_logits                            (batch, seq, vocab)     pretraining, cloze
    next_sentence_logits                         (batch, 2)              pretraining
    last_hidden_state                            (batch, seq, hidden)    an encoder alone
    pooler_output                                (batch, hidden)         an encoder with a pooler
    sentence_embedding                           (batch, width)          a directory of sentence-transformers

Choices have another shape, (batch, choices, seq). A model that writes is two files, an encoder and a decoder:

    encoder    input_ids, token_type_ids, attention_mask          -> encoder_hidden_states (batch, seq, hidden)
    decoder    decoder_input_ids (batch, target),
               encoder_hidden_states, attention_mask              -> logits (batch, target, vocab)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from bert.checkpoints.sentence_transformers import SentenceModules
from bert.errors import InputError
from bert.export.padded import pool, real_tokens
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.model.sequences import Sequences

INPUTS = ("input_ids", "token_type_ids", "attention_mask")
TOKENS = ("batch", "seq")  # the axes of one number for each token
STATES = "encoder_hidden_states"
EXAMPLE = {"batch": 3, "choices": 2, "seq": 7, "target": 5}  # sizes of the inputs to trace with
Read = Callable[[Any, Mapping[str, Tensor]], dict[str, Tensor]]


def _output(*names: str) -> Read:
    """Reads these fields of the head's own output."""

    def read(head: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        output = head(**inputs)
        return {name: getattr(output, name) for name in names}

    return read


def _sentence_scores(head: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores every token as if a sentence began there. Which ones are meant is the caller's to know."""
    shape = inputs["input_ids"].shape
    every_token = torch.arange(shape[0] * shape[1], device=inputs["input_ids"].device)
    return {"logits": head(**inputs, sentence_positions=every_token).logits.unflatten(0, shape)}


@dataclass(frozen=True)
class Form:
    """The form of an exported head.

    Attributes:
        axes_of: the outputs, and the axes of each.
        read: (head in padded form, inputs by name) -> the outputs by name.
        inputs: the axes of each input. A number is a fixed size.
    """

    axes_of: dict[str, tuple[str, ...]]
    read: Read
    inputs: dict[str, tuple[str | int, ...]] = field(default_factory=lambda: dict.fromkeys(INPUTS, TOKENS))

    def dynamic_shapes(self, longest: Mapping[str, int]) -> dict[str, Any]:
        """The sizes that are not fixed, by input and axis, as ``torch.export`` takes them.

        Args:
            longest: the largest size of an axis that has one.
        """
        axes = {axis for of_input in self.inputs.values() for axis in of_input if isinstance(axis, str)}
        sizes = {axis: torch.export.Dim(axis, min=1, max=longest.get(axis)) for axis in axes}
        return {
            name: {place: sizes[axis] for place, axis in enumerate(of_input) if isinstance(axis, str)}
            for name, of_input in self.inputs.items()
        }

    def example(self, longest: Mapping[str, int]) -> dict[str, Tensor]:
        """Inputs to trace with. A size of 1 would be taken for a fixed one, as would two equal sizes for the same."""
        sizes = {axis: min(size, longest.get(axis, size)) for axis, size in EXAMPLE.items()}
        inputs = {}
        for name, axes in self.inputs.items():
            shape = [axis if isinstance(axis, int) else sizes[axis] for axis in axes]
            kind = torch.float32 if name == STATES else torch.int64
            inputs[name] = torch.ones(shape, dtype=kind) if name == "attention_mask" else torch.zeros(shape, dtype=kind)
        return inputs


def _sequences(**axes: tuple[str, ...]) -> Form:
    """The form of a head that takes (batch, seq) alone, with the axes of each output."""
    return Form(axes, _output(*axes))


FORMS: dict[type[nn.Module], Form] = {
    BertForSequenceClassification: _sequences(logits=("batch", "labels")),
    BertForTokenClassification: _sequences(logits=(*TOKENS, "labels")),
    BertForQuestionAnswering: _sequences(start_logits=TOKENS, end_logits=TOKENS),
    BertForCloze: _sequences(prediction_logits=(*TOKENS, "vocab")),
    BertForPreTraining: _sequences(prediction_logits=(*TOKENS, "vocab"), next_sentence_logits=("batch", "2")),
    BertForExtractiveSummarization: Form({"logits": TOKENS}, _sentence_scores),
    BertForRelationExtraction: Form(
        {"logits": ("batch", "labels")},
        _output("logits"),
        {**dict.fromkeys(INPUTS, TOKENS), "entity_positions": ("batch", 2)},
    ),
    BertForMultipleChoice: Form(
        {"logits": ("batch", "choices")}, _output("logits"), dict.fromkeys(INPUTS, ("batch", "choices", "seq"))
    ),
}


class SentenceVectors(nn.Module):
    """An encoder with what a directory of sentence-transformers says after it: pooling, and perhaps further layers."""

    def __init__(self, bert: BertModel, modules: SentenceModules):
        super().__init__()
        self.config, self.bert = bert.config, bert
        self.poolings, self.after = modules.poolings, modules.after

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor | None = None,
        sequences: Sequences | None = None, selected: Tensor | None = None,
    ) -> SimpleNamespace:  # fmt: skip
        """``sentence_embedding`` (batch, width), of a padded batch or of sequences end to end.

        ``selected`` changes nothing: pooling reads all tokens.
        """
        if sequences is not None:
            padding = sequences.padding
            values = (input_ids, token_type_ids, torch.ones_like(input_ids))
            input_ids, token_type_ids, attention_mask = map(padding.pad, values)
        assert attention_mask is not None
        states = self.bert(input_ids, token_type_ids, attention_mask).last_hidden_state
        is_token = real_tokens(attention_mask)
        pooled = torch.cat([pool(states, is_token, pooling) for pooling in self.poolings], dim=-1)
        return SimpleNamespace(sentence_embedding=self.after(pooled))


def form_of(head: nn.Module) -> Form:
    """The form of a model. Raises an InputError if a model of this class cannot be exported."""
    if isinstance(head, BertModel):
        pooler = {} if head.pooler is None else {"pooler_output": ("batch", "hidden")}
        return _sequences(last_hidden_state=(*TOKENS, "hidden"), **pooler)
    if isinstance(head, SentenceVectors):
        return _sequences(sentence_embedding=("batch", "width"))
    for head_class, form in FORMS.items():
        if isinstance(head, head_class):
            return form
    raise InputError(f"a model of the class {type(head).__name__} has no form for export")
