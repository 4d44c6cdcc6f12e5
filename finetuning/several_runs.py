"""Several runs of a task, from several seeds or from a random start besides, and their summary."""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from bert.tasks.report import write_json
from bert.training.script import Log
from finetuning.messages import compared, in_words
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
    """Writes means and standard deviations over seeds to the ``report.json`` of the whole run."""
    first = next(iter(reports.values()))
    metric, baseline = first.get("metric", ""), first.get("baseline", {})  # all runs have the same examples
    summary: dict[str, Any] = {"runs": list(reports)} | ({"baseline": baseline} if baseline else {})
    for start in dict.fromkeys(report["start"] for report in reports.values()):
        chosen = {name: report for name, report in reports.items() if report["start"] == start}
        measured = {}
        for name in ("dev", "test"):
            if name in first:
                values = {each: [report[name][each] for report in chosen.values()] for each in first[name]}
                measured[name] = {each: statistics.mean(of_seeds) for each, of_seeds in values.items()}
                in_words_of_mean = compared(measured[name], baseline.get(name), metric)
                if len(chosen) > 1:
                    measured[f"{name}_spread"] = {each: statistics.stdev(of_seeds) for each, of_seeds in values.items()}
                    log(f"{start} start, {name}, mean of {len(chosen)} seeds: {in_words_of_mean}")
                    log(f"    standard deviation: {in_words(measured[f'{name}_spread'])}")
                elif settings.compare:
                    log(f"{start} start, {name}: {in_words_of_mean}")
        summary |= measured if start != "random" or not settings.compare else {"random_start": measured}
        failed = [parts_of(settings)[name].output for name, report in chosen.items() if "warning" in report]
        if failed:
            log(
                f"Note: {len(failed)} of {len(chosen)} runs from a {start} start learned nothing of use: "
                f"{', '.join(failed)}."
            )
    own = reports.get("", {})  # with --compare the run itself is the one from the checkpoint
    write_json(Path(settings.output) / "report.json", own | summary)
