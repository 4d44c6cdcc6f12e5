"""Where in a text an answer begins and ends."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class SpanOutput:
    """start_logits, end_logits: (batch, seq), each token's score as the answer's first and last; encoder: BertModel's
    output.
    """

    start_logits: Tensor
    end_logits: Tensor
    encoder: BertOutput


class BertForQuestionAnswering(nn.Module):
    """A start vector and an end vector, whose products with the tokens' states are the scores.

    Source: Devlin et al. 2018, section 4.2 (and 4.3: a question without an answer has its span at [CLS]);
    google-research/bert ``run_squad.py``, ``create_model``, which has no dropout here either.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        initialize_weights(self.qa_outputs, config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> SpanOutput:
        """Takes what BertModel takes."""
        encoder = self.bert(input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states)
        start_logits, end_logits = self.qa_outputs(encoder.last_hidden_state).unbind(dim=-1)  # each (batch, seq)
        return SpanOutput(start_logits, end_logits, encoder)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Loss]:
        """The mean of the start's and the end's cross-entropy, each a choice among the tokens of the input.

        The mean is ``run_squad.py``'s; the paper (section 4.2) has the sum, twice as much. A departure: there, padding
        takes part in the choice, so that a loss depends on how long the other inputs of the batch are. Here it does
        not, and micro-batches and processes may be cut anywhere.

        Args:
            batch: input_ids, token_type_ids, attention_mask (batch, seq); start_positions and end_positions (batch,):
                integers below seq, both included in the answer.

        Returns:
            The loss "span", whose ``correct`` counts the answers of which both ends are right.
        """
        output = self(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        is_padding = batch["attention_mask"] == 0
        start_logits, end_logits = (
            logits.float().masked_fill(is_padding, -torch.inf) for logits in (output.start_logits, output.end_logits)
        )
        start = cross_entropy(start_logits, batch["start_positions"])
        end = cross_entropy(end_logits, batch["end_positions"])
        start_is_right = start_logits.detach().argmax(dim=-1) == batch["start_positions"]
        end_is_right = end_logits.detach().argmax(dim=-1) == batch["end_positions"]
        return {"span": Loss((start.sum + end.sum) / 2, start.count, (start_is_right & end_is_right).sum())}

    @staticmethod
    def label_counts(batch: dict[str, Tensor]) -> dict[str, int]:
        """How many answers the loss of ``batch`` will count, known before the forward pass."""
        return {"span": batch["start_positions"].numel()}
