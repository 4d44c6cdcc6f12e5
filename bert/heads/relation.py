"""The relation between two entities of a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.labels import label_names
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights
from bert.model.packing import Packing, packing_in


@dataclass(frozen=True)
class RelationOutput:
    """logits: (batch, labels), each relation's score; encoder: what BertModel gave."""

    logits: Tensor
    encoder: BertOutput


class BertForRelationExtraction(nn.Module):
    """A dense layer over the last states of the two markers before the entities, side by side, after dropout.

    Source: Baldini Soares et al. 2019, "Matching the Blanks", section 3.2, "entity markers - entity start"; the markers
    themselves are in the input (``bert.tokenization.entity_markers``). The pooler is not needed and not there.

    Args:
        num_labels: how many relations there are, where ``labels`` does not name them.
        labels: the relations' names, in the order of the outputs; a direction, such as (e1,e2), is part of a name.
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
        self,
        input_ids: Tensor,
        entity_positions: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> RelationOutput:
        """
        Args:
            input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states: as BertModel takes them.
            entity_positions: (batch, 2) integers below seq: where the first and the second entity's start markers are.
        """
        encoder = self.bert(input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states)
        states = encoder.last_hidden_state.flatten(0, 1).index_select(0, _places(entity_positions, input_ids))
        return RelationOutput(self._classify(states), encoder)

    def scores(
        self,
        input_ids: Tensor,
        entity_positions: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """The logits of ``forward``, (batch, labels), alone (see ``BertModel.read``)."""
        only_at = _places(entity_positions, input_ids)
        encoder = self.bert.read(input_ids, token_type_ids, attention_mask, only_at, packing)
        return self._classify(encoder.last_hidden_state)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Loss]:
        """The loss of a batch.

        Args:
            batch: input_ids, token_type_ids, attention_mask (batch, seq); entity_positions (batch, 2); labels (batch,).
        """
        logits = self.scores(
            batch["input_ids"], batch["entity_positions"], batch["token_type_ids"], batch["attention_mask"],
            packing_in(batch),
        )  # fmt: skip
        return {"relation": cross_entropy(logits, batch["labels"])}

    @staticmethod
    def label_counts(batch: dict[str, Tensor]) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"relation": batch["labels"].numel()}

    def _classify(self, states: Tensor) -> Tensor:
        """The markers' states (batch * 2, hidden_size) -> (batch, labels)"""
        states = rearrange(states, "(batch entities) hidden -> batch (entities hidden)", entities=2)
        return self.classifier(self.dropout(states))


def _places(entity_positions: Tensor, input_ids: Tensor) -> Tensor:
    """(batch * 2,): the markers, numbered row by row through the batch."""
    batch, seq = input_ids.shape
    rows = torch.arange(0, batch * seq, seq, device=input_ids.device)
    return (rows.unsqueeze(1) + entity_positions).flatten()
