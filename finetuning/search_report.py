"""What came out of a search: sentences for the terminal, ``report.html``, and what ``search.json`` says of it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bert.files.whole import write_atomically
from bert.tasks.metrics import LOWER_IS_BETTER
from bert.tasks.page import WIDE, Section, page, shown, table
from finetuning.continuing_flags import flag
from finetuning.search_measures import best_of, expected_best, expected_maximum, rank_importances, values_of
from finetuning.search_plot import parallel_plot
from finetuning.search_settings import SearchSettings
from finetuning.search_space import Space
from finetuning.search_trials import Trial

DRAWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # of which the expected best score is shown


@dataclass(frozen=True)
class Repeats:
    """Runs with the settings of a trial, from other seeds."""

    trial: Trial
    runs: Sequence[str]  # their directories
    reports: Sequence[dict[str, Any]]  # the report.json of each

    def scores(self, part: str) -> list[float]:
        """The metric on "dev" or "test" of each run. Empty: there is no such set."""
        return [report[part][report["metric"]] for report in self.reports if part in report]


def settings_in_words(trial: Trial) -> str:
    """The settings of a trial, such as "batch-size 16, epochs 3"."""
    return ", ".join(f"{spelled(name)} {_plain(value)}" for name, value in trial.settings.items())


def spelled(name: str) -> str:
    """A setting as its flag spells it, without dashes before it: "learning-rate"."""
    return flag(name).removeprefix("--")


def mean_in_words(values: Sequence[float]) -> str:
    """The mean of some scores, with the standard deviation if there are several."""
    spread = f" (standard deviation {statistics.stdev(values):.4f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def summarize(trials: Sequence[Trial], repeats: Sequence[Repeats]) -> dict[str, Any]:
    """What ``search.json`` says at the end, beside the trials.

    Returns:
        best: the number of the best trial.
        repeats: the scores of each trial's settings from other seeds.
        optimistic_by: how far the best trial's score is above the mean of its repeats.
        by_chance: how far the best of as many equal runs would be above their mean, by the standard deviation of the
            repeats. Only if there are several.
        expected_best: the expected best score of so many trials.
    """
    best = best_of(trials)
    assert best is not None and best.value is not None
    values = values_of(trials)
    found: dict[str, Any] = {"best": best.number, "metric": best.metric, "repeats": {
        each.trial.name: {"runs": list(each.runs), "dev": each.scores("dev"), "test": each.scores("test")}
        for each in repeats
    }}  # fmt: skip
    if repeats:
        sign = -1 if best.metric in LOWER_IS_BETTER else 1
        scores = [each.scores("dev") for each in repeats]
        found["optimistic_by"] = sign * (best.value - statistics.mean(scores[0]))
        if len(scores[0]) > 1:
            spread = statistics.mean(statistics.variance(each) for each in scores) ** 0.5  # of both settings
            found["by_chance"] = spread * expected_maximum(len(values))
    draws = [count for count in DRAWS if count < len(values)] + [len(values)]
    found["expected_best"] = {str(count): expected_best(values, count, best.metric) for count in draws}
    return found


def in_sentences(trials: Sequence[Trial], repeats: Sequence[Repeats]) -> list[str]:
    """What came out, for the terminal and the top of the page."""
    best = best_of(trials)
    if best is None or best.value is None:
        return ["No trial has come to its end yet."]
    count, usual = len(values_of(trials)), trials[0]
    lines = [
        f"Of {count} trials, {best.name} has the best {best.metric} on dev, {best.value:.4f}: "
        f"{settings_in_words(best)}."
    ]
    if usual != best and usual.value is not None:
        lines.append(f"The usual settings ({settings_in_words(usual)}) have {usual.value:.4f}.")
    if not repeats:
        return lines
    found, seeds = summarize(trials, repeats), len(repeats[0].scores("dev"))
    for part in ("dev", "test"):
        if repeats[0].scores(part):
            means = [mean_in_words(each.scores(part)) for each in repeats]
            others = "another seed" if seeds == 1 else f"{seeds} other seeds"
            beside = f", and the usual settings {means[1]}" if len(means) > 1 else ""
            lines.append(f"From {others} the best settings have {means[0]} on {part}{beside}.")
    by = found["optimistic_by"]
    if by > 0:
        lines.append(f"So the best of {count} is optimistic by about {by:.4f}.")
    else:
        lines.append(f"So the best of {count} is not optimistic this time: the mean is no worse.")
    if "by_chance" in found:
        lines.append(
            f"By chance alone, the best of {count} equal runs lies about {found['by_chance']:.4f} above their mean."
        )
    return lines


def report_search(settings: SearchSettings, space: Space, trials: Sequence[Trial], repeats: Sequence[Repeats]) -> None:
    """Writes ``report.html``."""
    best = best_of(trials)
    names = [part.name for part in space]
    sections = [Section("The trials, side by side", parallel_plot(trials, space, best), WIDE)]
    if repeats:
        sections.append(Section("From other seeds", _repeats_table(repeats)))
    sections.append(Section("What mattered", _importances(settings.method == "tpe" and bool(repeats), space, trials)))
    if best is not None:
        sections.append(Section("Expected best score", _expected(trials, repeats)))
    sections.append(Section("All trials", _trials_table(names, trials, best), WIDE))
    rows = [(spelled(name), shown_setting(value)) for name, value in vars(settings).items()]
    sections.append(Section("The search", table(["", ""], rows), WIDE))
    verdict = " ".join(in_sentences(trials, repeats))
    write_atomically(settings.place("report.html"), page(f"Search: {settings.output}", sections, verdict))


def shown_setting(value: Any) -> str:
    """A setting of the search, for the page."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _trials_table(names: Sequence[str], trials: Sequence[Trial], best: Trial | None) -> str:
    """The trials, the best one first, and those without a score at the end."""
    sign = 1 if best is not None and best.metric in LOWER_IS_BETTER else -1

    def order(trial: Trial) -> tuple[bool, bool, float]:
        return trial.value is None, trial.state == "pruned", sign * (trial.value or 0.0)

    metric = "score" if best is None else f"dev {best.metric}"
    rows = [
        [
            trial.name, *(_plain(trial.settings[name]) for name in names), "" if trial.value is None else trial.value,
            f"failed: {trial.reason}" if trial.state == "failed" else trial.state, len(trial.curve),
            f"{trial.seconds:,.0f}",
        ]
        for trial in sorted(trials, key=order)
    ]  # fmt: skip
    return table(["trial", *map(spelled, names), metric, "outcome", "evaluations", "seconds of training"], rows)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _repeats_table(repeats: Sequence[Repeats]) -> str:
    rows = []
    for each in repeats:
        for part in ("dev", "test"):
            if scores := each.scores(part):
                spread = statistics.stdev(scores) if len(scores) > 1 else ""
                found = ", ".join(f"{score:.4f}" for score in scores)
                rows.append([each.trial.name, part, statistics.mean(scores), spread, found])
    return table(["settings of", "set", "mean", "standard deviation", "each seed"], rows)


def _importances(by_optuna: bool, space: Space, trials: Sequence[Trial]) -> str:
    """A bar for each flag, and what it measures. Optuna takes a while, so it is asked at the end only."""
    if by_optuna:
        from finetuning.search_tpe import importances

        found, meaning = importances(trials, space), "The share of the scores' differences that it explains (fANOVA)."
    else:
        found, meaning = (
            rank_importances(trials, space),
            "How closely the ranks of the scores go with it alone, 0 to 1.",
        )
    if not found:
        return "<p>There are too few trials to tell.</p>"
    rows = "".join(
        f'<tr><th scope="row">{shown(spelled(name))}</th>'
        f'<td class="share" style="--share: {100 * share:.0f}; width: 16rem">{share:.2f}</td></tr>\n'
        for name, share in sorted(found.items(), key=lambda item: -item[1])
    )
    return f"<table>{rows}</table>\n<p>{meaning}</p>"


def _expected(trials: Sequence[Trial], repeats: Sequence[Repeats]) -> str:
    """The expected best score by the number of trials."""
    found = summarize(trials, repeats)
    rows = [[count, value] for count, value in found["expected_best"].items()]
    meaning = "What the best of so many random trials would score on average (Dodge et al. 2019), by the trials here."
    return table(["trials", f"dev {found['metric']}"], rows) + f"<p>{meaning}</p>"
