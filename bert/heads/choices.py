"""One of several continuations of a text."""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights
from bert.model.sequences import Sequences


@dataclass(frozen=True)
class MultipleChoiceOutput:
    """
    Attributes:
        logits: (batch, choices), the score of each choice.
        encoder: what BertModel gave for batch * choices sequences.
    """

    logits: Tensor
    encoder: BertOutput


class BertForMultipleChoice(nn.Module):
    """Scores each choice by a vector's product with the pooled [CLS] of context and choice; softmax over choices.

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
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None,
        choices: Sequences | None = None, **options,
    ) -> MultipleChoiceOutput:  # fmt: skip
        """
        Args:
            input_ids, token_type_ids, attention_mask: (batch, choices, seq). Each sequence has the context, and a
                choice as the second segment. A row with fewer choices than others is filled up: attention_mask is all
                0 there, and the score is minus infinity.
            choices: for sequences end to end, which of them are the choices of one example.
            options: what BertModel takes besides.
        """
        inputs = [input_ids, token_type_ids, attention_mask]
        if choices is None:
            inputs = [each if each is None else each.flatten(0, 1) for each in inputs]  # (batch * choices, seq)
        encoder = self.bert(*inputs, **options)
        scores = self.classifier(self.dropout(encoder.pooler_output)).squeeze(-1)  # (sequences,)
        if choices is not None:
            logits = choices.padding.pad(scores, -torch.inf)
        else:
            logits = rearrange(scores, "(batch choices) -> batch choices", batch=input_ids.shape[0])
            if attention_mask is not None:
                logits = logits.masked_fill(~attention_mask.bool().any(dim=-1), -torch.inf)
        return MultipleChoiceOutput(logits, encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch, which has ``choices`` and "labels" (examples,), the number of the right choice."""
        return {"choice": cross_entropy(self(**batch.inputs).logits, batch.labels["labels"])}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"choice": batch.labels["labels"].numel()}
