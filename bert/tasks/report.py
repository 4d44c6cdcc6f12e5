"""What a fine-tuning run leaves behind for a person: ``report.json``, ``report.html`` and ``predictions.tsv``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bert.evaluation.page import page, picture, table
from bert.files.tables import tsv_line
from bert.files.whole import write_atomically


@dataclass(frozen=True)
class Evaluation:
    """What there is to say of the predictions for one set of examples.

    metrics: the measures by name; losses: mean losses and accuracies, named as in the log; header, rows: of
    ``predictions.tsv``; sections: (heading, HTML) for the page.
    """

    metrics: dict[str, float]
    losses: dict[str, float]
    header: Sequence[str] = ()
    rows: Sequence[Sequence] = ()
    sections: Sequence[tuple[str, str]] = field(default_factory=list)


def write_report(run: Path, title: str, facts: Mapping, evaluations: Mapping[str, Evaluation]) -> dict:
    """Writes the three files, and returns what is in ``report.json``: the metrics of each set of examples, the facts.

    Args:
        facts: what else is to be known of the run, plain data; they stand in ``report.json`` as they are.
        evaluations: by the name of the set, "dev" and "test".
    """
    report = {name: evaluation.metrics for name, evaluation in evaluations.items()} | dict(facts)
    names = list(dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.metrics))
    rows = [[name, *(each.metrics.get(name, "") for each in evaluations.values())] for name in names]
    shown = [(name, _in_a_cell(value)) for name, value in facts.items()]
    sections = [("Measures", table(["", *evaluations], rows)), ("The run", table(["", ""], shown))]
    if (run / "curves.png").exists():
        sections.append(("Curves", picture((run / "curves.png").read_bytes(), "losses and accuracies by step")))
    for name, evaluation in evaluations.items():
        sections += [(f"{heading} ({name})", content) for heading, content in evaluation.sections]
    write_atomically(run / "predictions.tsv", "".join(_predictions(evaluations)))
    write_atomically(run / "report.html", page(title, sections))
    write_json(run / "report.json", report)
    return report


def write_json(path: Path, values: Mapping) -> None:
    """Writes an object as JSON that a person can read too."""
    write_atomically(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _in_a_cell(value):
    """A fact for the page: what an object holds, or the first twenty of a list, in a line."""
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
