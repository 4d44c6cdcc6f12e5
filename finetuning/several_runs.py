"""A task from several seeds, and from a random start beside the pretrained one: the single runs, and their summary."""

import copy
import statistics
from pathlib import Path
from types import SimpleNamespace

from bert.evaluation.report import write_json
from finetuning.messages import in_words


def parts_of(settings: SimpleNamespace) -> dict[str, SimpleNamespace]:
    """The settings of each single run, by a name that says what is special about it. They are complete, so that each
    can also be resumed alone.
    """
    parts = {}
    for random_start in (False, True) if settings.compare else (settings.random_start,):
        for seed in range(settings.seed, settings.seed + settings.seeds):
            part = copy.copy(settings)
            part.seed, part.random_start = seed, random_start
            part.seeds, part.compare = 1, False
            if random_start:
                part.fresh, part.reinitialize_layers = None, 0
            folders = ["random-start"] if random_start and settings.compare else []
            folders += [f"seed-{seed}"] if settings.seeds > 1 else []
            part.output = str(Path(settings.output, *folders))
            parts["/".join(folders)] = part
    return parts


def summarize(settings: SimpleNamespace, reports: dict[str, dict], say) -> None:
    """Means and spreads over seeds, and the random start beside the pretrained one, in the whole run's report.json."""
    summary = {"runs": list(reports)}
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
                    say(f"{start} start, {name}, mean of {len(chosen)} seeds: {in_words(measured[name])}")
                    say(f"    standard deviation: {in_words(measured[f'{name}_spread'])}")
                elif settings.compare:
                    say(f"{start} start, {name}: {in_words(measured[name])}")
        summary |= measured if start == "pretrained" or not settings.compare else {"random_start": measured}
    own = reports.get("", {})
    write_json(Path(settings.output) / "report.json", own | summary)
