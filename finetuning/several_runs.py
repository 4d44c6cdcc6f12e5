"""A task from several seeds, or from a random start beside the pretrained one: the single runs, and their summary."""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from bert.tasks.report import write_json
from bert.training.script import Log
from finetuning.messages import in_words
from finetuning.settings import FinetuningSettings


def parts_of(settings: FinetuningSettings) -> dict[str, FinetuningSettings]:
    """The settings of each single run, by the name of its folder. Each run can be resumed alone."""
    parts = {}
    for random_start in (False, True) if settings.compare else (settings.random_start,):
        for seed in range(settings.seed, settings.seed + settings.seeds):
            folders = ["random-start"] if random_start and settings.compare else []
            folders += [f"seed-{seed}"] if settings.seeds > 1 else []
            parts["/".join(folders)] = replace(
                settings,
                output=str(Path(settings.output, *folders)),
                seed=seed,
                seeds=1,
                compare=False,
                random_start=random_start,
                fresh=None if random_start else settings.fresh,
                reinitialize_layers=0 if random_start else settings.reinitialize_layers,
            )
    return parts


def summarize(settings: FinetuningSettings, reports: dict[str, dict[str, Any]], log: Log) -> None:
    """Writes the means and standard deviations over seeds, for each start, to the ``report.json`` of the whole run."""
    summary: dict[str, Any] = {"runs": list(reports)}
    for start in ("pretrained", "random"):
        chosen = [report for report in reports.values() if report["start"] == start]
        if not chosen:
            continue
        measured = {}
        for name in ("dev", "test"):
            if name in chosen[0]:
                values = {metric: [report[name][metric] for report in chosen] for metric in chosen[0][name]}
                measured[name] = {metric: statistics.mean(each) for metric, each in values.items()}
                if len(chosen) > 1:
                    measured[f"{name}_spread"] = {metric: statistics.stdev(each) for metric, each in values.items()}
                    log(f"{start} start, {name}, mean of {len(chosen)} seeds: {in_words(measured[name])}")
                    log(f"    standard deviation: {in_words(measured[f'{name}_spread'])}")
                elif settings.compare:
                    log(f"{start} start, {name}: {in_words(measured[name])}")
        summary |= measured if start == "pretrained" or not settings.compare else {"random_start": measured}
    own = reports.get("", {})
    write_json(Path(settings.output) / "report.json", own | summary)
