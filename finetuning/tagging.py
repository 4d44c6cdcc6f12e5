"""Tags for the words of sentences: from CoNLL's columns to batches, and from a model to entities."""

from dataclasses import dataclass

import numpy as np
import torch

from bert.evaluation.entities import count_entities
from bert.evaluation.page import table
from bert.evaluation.report import Evaluation
from bert.heads.loss import NO_LABEL
from bert.heads.token import BertForTokenClassification
from bert.predict_tags import OUTSIDE, best_tags
from bert.tokenization.word_windows import WordInput, word_inputs
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.precision import Precision
from data.tasks.batches import Batch, TaskBatches, input_batch
from data.tasks.tagging import TaggedSentence, check_tags_are_known

MOST_MISTAKES = 20  # sentences on the report's page


@dataclass(frozen=True)
class TaggedTexts:
    """A set of sentences. source: where they are from; inputs: of each sentence, one or several windows; too_long: how
    many go in windows.
    """

    source: str
    examples: list[TaggedSentence]
    inputs: list[list[WordInput]]
    too_long: int


class TaggingTask:
    """A tagging task with its sentences: what the script needs to train a model on it and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, sentences).
        labels: the tags of the training sentences, in the order of the model's outputs.

    Raises:
        InputError: where dev or test have other tags than train.
    """

    model_class = BertForTokenClassification
    head = "classifier"

    def __init__(
        self, sets: dict[str, tuple[str, list[TaggedSentence]]], labels: list[str], tokenizer, max_length: int
    ):
        self.labels, self.tokenizer = labels, tokenizer
        self.sets = {}
        for name, (source, sentences) in sets.items():
            check_tags_are_known(sentences, labels, source)
            inputs = [word_inputs(tokenizer, sentence.words, max_length) for sentence in sentences]
            self.sets[name] = TaggedTexts(source, sentences, inputs, sum(len(windows) > 1 for windows in inputs))

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {"labels": self.labels}

    def batches(
        self, batch_size: int, seed: int, processes: Processes, accumulate: int, position, length: int | None
    ) -> TaskBatches:
        """The endless training batches; each window of a long sentence is a row."""
        rows = self._rows("train")
        return TaskBatches(
            [len(window.input.input_ids) for window, _ in rows],
            lambda chosen: self._batch([rows[row] for row in chosen], length),
            batch_size, seed, processes.rank, processes.count, accumulate, position,
        )  # fmt: skip

    def evaluate(
        self, model: BertForTokenClassification, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """Entity-level precision, recall and F1 on a set, and the accuracy of all tags; the same in every process.

        Args:
            in_full: also what the report shows: predictions, each type's measures, sentences with most mistakes.
        """
        texts = self.sets[name]
        was_training = model.training
        with precision.autocast():
            mine = best_tags(model, texts.inputs[processes.rank :: processes.count], self.tokenizer.pad_token_id)
        model.train(was_training)
        numbers: list[dict[int, int]] = [{} for _ in texts.examples]
        for rank, share in enumerate(processes.gather(mine)):
            numbers[rank :: processes.count] = share
        predicted = [
            [self.labels[tags[word]] if word in tags else OUTSIDE for word in range(len(sentence.words))]
            for sentence, tags in zip(texts.examples, numbers)
        ]
        rows = self._rows(name)[processes.rank :: processes.count]
        batches = (self._batch(rows[first : first + 32], None) for first in range(0, len(rows), 32))
        losses = mean_losses(model, batches, precision, processes)
        counts, by_type = count_entities([sentence.tags for sentence in texts.examples], predicted)
        pairs = [pair for sentence, tags in zip(texts.examples, predicted) for pair in zip(sentence.tags, tags)]
        metrics = {
            "f1": counts.f1, "precision": counts.precision, "recall": counts.recall,
            "accuracy": sum(true == tag for true, tag in pairs) / len(pairs),
        }  # fmt: skip
        if not in_full:
            return Evaluation(metrics, losses)
        return Evaluation(
            metrics, losses, ["line", "word", "label", "prediction"],
            [[sentence.line + place, sentence.words[place], sentence.tags[place], tags[place]]
             for sentence, tags in zip(texts.examples, predicted) for place in range(len(tags))],
            [("Entities by type", table(["type", "precision", "recall", "F1", "true", "predicted"], (
                [kind, each.precision, each.recall, each.f1, each.true, each.predicted]
                for kind, each in by_type.items()))),
             ("Most mistakes", table(["line", "wrong", "words with their true and predicted tags"],
                                     _worst(texts.examples, predicted)))],
        )  # fmt: skip

    def _rows(self, name: str) -> list[tuple[WordInput, TaggedSentence]]:
        texts = self.sets[name]
        return [(window, sentence) for sentence, parts in zip(texts.examples, texts.inputs) for window in parts]

    def _batch(self, rows: list[tuple[WordInput, TaggedSentence]], length: int | None) -> Batch:
        """The rows as tensors; labels (batch, seq) hold a tag's number at the first piece of a word, else NO_LABEL."""
        batch = input_batch([window.input for window, _ in rows], self.tokenizer.pad_token_id, length)
        numbers = {tag: number for number, tag in enumerate(self.labels)}
        labels = np.full(batch["input_ids"].shape, NO_LABEL, np.int64)
        for row, (window, sentence) in zip(labels, rows):
            row[window.positions] = [numbers[sentence.tags[word]] for word in window.words]
        return batch | {"labels": torch.from_numpy(labels)}


def _worst(sentences: list[TaggedSentence], predicted: list[list[str]]) -> list[list]:
    """The sentences with most wrong tags, the wrong ones written out."""
    wrong = [sum(map(str.__ne__, sentence.tags, tags)) for sentence, tags in zip(sentences, predicted)]
    order = sorted(range(len(sentences)), key=lambda place: -wrong[place])[:MOST_MISTAKES]
    return [
        [sentences[place].line, wrong[place], " ".join(
            word if true == tag else f"{word} [{true}, not {tag}]"
            for word, true, tag in zip(sentences[place].words, sentences[place].tags, predicted[place]))]
        for place in order if wrong[place]
    ]  # fmt: skip
