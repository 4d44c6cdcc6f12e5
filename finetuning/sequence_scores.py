"""How a model does on each task of a sequence, with the task known or unknown at prediction.

    unknown    the best of all labels that the model has      which task a text is of must be found as well
    known      the best of the task's own labels

The score is the accuracy.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bert.adaptation.files import CONFIG, load_adapted
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.files.json_objects import read_json_object
from bert.heads.classification import BertForSequenceClassification
from bert.model.bert import initialize_weights
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.predict import predict_labels
from bert.tasks.options import Options
from bert.tokenization.tokenizer import Tokenizer
from bert.training.precision import Precision, choose_precision
from bert.training.script import forms
from finetuning.sequence_tasks import SequenceTask

SETTINGS = ("unknown", "known")
Scores = dict[str, float]  # of one task, by the setting; NaN: not measured


def scores_of_run(run: Path, checkpoint: str, tasks: Sequence[SequenceTask]) -> list[Scores]:
    """The scores of a finished run's model on each task.

    Args:
        checkpoint: the body, if the run saved an adapter alone.
    """
    if (run / CONFIG).exists():
        return as_in(run, load_adapted(checkpoint, run, BertForSequenceClassification), tasks)
    return as_in(run, load_checkpoint(run, BertForSequenceClassification), tasks)


def untrained_scores(run: Path, checkpoint: str, tasks: Sequence[SequenceTask], seed: int) -> dict[str, list[float]]:
    """The scores of a checkpoint whose head is untrained, by setting, one for each task.

    Args:
        run: any run of the sequence: the scores are computed as it did.
    """
    torch.manual_seed(seed)
    labels = tuple(dict.fromkeys(label for task in tasks for label in task.labels))
    model = load_checkpoint(checkpoint, BertForSequenceClassification, ("classifier", "bert.pooler"), labels=labels)
    initialize_weights(model.classifier, model.config)  # also if the checkpoint has a head of this shape
    scores = as_in(run, model, tasks)
    return {setting: [each[setting] for each in scores] for setting in SETTINGS}


def as_in(run: Path, model: BertForSequenceClassification, tasks: Sequence[SequenceTask]) -> list[Scores]:
    """The scores of a model on each task: lengths, precision, device and --plain are the run's."""
    report, reading = read_json_object(run / "report.json"), read_json_object(run / "task.json")
    options = Options(report["max_length"], long_texts=reading["long_texts"])
    precision = choose_precision(report["precision"], torch.device(report["device"]))
    precision.prepare(model)
    model.to(report["device"])
    with forms(report.get("forms") == "plain"):
        return [scores_of(model, load_tokenizer(run), task, options, precision) for task in tasks]


def scores_of(
    model: BertForSequenceClassification,
    tokenizer: Tokenizer,
    task: SequenceTask,
    options: Options,
    precision: Precision,
) -> Scores:
    """The scores on one task's validation set. A task is not measured if the model lacks one of its labels."""
    labels = list(model.labels)
    if not set(task.labels) <= set(labels):
        return dict.fromkeys(SETTINGS, float("nan"))
    windows = text_inputs(tokenizer, task.dev, options).windows
    with precision.autocast():
        logits = np.stack([scores.logits for scores in predict_labels(model, windows, options)])
    own = np.array([labels.index(label) for label in task.labels])
    truth = np.array([labels.index(str(example.label)) for example in task.dev])
    return {
        "unknown": float(np.mean(logits.argmax(axis=1) == truth)),
        "known": float(np.mean(own[logits[:, own].argmax(axis=1)] == truth)),
    }
