"""What came out of a sequence of tasks: ``matrix.json``, ``matrix.png``, and a table in the terminal."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bert.continual.heat_map import draw_scores
from bert.continual.matrix import measure
from bert.files.terminal import print_line
from bert.files.whole import write_atomically
from bert.tasks.report import write_json
from finetuning.sequence_scores import SETTINGS

TITLES = {"unknown": "task unknown", "known": "task known"}


def report_sequence(folder: Path, report: dict[str, Any]) -> None:
    """Writes the files, and prints the tables.

    Args:
        report: of ``finetuning.sequence``: "tasks", "method", "scores", and perhaps "untrained" and "bounds".
    """
    tasks = report["tasks"]
    untrained = report.get("untrained")
    with_measures(report["scores"], untrained)
    if "one after another" in (bounds := report.get("bounds", {})):
        with_measures(bounds["one after another"], untrained)
    write_json(folder / "matrix.json", without_nan(report))
    matrices = {
        TITLES[setting]: np.array(report["scores"][setting])
        for setting in SETTINGS
        if not np.isnan(report["scores"][setting]).all()
    }
    captions = {TITLES[setting]: in_words(report["scores"][f"{setting}_measures"]) for setting in SETTINGS}
    picture = io.BytesIO()
    draw_scores(matrices, tasks, captions, picture)
    write_atomically(folder / "matrix.png", picture.getvalue())
    for title, matrix in matrices.items():
        print_line("", f"Accuracy in %, {title}, --method {report['method']}:", *table_of(matrix, tasks))
        print_line(captions[title].replace("\n", ", "))
    for name, bound in bounds.items():
        print_line(f"{name}: {', '.join(bound_in_words(bound))}")
    print_line("", f"The scores are in {folder / 'matrix.json'}, and as a picture in {folder / 'matrix.png'}.")


def with_measures(scores: dict[str, Any], untrained: Mapping[str, Sequence[float]] | None) -> None:
    """Adds the measures of each setting to its scores, as "unknown_measures" and "known_measures"."""
    for setting in SETTINGS:
        start = None if untrained is None else np.array(untrained[setting])
        scores[f"{setting}_measures"] = asdict(measure(np.array(scores[setting]), start))


def table_of(scores: np.ndarray, tasks: Sequence[str]) -> list[str]:
    """A line for each task learned, a column for each task measured; "-" if it was not."""
    width = max(8, *(len(task) + 2 for task in tasks))
    first = max(len(f"after {task}") for task in tasks)
    lines = [" " * first + "".join(f"{task:>{width}}" for task in tasks)]
    for task, row in zip(tasks, scores):
        cells = ("-" if math.isnan(score) else f"{100 * score:.1f}" for score in row)
        lines.append(f"{f'after {task}':{first}}" + "".join(f"{cell:>{width}}" for cell in cells))
    return lines


def in_words(measures: Mapping[str, float]) -> str:
    """The measures in points, one in each line; a measure that is NaN is left out.

    >>> in_words({"average_accuracy": 0.7, "backward_transfer": -0.125, "forgetting": math.nan})
    'average accuracy 70.0\\nbackward transfer -12.5'
    """
    found = {name: value for name, value in measures.items() if not math.isnan(value)}
    return "\n".join(f"{name.replace('_', ' ')} {100 * value:.1f}" for name, value in found.items())


def bound_in_words(bound: Mapping[str, Any]) -> list[str]:
    """The averages of a bound, by setting."""
    found = []
    for setting in SETTINGS:
        if setting in bound:
            last = bound[setting][-1] if isinstance(bound[setting][0], list) else bound[setting]
            found.append(f"{TITLES[setting]} {100 * float(np.mean(last)):.1f}")
    return found


def without_nan(value: Any) -> Any:
    """Plain data with null for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
