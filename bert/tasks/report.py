"""The report of a fine-tuning run: ``report.json``, ``report.html`` and ``predictions.tsv``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert.files.reading import read_bytes
from bert.files.tables import tsv_line
from bert.files.whole import write_atomically
from bert.tasks.page import page, picture, table

LARGEST_PICTURE = 1 << 26  # bytes


@dataclass(frozen=True)
class Evaluation:
    """How good the predictions for one set of examples are."""

    metrics: dict[str, float]  # by name
    losses: dict[str, float] = field(default_factory=dict)  # mean losses and accuracies, named as in the log
    header: Sequence[str] = ()  # of predictions.tsv
    rows: Sequence[Sequence[Any]] = ()  # of predictions.tsv
    sections: Sequence[tuple[str, str]] = ()  # (heading, HTML) of the page


def write_report(
    run: Path, title: str, metadata: Mapping[str, Any], evaluations: Mapping[str, Evaluation]
) -> dict[str, Any]:
    """Writes the three files. Returns the object in ``report.json``: the metrics of each set, and the metadata.

    Args:
        metadata: of the run, plain data.
        evaluations: by the name of the set, "dev" and "test".
    """
    report: dict[str, Any] = {name: evaluation.metrics for name, evaluation in evaluations.items()}
    report |= metadata
    names = list(dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.metrics))
    rows = [[name, *(each.metrics.get(name, "") for each in evaluations.values())] for name in names]
    shown = [(name, _in_a_cell(value)) for name, value in metadata.items()]
    sections = [("Measures", table(["", *evaluations], rows)), ("The run", table(["", ""], shown))]
    if (run / "curves.png").exists():
        content = read_bytes(run / "curves.png", LARGEST_PICTURE)
        sections.append(("Curves", picture(content, "losses and accuracies by step")))
    for name, evaluation in evaluations.items():
        sections += [(f"{heading} ({name})", content) for heading, content in evaluation.sections]
    write_atomically(run / "predictions.tsv", "".join(_predictions(evaluations)))
    write_atomically(run / "report.html", page(title, sections))
    write_json(run / "report.json", report)
    return report


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes an object as indented JSON."""
    write_atomically(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _in_a_cell(value: Any) -> Any:
    """A value for the page. Of a list it shows the first twenty items."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_in_a_cell(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value[:20])) + (f" and {len(value) - 20:,} more" if len(value) > 20 else "")
    return f"{value:,}" if type(value) is int else value


def _predictions(evaluations: Mapping[str, Evaluation]) -> Iterable[str]:
    for number, (name, evaluation) in enumerate(evaluations.items()):
        if number == 0:
            yield tsv_line(["set", *evaluation.header])
        for row in evaluation.rows:
            yield tsv_line([name, *row])
