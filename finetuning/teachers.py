"""Teachers: fine-tuned runs whose predictions for unlabelled texts another model learns (``--distil-from``)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bert.adaptation.loading import source_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.predict import kind_of_run
from bert.commands.reading import check_segments, reading_of
from bert.errors import InputError
from bert.files.reading import open_to_read
from bert.tasks.classification.read import SINGLE, Example
from bert.tasks.kinds import KINDS
from bert.tasks.prediction import predictions


@dataclass(frozen=True)
class Teacher:
    """A run that labels texts."""

    run: str
    share: float  # of its scores in the mean over all teachers
    labels: tuple[str, ...]
    weights: str  # a digest of its model


def read_teachers(given: Sequence[str]) -> list[Teacher]:
    """The teachers of the flag: each is RUN or RUN=WEIGHT.

    Raises:
        InputError: if a run predicts no classes, or other ones than the first, or if no weight is above 0.
    """
    parts = []
    for each in given:
        run, equals, weight = each.rpartition("=")
        try:
            parts.append((run, float(weight)) if equals else (each, 1.0))
        except ValueError:
            parts.append((each, 1.0))  # a directory may have a = in its name
    total = sum(weight for _, weight in parts)
    if not all(0 <= weight < float("inf") for _, weight in parts) or not total > 0:
        raise InputError(f"--distil-from {' '.join(given)}: weights from 0 were expected, and one of them above 0")
    teachers = []
    for run, weight in parts:
        source = source_of(run)
        found = (source.labels(KINDS[name].head) for name in ("cloze", "single-label"))
        labels = next(filter(None, found), None)
        if labels is None:
            raise InputError(f"--distil-from {run}: is no run that predicts classes; name cloze or single-label runs")
        if teachers and set(labels) != set(teachers[0].labels):
            raise InputError(
                f"--distil-from: {run} predicts {', '.join(labels)}, and {teachers[0].run} predicts "
                f"{', '.join(teachers[0].labels)}; name teachers of the same labels"
            )
        digest = " ".join(map(_digest, source.files()))
        teachers.append(Teacher(run, weight / total, labels, digest))
    return teachers


def teacher_logits(
    teachers: Sequence[Teacher], examples: Sequence[Example], source: str, device: torch.device
) -> np.ndarray:
    """(texts, labels) float32: the mean of the teachers' scores, by their shares. The first one's labels order it.

    Raises:
        InputError: if a teacher cannot read these texts, or gives a text several labels or a number.
    """
    mean: Any = 0
    are_pairs = examples[0].second is not None
    for teacher in teachers:
        its_source = source_of(teacher.run)
        kind = kind_of_run(its_source)
        _, options, trained_on_pairs = reading_of(its_source, source, {})
        if trained_on_pairs and not are_pairs:
            raise InputError(
                f"{source}: holds single texts, and the teacher {teacher.run} was trained on pairs; give pairs "
                f"(--text-pair-column)"
            )
        check_segments(its_source, are_pairs)
        model: Any = its_source.load(kind.head).to(device)
        if getattr(model, "problem_type", SINGLE) != SINGLE:
            raise InputError(f"--distil-from {teacher.run}: predicts no single label; name cloze or single-label runs")
        tokenizer = its_source.tokenizer()
        check_vocabulary_fits(tokenizer, model.config, teacher.run)
        found = [scores.logits for _, scores in predictions(kind, model, tokenizer, examples, options, source)]
        order = [teacher.labels.index(label) for label in teachers[0].labels]
        mean = mean + teacher.share * np.stack(found)[:, order]
    return np.asarray(mean, np.float32)


def _digest(path: Path) -> str:
    with open_to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
