"""One answer for a whole text, or pair of texts: its class, its classes, or a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import Batch
from bert.heads.labels import label_names
from bert.heads.loss import Loss, binary_cross_entropy, cross_entropy, distillation, squared_error
from bert.heads.pooling import POOLS, mean_states
from bert.model.bert import BertModel, BertOutput, initialize_weights

# Hugging Face's names, as in ``config.json``.
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


@dataclass(frozen=True)
class SequenceOutput:
    """
    Attributes:
        logits: (batch, labels), the score of each label; in a regression (batch, 1), the number itself.
        encoder: what BertModel gave.
    """

    logits: Tensor
    encoder: BertOutput


class BertForSequenceClassification(nn.Module):
    """The pooled [CLS], dropout, and a dense layer with one output per label.

    Source: Devlin et al. 2018, section 4.1; google-research/bert ``run_classifier.py``, ``create_model``. A departure:
    there the dropout before the dense layer is always 0.1. Here it is hidden_dropout_prob, as in transformers.

    Args:
        num_labels: how many labels there are, if ``labels`` does not name them.
        problem_type: "single_label_classification": one label is right, softmax over all.
            "multi_label_classification": each label is right or not, a sigmoid for each.
            "regression": the single output is a number, and the loss the squared error.
        labels: the labels' names, in the order of the outputs.
        class_weights: (labels,) how much each class weighs in the loss (see ``bert.heads.loss``). Predictions do not
            need it, so no checkpoint has it.
        temperature: by which scores are divided when the model learns from a teacher's (see ``bert.heads.loss``).
        pool: what the dense layer reads. "cls": the pooled [CLS], as in the paper. "mean": the mean of all tokens' last
            states; there is no pooler then. ``config.json`` says so as classifier_pooling. transformers' BERT does not
            know it: there such a model gets a random pooler, with a warning.

    Raises:
        InputError: if the labels do not fit the problem, or there is no such pooling.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        config: BertConfig,
        num_labels: int = 2,
        problem_type: str = "single_label_classification",
        labels: Sequence[str] | None = None,
        class_weights: Tensor | None = None,
        temperature: float = 1.0,
        pool: str = "cls",
    ):
        super().__init__()
        self.labels = label_names(num_labels, labels)
        if problem_type not in PROBLEM_TYPES:
            raise InputError(f"problem_type is {problem_type!r}; one of {', '.join(PROBLEM_TYPES)} was expected")
        if problem_type == "regression" and len(self.labels) != 1:
            raise InputError(f"a regression has a single output, and {len(self.labels)} labels were named")
        if pool not in POOLS:
            raise InputError(f"pool is {pool!r}; one of {', '.join(POOLS)} was expected")
        self.config = config
        self.pool = pool
        self.problem_type = problem_type
        self.temperature = temperature
        self.bert = BertModel(config, with_pooler=pool == "cls")
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, len(self.labels))
        self.register_buffer("class_weights", class_weights, persistent=False)
        initialize_weights(self.classifier, config)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options
    ) -> SequenceOutput:
        """Takes what BertModel takes, ``options`` such as ``sequences`` included."""
        if self.pool == "mean":
            options["selected"] = None  # the mean is over all tokens
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        pooled = encoder.pooler_output
        if self.pool == "mean":
            pooled = mean_states(encoder.last_hidden_state, input_ids, attention_mask, options.get("sequences"))
        return SequenceOutput(self.classifier(self.dropout(pooled)), encoder)

    def loss(self, logits: Tensor, labels: Tensor) -> dict[str, Loss]:
        """The loss of scores (batch, labels), under the name of the problem.

        Args:
            labels: (batch,) integers for a single label, (batch, labels) zeros and ones for several, (batch,) numbers
                for a regression.
        """
        if self.problem_type == "regression":
            return {"regression": squared_error(logits[:, 0], labels)}
        function = cross_entropy if self.problem_type == "single_label_classification" else binary_cross_entropy
        return {"classification": function(logits, labels, self.class_weights)}

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch, with "labels" as ``loss`` takes them, or "teacher_logits" (batch, labels)."""
        logits = self(**batch.inputs).logits
        if "teacher_logits" in batch.labels:
            return {"distillation": distillation(logits, batch.labels["teacher_logits"], self.temperature)}
        return self.loss(logits, batch.labels["labels"])

    def label_counts(self, batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        if "teacher_logits" in batch.labels:
            return {"distillation": len(batch.labels["teacher_logits"])}
        name = "regression" if self.problem_type == "regression" else "classification"
        return {name: batch.labels["labels"].numel()}

    @torch.no_grad()
    def probabilities(self, logits: Tensor) -> Tensor:
        """(batch, labels): the probability of each label; in a regression (batch, 1), the number itself."""
        if self.problem_type == "single_label_classification":
            return logits.float().softmax(dim=-1)
        return logits.float().sigmoid() if self.problem_type == "multi_label_classification" else logits.float()
