"""Relations between two entities: from SemEval 2010's form or spans to batches, and from a model to the official F1."""

from dataclasses import dataclass

import numpy as np
import torch

from bert.evaluation.metrics import confusion_matrix
from bert.evaluation.page import WORST_SHOWN, draw_confusion_matrix, picture, table
from bert.evaluation.relations import count_relations, official_macro_f1
from bert.evaluation.report import Evaluation
from bert.heads.loss import cross_entropy
from bert.heads.relation import BertForRelationExtraction
from bert.predict import prediction_header, prediction_row
from bert.predict_relations import marked_inputs, relation_logits
from bert.task_inputs.marked_texts import MarkedText
from bert.tokenization.entity_markers import MarkedInput, pad_marked
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch
from data.tasks.relations import relation_numbers
from finetuning.classification import worst_mistakes
from finetuning.measuring import in_shares, mean_of


@dataclass(frozen=True)
class RelationTexts:
    """A set of texts. numbers: (texts,) of their relations; inputs: one for each text; too_long: of how many only what
    is near the entities was kept.
    """

    examples: list[MarkedText]
    numbers: np.ndarray
    inputs: list[MarkedInput]
    too_long: int


class RelationTask:
    """Relation extraction with its texts: what the script needs to train a model on it and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, texts).
        labels: the relations of the training texts, in the order of the model's outputs.

    Raises:
        InputError: where dev or test have other relations than train, or a text's entities are too long for the model.
    """

    model_class = BertForRelationExtraction
    head = "classifier"
    batches_by_length = True

    def __init__(self, sets: dict[str, tuple[str, list[MarkedText]]], labels: list[str], tokenizer, max_length: int):
        self.labels, self.tokenizer = labels, tokenizer
        self.sets = {}
        for name, (source, texts) in sets.items():
            numbers = relation_numbers(texts, labels, source)
            inputs = marked_inputs(tokenizer, texts, max_length, source)
            self.sets[name] = RelationTexts(texts, numbers, inputs, sum(marked.is_cut for marked in inputs))

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {"labels": self.labels}

    def row_lengths(self) -> list[int]:
        """Of the training texts, in tokens."""
        return [len(marked.input.input_ids) for marked in self.sets["train"].inputs]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The training texts of these numbers as tensors, with entity_positions (batch, 2) and labels (batch,)."""
        texts = self.sets["train"]
        padded = pad_marked([texts.inputs[row] for row in chosen], self.tokenizer.pad_token_id)
        padded["labels"] = texts.numbers[chosen]
        return {name: torch.from_numpy(values) for name, values in padded.items()}

    def evaluate(
        self, model: BertForRelationExtraction, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """The official macro-F1 and the accuracy on a set, the same in every process.

        Args:
            in_full: also what the report shows: predictions, F1 by relation, confusion matrix, the worst mistakes.
        """
        texts, pad_token_id = self.sets[name], self.tokenizer.pad_token_id
        rows = in_shares(
            lambda share: relation_logits(model, share, pad_token_id), texts.inputs, model, precision, processes
        )
        logits = torch.stack(rows)
        losses = mean_of("relation", cross_entropy(logits, torch.from_numpy(texts.numbers)))
        probabilities = logits.double().softmax(dim=-1).numpy()
        guesses = probabilities.argmax(axis=1)
        counts = count_relations(
            [example.label for example in texts.examples], [self.labels[guess] for guess in guesses]
        )
        metrics = {"macro_f1": official_macro_f1(counts), "accuracy": losses["relation_accuracy"]}
        if not in_full:
            return Evaluation(metrics, losses)
        matrix = draw_confusion_matrix(confusion_matrix(texts.numbers, guesses, len(self.labels)), self.labels)
        return Evaluation(
            metrics, losses, ["line", "label", *prediction_header(self.labels, "single_label_classification")],
            [[example.line, example.label, *prediction_row(row, self.labels, "single_label_classification")]
             for example, row in zip(texts.examples, probabilities.tolist())],
            [("Relations in both directions", table(
                ["relation", "precision", "recall", "F1", "true", "predicted"],
                ([relation, each.precision, each.recall, each.f1, each.true, each.predicted]
                 for relation, each in counts.items()))),
             ("Confusion matrix", picture(matrix, "confusion matrix")),
             ("Most confidently wrong", table(
                ["confidence", "line", "label", "prediction", "text"], self._worst(texts, probabilities)))],
        )  # fmt: skip

    def _worst(self, texts: RelationTexts, probabilities: np.ndarray) -> list[list]:
        mistakes = worst_mistakes(texts.numbers, probabilities, "single_label_classification", WORST_SHOWN)
        return [
            [f"{wrongness:.3f}", texts.examples[place].line, texts.examples[place].label,
             self.labels[probabilities[place].argmax()], _with_tags(texts.examples[place])[:1_000]]
            for place, wrongness in mistakes
        ]  # fmt: skip


def _with_tags(marked: MarkedText) -> str:
    """The text with <e1>...</e1> and <e2>...</e2> in it again."""
    tags = []
    for name, (start, end) in (("e1", marked.first), ("e2", marked.second)):
        # At one place ends come before starts, and the longer entity is the outer one (as in ``marked_input``).
        tags += [(start, True, -end, f"<{name}>"), (end, False, -start, f"</{name}>")]
    text = marked.text
    for place, *_, tag in sorted(tags, reverse=True):
        text = text[:place] + tag + text[place:]
    return text
