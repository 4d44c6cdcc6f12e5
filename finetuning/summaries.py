"""Extractive summaries (BertSum): from JSON lines to batches, and from a model to ROUGE."""

import statistics
from collections.abc import Sequence

import numpy as np
import torch

from bert.evaluation.page import WORST_SHOWN, table
from bert.evaluation.report import Evaluation
from bert.evaluation.rouge import rouge_l, rouge_n
from bert.heads.loss import binary_cross_entropy
from bert.heads.summary import BertForExtractiveSummarization
from bert.predict_summary import select_sentences, sentence_logits
from bert.task_inputs.documents import Document
from bert.tokenization.sentence_windows import sentence_windows
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch
from data.tasks.summaries import summary_batch
from finetuning.measuring import in_shares, mean_of
from finetuning.sets import TaskSet


class SummaryTask:
    """Extractive summarisation with its documents: what the script needs to train a model on it and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, documents).
        summary_sentences: of how many sentences a summary is made, at most.
    """

    model_class = BertForExtractiveSummarization
    head = "classifier"
    batches_by_length = False  # a row has many labels
    labels = ()

    def __init__(self, sets: dict[str, tuple[str, list[Document]]], tokenizer, max_length: int, summary_sentences: int):
        self.tokenizer, self.summary_sentences = tokenizer, summary_sentences
        self.sets = {}
        for name, (_, documents) in sets.items():
            fitted = [sentence_windows(tokenizer, document.sentences, max_length) for document in documents]
            too_long = sum(len(each.windows) > 1 or each.cut > 0 for each in fitted)
            self.sets[name] = TaskSet(documents, [each.windows for each in fitted], too_long)
        self._rows = self.sets["train"].windows()

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {}

    def row_lengths(self) -> list[int]:
        """Of the rows that are trained on, in tokens; each window of a long document is one."""
        return [len(window.input_ids) for window, _ in self._rows]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The rows of these numbers as tensors (see ``summary_batch``)."""
        return summary_batch([self._rows[row] for row in chosen], self.tokenizer.pad_token_id)

    def evaluate(
        self, model: BertForExtractiveSummarization, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """Mean ROUGE of the summaries on a set, the same in every process.

        Args:
            in_full: also what the report shows: predictions and the documents with the worst summaries.
        """
        documents, pad_token_id = self.sets[name], self.tokenizer.pad_token_id
        logits: list[list[float]] = in_shares(
            lambda share: sentence_logits(model, share, pad_token_id), documents.inputs, model, precision, processes
        )
        truth = [
            float(sentence in document.summary)
            for document in documents.examples
            for sentence in range(len(document.sentences))
        ]
        scores_of_all = torch.tensor([score for scores in logits for score in scores])
        losses = mean_of("sentence", binary_cross_entropy(scores_of_all, torch.tensor(truth)))
        chosen = [
            select_sentences(document.sentences, scores, self.summary_sentences)
            for document, scores in zip(documents.examples, logits)
        ]
        rouge = [_rouge(document, numbers) for document, numbers in zip(documents.examples, chosen)]
        metrics = {measure: statistics.mean(each[measure] for each in rouge) for measure in rouge[0]}
        if not in_full:
            return Evaluation(metrics, losses)
        rows = [
            [document.line, _numbers(document.summary), _numbers(numbers), *scores.values(),
             " ".join(document.sentences[number] for number in numbers)]
            for document, numbers, scores in zip(documents.examples, chosen, rouge)
        ]  # fmt: skip
        worst = sorted(range(len(rows)), key=lambda place: rouge[place]["rouge2"])[:WORST_SHOWN]
        return Evaluation(
            metrics, losses, ["line", "label", "prediction", *metrics, "summary"], rows,
            [("Worst summaries", table(
                ["line", "ROUGE-2", "reference", "prediction"],
                ([rows[place][0], rouge[place]["rouge2"], " ".join(documents.examples[place].reference)[:1_000],
                  rows[place][-1][:1_000]] for place in worst)))],
        )  # fmt: skip


def _rouge(document: Document, numbers: list[int]) -> dict[str, float]:
    summary = [document.sentences[number] for number in numbers]
    return {
        "rouge1": rouge_n(summary, document.reference, 1),
        "rouge2": rouge_n(summary, document.reference, 2),
        "rougeL": rouge_l(summary, document.reference),
    }


def _numbers(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
