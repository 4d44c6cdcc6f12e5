"""The sentences of a document that make up its summary."""

from dataclasses import dataclass

from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.loss import Loss, binary_cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class SummaryOutput:
    """
    Attributes:
        logits: (sentences,), the score of each sentence of the batch. Its sigmoid is the probability that the summary
            has the sentence.
        encoder: what BertModel gave.
    """

    logits: Tensor
    encoder: BertOutput


class BertForExtractiveSummarization(nn.Module):
    """Scores each sentence by a vector's product with the last state of the [CLS] before it.

    Source: Liu 2019, "Fine-tune BERT for Extractive Summarization" (BertSum), section 2.2, the simple classifier. There
    is dropout before it, as in BERT's other heads, and no pooler.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        initialize_weights(self.classifier, config)

    def forward(
        self, input_ids: Tensor, sentence_positions: Tensor | None = None, token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None, **options,
    ) -> SummaryOutput:  # fmt: skip
        """Takes what BertModel takes, and for a padded batch besides:

        Args:
            sentence_positions: (sentences,) the [CLS] of the sentences to score, row * seq + column. For sequences end
                to end, ``selected`` has them.
        """
        if sentence_positions is None and options.get("selected") is None:
            raise ValueError("sentence_positions is missing: the [CLS] of each sentence, as row * seq + column")
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        states = encoder.last_hidden_state
        if sentence_positions is not None:
            states = states.flatten(0, 1)[sentence_positions]  # (sentences, hidden_size)
        return SummaryOutput(self.classifier(self.dropout(states)).squeeze(-1), encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch: each sentence is a yes or no of its own.

        Args:
            batch: selects the [CLS] of sentences. Its "labels" are (sentences,), 1 for a sentence of the summary, else
                0.
        """
        return {"sentence": binary_cross_entropy(self(**batch.inputs).logits, batch.labels["labels"])}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many sentences the loss of ``batch`` will count, known before the forward pass."""
        return {"sentence": batch.labels["labels"].numel()}
