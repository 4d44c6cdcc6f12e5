"""A label for every token: tagging entities, parts of speech and the like."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.labels import label_names
from bert.heads.loss import IGNORE_INDEX, Loss, cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class TokenOutput:
    """
    Attributes:
        logits: (batch, seq, labels), the score of each label for each token; or (selected, labels).
        encoder: what BertModel gave.
    """

    logits: Tensor
    encoder: BertOutput


class BertForTokenClassification(nn.Module):
    """Dropout and a dense layer over each token's last state; there is no pooler.

    Source: Devlin et al. 2018, section 5.3 and figure 4 (d): the first piece of a word carries its label.

    Args:
        num_labels: how many labels there are, if ``labels`` does not name them.
        labels: the labels' names, in the order of the outputs.
    """

    def __init__(self, config: BertConfig, num_labels: int = 2, labels: Sequence[str] | None = None):
        super().__init__()
        self.labels = label_names(num_labels, labels)
        self.config = config
        self.bert = BertModel(config, with_pooler=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, len(self.labels))
        initialize_weights(self.classifier, config)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options
    ) -> TokenOutput:
        """Takes what BertModel takes, ``options`` such as ``sequences`` included."""
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        return TokenOutput(self.classifier(self.dropout(encoder.last_hidden_state)), encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch over its words; special tokens and the later pieces of a word have none.

        Args:
            batch: selects the first pieces of words. Its "labels" are (words,) integers, or IGNORE_INDEX.
        """
        return {"tagging": cross_entropy(self(**batch.inputs).logits, batch.labels["labels"])}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"tagging": int((batch.labels["labels"] != IGNORE_INDEX).sum())}
