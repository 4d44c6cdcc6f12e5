"""The beginning and the end of an answer in a text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.loss import Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class SpanOutput:
    """
    Attributes:
        start_logits, end_logits: (batch, seq), the score of each token as the answer's first and last. Padding has one
            too, which means nothing.
        encoder: what BertModel gave.
    """

    start_logits: Tensor
    end_logits: Tensor
    encoder: BertOutput


class BertForQuestionAnswering(nn.Module):
    """Scores each token by the products of its state with a start vector and with an end vector.

    Source: Devlin et al. 2018, section 4.2. A question without an answer has its span at [CLS] (section 4.3). There is
    no dropout here, as in google-research/bert ``run_squad.py``, ``create_model``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        initialize_weights(self.qa_outputs, config)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options
    ) -> SpanOutput:
        """Takes what BertModel takes, ``options`` such as ``sequences`` included."""
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        start_logits, end_logits = self.qa_outputs(encoder.last_hidden_state).unbind(dim=-1)
        return SpanOutput(start_logits, end_logits, encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The mean of the start's and the end's cross-entropy, each a choice among the tokens of the input.

        ``run_squad.py`` takes the mean. The paper (section 4.2) has the sum, twice as much. A departure: there, padding
        takes part in the choice. So a loss depends on the length of the batch's other inputs. Here it does not, and
        micro-batches and processes may be cut anywhere.

        Args:
            batch: selects all tokens. Its start_positions and end_positions are (sequences,) integers, counted in each
                sequence; both belong to the answer.

        Returns:
            The loss "span", whose ``correct`` counts the answers of which both ends are right.
        """
        output = self(**batch.inputs)
        starts, ends = batch.labels["start_positions"], batch.labels["end_positions"]
        start_logits, end_logits = (  # (sequences, longest)
            batch.sequences.padding.pad(logits.float(), -torch.inf)
            for logits in (output.start_logits, output.end_logits)
        )
        start, end = cross_entropy(start_logits, starts), cross_entropy(end_logits, ends)
        both_are_right = (start_logits.argmax(dim=-1) == starts) & (end_logits.argmax(dim=-1) == ends)
        return {"span": Loss((start.sum + end.sum) / 2, start.count, both_are_right.sum())}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many answers the loss of ``batch`` will count, known before the forward pass."""
        return {"span": batch.labels["start_positions"].numel()}
