"""The report of a fine-tuning run: ``report.json``, ``report.html`` and ``predictions.tsv``."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert.files.reading import read_bytes
from bert.files.tables import tsv_line
from bert.files.whole import write_atomically
from bert.tasks.page import TALL, WIDE, Section, page, picture, table
from bert.tasks.ranks import ranks_section

LARGEST_PICTURE = 1 << 26  # bytes
FEW = 10  # so few predictions may well be the same by chance
LONGEST_VALUE, MOST_VALUES = 200, 20  # of the settings on the page


@dataclass(frozen=True)
class Evaluation:
    """How good the predictions for one set of examples are."""

    metrics: dict[str, float]  # by name
    losses: dict[str, float] = field(default_factory=dict)  # mean losses and accuracies, named as in the log
    header: Sequence[str] = ()  # of predictions.tsv
    rows: Sequence[Sequence[Any]] = ()  # of predictions.tsv
    sections: Sequence[tuple] = ()  # of the page: ``Section``s, or (heading, HTML)

    @property
    def only_prediction(self) -> str | None:
        """What is predicted in every row, if it is one and the same. None: predictions differ, or there are few."""
        if "prediction" not in self.header or len(self.rows) < FEW:
            return None
        place = list(self.header).index("prediction")
        found = {str(row[place]) for row in self.rows}
        return found.pop() if len(found) == 1 else None


def write_report(
    run: Path,
    title: str,
    metadata: Mapping[str, Any],
    evaluations: Mapping[str, Evaluation],
    verdict: str = "",
    warning: str | None = None,
) -> dict[str, Any]:
    """Writes the three files. Returns the object in ``report.json``: the metrics of each set, and the metadata.

    Args:
        metadata: of the run, plain data. Under "baseline" it may have the baseline's metrics of each set, and under
            "ranks" the rank of each matrix.
        evaluations: by the name of the set, "dev" and "test".
        verdict: what came out, in sentences; the page opens with it.
        warning: what is wrong with it; it stands in ``report.json`` as well.
    """
    report: dict[str, Any] = {name: evaluation.metrics for name, evaluation in evaluations.items()}
    report |= ({} if warning is None else {"warning": warning}) | dict(metadata)
    sections = [Section("Measures", _measures(evaluations, metadata.get("baseline", {})))]
    if (run / "curves.png").exists():
        content = read_bytes(run / "curves.png", LARGEST_PICTURE)
        sections.append(Section("Curves", picture(content, "losses and accuracies by step"), TALL))
    for name, evaluation in evaluations.items():
        for section in itertools.starmap(Section, evaluation.sections):
            sections.append(section._replace(heading=f"{section.heading} ({name})"))
    if metadata.get("ranks"):
        sections.append(ranks_section(metadata["ranks"]))
    in_tables = ("baseline", "ranks")
    shown = [(name, _in_a_cell(value)) for name, value in metadata.items() if name not in in_tables]
    sections.append(Section("The run", table(["", ""], shown), WIDE))
    write_atomically(run / "predictions.tsv", "".join(_predictions(evaluations)))
    write_atomically(run / "report.html", page(title, sections, verdict, warning))
    write_json(run / "report.json", report)
    return report


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes an object as indented JSON."""
    write_atomically(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _measures(evaluations: Mapping[str, Evaluation], baseline: Mapping[str, Any]) -> str:
    """A table of each metric on each set, with the baseline beside it."""
    header, columns = [""], []
    for name, evaluation in evaluations.items():
        header.append(name)
        columns.append(evaluation.metrics)
        if baseline:
            header.append(f"baseline ({name})")
            columns.append(baseline[name])
    names = dict.fromkeys(metric for column in columns for metric in column)
    return table(header, [[metric, *(column.get(metric, "") for column in columns)] for metric in names])


def _in_a_cell(value: Any) -> Any:
    """A value for the page. Of a list it shows the first items, and of a long text the beginning."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_in_a_cell(part)}" for name, part in value.items())
    if isinstance(value, list):
        first = ", ".join(str(_in_a_cell(each)) for each in value[:MOST_VALUES])
        return first + (f" and {len(value) - MOST_VALUES:,} more" if len(value) > MOST_VALUES else "")
    if type(value) is int:
        return f"{value:,}"
    return f"{value[:LONGEST_VALUE]}…" if isinstance(value, str) and len(value) > LONGEST_VALUE else value


def _predictions(evaluations: Mapping[str, Evaluation]) -> Iterable[str]:
    for number, (name, evaluation) in enumerate(evaluations.items()):
        if number == 0:
            yield tsv_line(["set", *evaluation.header])
        for row in evaluation.rows:
            yield tsv_line([name, *row])
