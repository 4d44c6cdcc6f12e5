"""Classes or numbers for texts and pairs of texts: from tables to batches, and from a model to measures."""

from collections.abc import Sequence

import numpy as np
import torch

from bert.evaluation.metrics import (
    classification_metrics,
    confusion_matrix,
    multi_label_metrics,
    regression_metrics,
)
from bert.evaluation.page import WORST_SHOWN, draw_confusion_matrix, picture, preformatted, table
from bert.evaluation.report import Evaluation
from bert.heads.sequence import PROBLEM_TYPES, BertForSequenceClassification
from bert.predict import chosen_labels, pooled_logits, prediction_header, prediction_row
from bert.tokenization.long_texts import fit_texts
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch, labelled_batch
from data.tasks.classification import Example, label_numbers
from finetuning.class_weights import choose_class_weights
from finetuning.measuring import in_shares, mean_of
from finetuning.sets import TaskSet

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES


class ClassificationTask:
    """A task with its examples: what the script needs to train a model on it and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, examples).
        labels: those of the training examples, in the order of the model's outputs.
        problem_type: of ``BertForSequenceClassification``.
        tokenizer, max_length, long_texts, workers: how texts become inputs.
        class_weights: "balanced", or weights by label, or None.
        separator: between the labels of a text that has several, where they are shown.

    Raises:
        InputError: where dev or test have other labels than train.
    """

    model_class = BertForSequenceClassification
    head = "classifier"
    batches_by_length = True

    def __init__(
        self, sets: dict[str, tuple[str, list[Example]]], labels: list[str], problem_type: str, tokenizer,
        max_length: int, long_texts: str, workers: int = 1, class_weights: str | dict[str, float] | None = None,
        separator: str = ",",
    ):  # fmt: skip
        self.labels, self.problem_type, self.tokenizer = labels, problem_type, tokenizer
        self.separator = separator
        self.numbers = {name: label_numbers(examples, labels, problem_type, source)
                        for name, (source, examples) in sets.items()}  # fmt: skip
        self.class_weights = choose_class_weights(class_weights, labels, self.numbers["train"], problem_type)
        self.sets = {}
        for name, (_, examples) in sets.items():
            seconds = None if examples[0].second is None else [example.second for example in examples]
            firsts = [example.first for example in examples]
            inputs, too_long = fit_texts(tokenizer, firsts, seconds, max_length, long_texts, workers)
            self.sets[name] = TaskSet(examples, inputs, too_long)
        self._rows = [window for window, _ in self.sets["train"].windows()]
        windows_of_each = [len(windows) for windows in self.sets["train"].inputs]
        self._row_labels = np.repeat(self.numbers["train"], windows_of_each, axis=0)

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {
            "labels": self.labels, "problem_type": self.problem_type,
            "class_weights": None if self.class_weights is None else torch.tensor(self.class_weights),
        }  # fmt: skip

    def row_lengths(self) -> list[int]:
        """Of the rows that are trained on, in tokens. A text in several windows is as many, each with its label."""
        return [len(row.input_ids) for row in self._rows]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The rows of these numbers as tensors, with their labels (see ``BertForSequenceClassification.loss``)."""
        return labelled_batch(chosen, self._rows, self._row_labels, self.tokenizer.pad_token_id)

    def evaluate(
        self, model: BertForSequenceClassification, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """The measures on a set, the same in every process, each of which computes its share of the predictions.

        Args:
            in_full: also what the report shows: predictions, confusion matrix, the worst mistakes.
        """
        texts, numbers, pad_token_id = self.sets[name], self.numbers[name], self.tokenizer.pad_token_id
        logits = torch.stack(in_shares(
            lambda share: pooled_logits(model, share, pad_token_id), texts.inputs, model, precision, processes
        ))  # (texts, labels)  # fmt: skip
        device = model.classifier.weight.device
        ((loss_name, loss),) = model.loss(logits.to(device), torch.from_numpy(numbers).to(device)).items()
        losses = mean_of(loss_name, loss)
        probabilities = model.probabilities(logits).double().numpy()
        metrics = self._metrics(numbers, probabilities)
        if not in_full:
            return Evaluation(metrics, losses)
        return Evaluation(
            metrics, losses, ["line", "label", *prediction_header(self.labels, self.problem_type)],
            [[example.line, self._in_words(example.label),
              *prediction_row(row, self.labels, self.problem_type, self.separator)]
             for example, row in zip(texts.examples, probabilities.tolist())],
            self._sections(texts.examples, numbers, probabilities),
        )  # fmt: skip

    def _metrics(self, truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
        if self.problem_type == REGRESSION:
            return regression_metrics(truth, probabilities[:, 0])
        if self.problem_type == MULTI:
            return multi_label_metrics(truth.astype(int), (probabilities > 0.5).astype(int))
        return classification_metrics(truth, probabilities.argmax(axis=1), len(self.labels))

    def _in_words(self, label) -> str:
        if isinstance(label, float):
            return f"{label:.6g}"
        return label if isinstance(label, str) else self.separator.join(label)

    def _sections(
        self, examples: Sequence[Example], truth: np.ndarray, probabilities: np.ndarray
    ) -> list[tuple[str, str]]:
        """What the report's page shows of a set."""
        from sklearn.metrics import classification_report

        sections = []
        if self.problem_type != REGRESSION:
            predicted = probabilities.argmax(axis=1) if self.problem_type == SINGLE else probabilities > 0.5
            if self.problem_type == SINGLE:
                matrix = confusion_matrix(truth, predicted, len(self.labels))
                drawn = picture(draw_confusion_matrix(matrix, self.labels), "confusion matrix")
                sections.append(("Confusion matrix", drawn))
            # Of a single label that is there or not, scikit-learn's two classes are 0 and 1.
            numbers = [1] if self.problem_type != SINGLE and len(self.labels) == 1 else range(len(self.labels))
            in_words = classification_report(
                truth, predicted, labels=numbers, target_names=self.labels, digits=4,
                zero_division=0,
            )  # fmt: skip
            sections.append(("By class", preformatted(in_words)))
        rows = [
            (f"{wrongness:.3f}", examples[place].line, self._in_words(examples[place].label),
             chosen_labels(probabilities[place].tolist(), self.labels, self.problem_type, self.separator),
             " | ".join(filter(None, (examples[place].first, examples[place].second)))[:1_000])
            for place, wrongness in worst_mistakes(truth, probabilities, self.problem_type, WORST_SHOWN)
        ]  # fmt: skip
        measure = "off by" if self.problem_type == REGRESSION else "confidence"
        sections.append(("Most confidently wrong", table([measure, "line", "label", "prediction", "text"], rows)))
        return sections


def worst_mistakes(
    truth: np.ndarray, probabilities: np.ndarray, problem_type: str, most: int
) -> list[tuple[int, float]]:
    """(example, how wrong) of the worst mistakes, the worst first: by the probability of the wrong label, or by the
    distance of the number.
    """
    if problem_type == REGRESSION:
        wrongness = np.abs(truth - probabilities[:, 0])
    elif problem_type == MULTI:
        wrongness = np.abs(truth - probabilities).max(axis=1)
        wrongness = np.where(wrongness > 0.5, wrongness, 0)
    else:
        predicted = probabilities.argmax(axis=1)
        wrongness = np.where(predicted != truth, probabilities.max(axis=1), 0)
    order = np.argsort(-wrongness, kind="stable")[:most]
    return [(int(place), float(wrongness[place])) for place in order if wrongness[place] > 0]
