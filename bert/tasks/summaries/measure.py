"""ROUGE of summaries."""

import statistics
from collections.abc import Sequence

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.mistakes import PREDICTED, RIGHT, TRUE, Mark, Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN
from bert.tasks.report import Evaluation
from bert.tasks.rouge import rouge_scores
from bert.tasks.summaries.predict import select_sentences
from bert.tasks.summaries.read import Document


def baseline_of_summaries(documents: Sequence[Document], labels: Sequence[str], options: Options) -> Baseline:
    """The first sentences of a document (LEAD; Liu 2019, table 2). Nothing is learned for it."""
    most = options.summary_sentences
    name = f"always the first {f'{most} sentences' if most > 1 else 'sentence'}"
    return Baseline(
        name, lambda document: -np.arange(len(document.sentences), dtype=np.float32), short="first_sentences"
    )


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
    rouge = [
        rouge_scores([document.sentences[index] for index in indices], document.reference)
        for document, indices in zip(documents, chosen)
    ]
    metrics = {name: statistics.mean(each[name] for each in rouge) for name in rouge[0]}
    if not in_full:
        return Evaluation(metrics)
    rows = [
        [document.line, _listed(document.summary), _listed(indices), *scores.values(),
         " ".join(document.sentences[index] for index in indices),
         *([" ".join(document.sentences)] if options.text else [])]
        for document, indices, scores in zip(documents, chosen, rouge)
    ]  # fmt: skip
    order = sorted(range(len(rows)), key=lambda index: rouge[index]["rouge2"])[:WORST_SHOWN]
    return Evaluation(
        metrics,
        header=["line", "label", "prediction", *metrics, "summary", *(["text"] if options.text else [])],
        rows=rows,
        sections=[worst("Worst summaries", [_mistake(documents[i], chosen[i], rouge[i]["rouge2"]) for i in order])],
    )


def _mistake(document: Document, chosen: Sequence[int], rouge_2: float) -> Mistake:
    """The reference beside the document, in which the true and the predicted sentences are marked."""
    marks, start = [], 0
    for index, sentence in enumerate(document.sentences):
        is_true, is_predicted = index in document.summary, index in chosen
        if is_true or is_predicted:
            role = RIGHT if is_true and is_predicted else TRUE if is_true else PREDICTED
            note = "true and predicted" if role == RIGHT else role
            marks.append(Mark(start, start + len(sentence), role, note))
        start += len(sentence) + 1
    facts = {"line": document.line, "ROUGE-2": rouge_2}
    return Mistake(
        facts, [marked("Reference: " + " ".join(document.reference)), marked(" ".join(document.sentences), marks)]
    )


def _listed(indices: Sequence[int]) -> str:
    return ",".join(map(str, indices))
