"""Which sentences of a document make up its summary."""

from dataclasses import dataclass

from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.loss import Loss, binary_cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights
from bert.model.packing import Packing, packing_in


@dataclass(frozen=True)
class SummaryOutput:
    """logits: (sentences,), the score of each sentence of the batch, whose sigmoid is the probability that it is in the
    summary; encoder: what BertModel gave.
    """

    logits: Tensor
    encoder: BertOutput


class BertForExtractiveSummarization(nn.Module):
    """A vector whose product with the last state of the [CLS] before a sentence is the sentence's score.

    Source: Liu 2019, "Fine-tune BERT for Extractive Summarization" (BertSum), section 2.2, the simple classifier; with
    dropout before it, as in BERT's other heads. The pooler is not needed and not there.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        initialize_weights(self.classifier, config)

    def forward(
        self,
        input_ids: Tensor,
        sentence_positions: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> SummaryOutput:
        """
        Args:
            input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states: as BertModel takes them.
            sentence_positions: (sentences,) integers: the [CLS] of the sentences to score, numbered row by row through
                the batch (row * seq + position), since rows have unequal numbers of them.
        """
        encoder = self.bert(input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states)
        states = encoder.last_hidden_state.flatten(0, 1).index_select(0, sentence_positions)  # (sentences, hidden_size)
        return SummaryOutput(self.classifier(self.dropout(states)).squeeze(-1), encoder)

    def scores(
        self,
        input_ids: Tensor,
        sentence_positions: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """The logits of ``forward``, (sentences,), alone (see ``BertModel.read``)."""
        encoder = self.bert.read(input_ids, token_type_ids, attention_mask, sentence_positions, packing)
        return self.classifier(self.dropout(encoder.last_hidden_state)).squeeze(-1)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Loss]:
        """The loss of a batch: each sentence is a yes or no of its own.

        Args:
            batch: input_ids, token_type_ids, attention_mask (batch, seq); sentence_positions and labels (sentences,): 1
                for a sentence of the summary, else 0.
        """
        logits = self.scores(
            batch["input_ids"], batch["sentence_positions"], batch["token_type_ids"], batch["attention_mask"],
            packing_in(batch),
        )  # fmt: skip
        return {"sentence": binary_cross_entropy(logits, batch["labels"])}

    @staticmethod
    def label_counts(batch: dict[str, Tensor]) -> dict[str, int]:
        """How many sentences the loss of ``batch`` will count, known before the forward pass."""
        return {"sentence": batch["labels"].numel()}
