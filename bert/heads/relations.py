"""The relation between two entities of a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.labels import label_names
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class RelationOutput:
    """
    Attributes:
        logits: (batch, labels), the score of each relation.
        encoder: what BertModel gave.
    """

    logits: Tensor
    encoder: BertOutput


class BertForRelationExtraction(nn.Module):
    """A dense layer over the last states of the two markers before the entities, side by side, after dropout.

    Source: Baldini Soares et al. 2019, "Matching the Blanks", section 3.2, "entity markers - entity start". The input
    has the markers (``bert.tasks.relations.inputs``). There is no pooler.

    Args:
        num_labels: how many relations there are, if ``labels`` does not name them.
        labels: the relations' names, in the order of the outputs. A direction, such as (e1,e2), is part of a name.
    """

    def __init__(self, config: BertConfig, num_labels: int = 2, labels: Sequence[str] | None = None):
        super().__init__()
        self.labels = label_names(num_labels, labels)
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(2 * config.hidden_size, len(self.labels))
        initialize_weights(self.classifier, config)

    def forward(
        self, input_ids: Tensor, entity_positions: Tensor | None = None, token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None, **options,
    ) -> RelationOutput:  # fmt: skip
        """Takes what BertModel takes, and for a padded batch besides:

        Args:
            entity_positions: (batch, 2) the columns of the first and the second entity's start markers. For sequences
                end to end, ``selected`` has both markers of each sequence in turn, (2 * sequences,).
        """
        if entity_positions is None and options.get("selected") is None:
            raise ValueError("entity_positions is missing: the columns of both entities' start markers, (batch, 2)")
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        states = encoder.last_hidden_state
        if entity_positions is not None:
            rows = torch.arange(input_ids.shape[0], device=input_ids.device).unsqueeze(1)
            states = states[rows, entity_positions].flatten(0, 1)
        states = rearrange(states, "(batch entities) hidden -> batch (entities hidden)", entities=2)
        return RelationOutput(self.classifier(self.dropout(states)), encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch: it selects the markers (see ``forward``), and its "labels" are (sequences,) integers."""
        return {"relation": cross_entropy(self(**batch.inputs).logits, batch.labels["labels"])}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"relation": batch.labels["labels"].numel()}
