"""One of several continuations of a text."""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class MultipleChoiceOutput:
    """logits: (batch, choices), each choice's score; encoder: BertModel's output, of batch * choices sequences."""

    logits: Tensor
    encoder: BertOutput


class BertForMultipleChoice(nn.Module):
    """A vector whose product with the pooled [CLS] of context and choice is the choice's score; softmax over choices.

    Source: Devlin et al. 2018, section 4.4 (SWAG).
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        initialize_weights(self.classifier, config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> MultipleChoiceOutput:
        """
        Args:
            input_ids, token_type_ids, attention_mask: (batch, choices, seq); in each sequence the context, and one of
                its choices as the second segment. A sequence without a token (its attention_mask is all 0) fills up a
                row that has fewer choices than others, and has a score of minus infinity.
        """
        sequences = _sequences(input_ids, token_type_ids, attention_mask)
        encoder = self.bert(*sequences, return_attention, return_hidden_states)
        return MultipleChoiceOutput(self._scored(encoder, len(input_ids), attention_mask), encoder)

    def scores(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """The logits of ``forward``, (batch, choices), alone (see ``BertModel.read``)."""
        encoder = self.bert.read(*_sequences(input_ids, token_type_ids, attention_mask))
        return self._scored(encoder, len(input_ids), attention_mask)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Loss]:
        """The loss of a batch: input_ids, token_type_ids, attention_mask (batch, choices, seq), labels (batch,)."""
        logits = self.scores(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        return {"choice": cross_entropy(logits, batch["labels"])}

    @staticmethod
    def label_counts(batch: dict[str, Tensor]) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"choice": batch["labels"].numel()}

    def _scored(self, encoder: BertOutput, batch: int, attention_mask: Tensor | None) -> Tensor:
        """The encoder's output of batch * choices sequences -> (batch, choices)"""
        scores = self.classifier(self.dropout(encoder.pooler_output))  # (batch * choices, 1)
        logits = rearrange(scores, "(batch choices) 1 -> batch choices", batch=batch)
        if attention_mask is None:
            return logits
        return logits.masked_fill(~attention_mask.bool().any(dim=-1), -torch.inf)


def _sequences(*inputs: Tensor | None) -> list[Tensor | None]:
    """(batch, choices, seq) -> (batch * choices, seq)"""
    return [
        None if values is None else rearrange(values, "batch choices seq -> (batch choices) seq") for values in inputs
    ]
