"""ROUGE of summaries."""

import statistics
from collections.abc import Sequence

import numpy as np

from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, table
from bert.tasks.report import Evaluation
from bert.tasks.summaries.predict import select_sentences
from bert.tasks.summaries.read import Document
from bert.tasks.summaries.rouge import rouge_l, rouge_l_sum, rouge_n


def measure_summaries(
    documents: Sequence[Document],
    predictions: Sequence[np.ndarray],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The mean ROUGE; in full also the predictions and the worst summaries."""
    chosen = [
        select_sentences(document.sentences, logits, options.summary_sentences)
        for document, logits in zip(documents, predictions)
    ]
    rouge = list(map(_rouge, documents, chosen))
    metrics = {name: statistics.mean(each[name] for each in rouge) for name in rouge[0]}
    if not in_full:
        return Evaluation(metrics)
    rows = [
        [document.line, _listed(document.summary), _listed(indices), *scores.values(),
         " ".join(document.sentences[index] for index in indices)]
        for document, indices, scores in zip(documents, chosen, rouge)
    ]  # fmt: skip
    worst = [
        [rows[index][0], rouge[index]["rouge2"], " ".join(documents[index].reference)[:1_000], rows[index][-1][:1_000]]
        for index in sorted(range(len(rows)), key=lambda index: rouge[index]["rouge2"])[:WORST_SHOWN]
    ]
    return Evaluation(
        metrics,
        header=["line", "label", "prediction", *metrics, "summary"],
        rows=rows,
        sections=[("Worst summaries", table(["line", "ROUGE-2", "reference", "prediction"], worst))],
    )


def _rouge(document: Document, indices: Sequence[int]) -> dict[str, float]:
    summary = [document.sentences[index] for index in indices]
    return {
        "rouge1": rouge_n(summary, document.reference, 1),
        "rouge2": rouge_n(summary, document.reference, 2),
        "rougeL": rouge_l(summary, document.reference),
        "rougeLsum": rouge_l_sum(summary, document.reference),
    }


def _listed(indices: Sequence[int]) -> str:
    return ",".join(map(str, indices))
