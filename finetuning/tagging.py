"""Tags for the words of sentences: from CoNLL's columns to batches, and from a model to entities."""

from collections.abc import Sequence

import numpy as np
import torch

from bert.evaluation.entities import count_entities
from bert.evaluation.page import WORST_SHOWN, table
from bert.evaluation.report import Evaluation
from bert.heads.loss import Loss, cross_entropy
from bert.heads.token import BertForTokenClassification
from bert.predict_tags import WordScores, word_scores
from bert.tag_sequences import OUTSIDE, TagSequences
from bert.tokenization.word_windows import word_batch, word_inputs
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch
from data.tasks.tagging import TaggedSentence, check_tags_are_known
from finetuning.measuring import in_shares, mean_of
from finetuning.sets import in_windows


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
    batches_by_length = False  # a row has many labels
    fitting_tags = True  # those predicted fit together, as those that are read do

    def __init__(
        self, sets: dict[str, tuple[str, list[TaggedSentence]]], labels: list[str], tokenizer, max_length: int
    ):
        self.labels, self.tokenizer = labels, tokenizer
        self._numbers = {tag: number for number, tag in enumerate(labels)}
        self.sets = {}
        for name, (source, sentences) in sets.items():
            check_tags_are_known(sentences, labels, source)
            inputs = [word_inputs(tokenizer, sentence.words, max_length) for sentence in sentences]
            self.sets[name] = in_windows(sentences, inputs)
        self._rows = self.sets["train"].windows()

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {"labels": self.labels}

    def row_lengths(self) -> list[int]:
        """Of the rows that are trained on, in tokens; each window of a long sentence is one."""
        return [len(window.input.input_ids) for window, _ in self._rows]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The rows of these numbers as tensors: input_ids, token_type_ids, attention_mask (batch, seq); word_positions
        and labels (words,), where the first pieces of words are and the numbers of their tags.
        """
        rows = [self._rows[row] for row in chosen]
        batch = word_batch([window for window, _ in rows], self.tokenizer.pad_token_id)
        labels = [self._numbers[sentence.tags[word]] for window, sentence in rows for word in window.words]
        arrays = batch | {"labels": np.array(labels, np.int64)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def evaluate(
        self, model: BertForTokenClassification, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """Entity-level precision, recall and F1 on a set, and the accuracy of all tags; the same in every process.

        Args:
            in_full: also what the report shows: predictions, each type's measures, sentences with most mistakes.
        """
        texts, pad_token_id = self.sets[name], self.tokenizer.pad_token_id
        sequences = TagSequences(self.labels)
        scores = in_shares(
            lambda share: word_scores(model, share, pad_token_id), texts.inputs, model, precision, processes
        )
        losses = mean_of("tagging", self._loss(texts.examples, scores))
        predicted = [
            [self.labels[tags[word]] if word in tags else OUTSIDE for word in range(len(sentence.words))]
            for sentence, tags in zip(texts.examples, (each.best_tags(sequences) for each in scores))
        ]
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

    def _loss(self, sentences: Sequence[TaggedSentence], scores: list[WordScores]) -> Loss:
        """That of the words that have scores."""
        numbers = [
            self._numbers[sentence.tags[word]] for sentence, each in zip(sentences, scores) for word in each.words
        ]
        logits = np.concatenate([each.logits for each in scores])
        return cross_entropy(torch.from_numpy(logits), torch.tensor(numbers, dtype=torch.int64))


def _worst(sentences: list[TaggedSentence], predicted: list[list[str]]) -> list[list]:
    """The sentences with most wrong tags, the wrong ones written out."""
    wrong = [sum(map(str.__ne__, sentence.tags, tags)) for sentence, tags in zip(sentences, predicted)]
    order = sorted(range(len(sentences)), key=lambda place: -wrong[place])[:WORST_SHOWN]
    return [
        [sentences[place].line, wrong[place], " ".join(
            word if true == tag else f"{word} [{true}, not {tag}]"
            for word, true, tag in zip(sentences[place].words, sentences[place].tags, predicted[place]))]
        for place in order if wrong[place]
    ]  # fmt: skip
