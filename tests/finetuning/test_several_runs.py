"""Several runs: each has its own seed, start and directory; the summary has means and spreads."""

import json

import pytest

from finetuning.settings import FinetuningSettings
from finetuning.several_runs import parts_of, summarize


def settings(output="run", **given) -> FinetuningSettings:
    return FinetuningSettings(output=str(output), seed=3, **given)


def shown(parts) -> dict:
    return {name: (part.output, part.seed, part.random_start) for name, part in parts.items()}


def test_a_single_run_is_in_the_directory_itself():
    assert shown(parts_of(settings(random_start=True))) == {"": ("run", 3, True)}


def test_seeds_and_starts_have_directories_of_their_own():
    assert shown(parts_of(settings(compare=True))) == {
        "": ("run", 3, False), "random-start": ("run/random-start", 3, True),
    }  # fmt: skip
    assert shown(parts_of(settings(compare=True, seeds=2))) == {
        "seed-3": ("run/seed-3", 3, False), "seed-4": ("run/seed-4", 4, False),
        "random-start/seed-3": ("run/random-start/seed-3", 3, True),
        "random-start/seed-4": ("run/random-start/seed-4", 4, True),
    }  # fmt: skip


def test_each_is_a_single_run_by_itself():
    for part in parts_of(settings(compare=True, seeds=2)).values():
        assert shown(parts_of(part)) == {"": (part.output, part.seed, part.random_start)}


def test_the_summary_has_mean_and_spread_of_each_start(tmp_path):
    def report(start, accuracy):
        return {"start": start, "dev": {"accuracy": accuracy}}

    reports = {"seed-3": report("pretrained", 0.5), "seed-4": report("pretrained", 0.7),
               "random-start/seed-3": report("random", 0.1), "random-start/seed-4": report("random", 0.1)}  # fmt: skip
    said = []
    summarize(settings(tmp_path, compare=True, seeds=2), reports, said.append)
    summary = json.loads((tmp_path / "report.json").read_text())
    assert summary["runs"] == list(reports)
    assert summary["dev"]["accuracy"] == pytest.approx(0.6)
    assert summary["dev_spread"]["accuracy"] == pytest.approx(0.1 * 2**0.5)
    assert summary["random_start"]["dev"]["accuracy"] == pytest.approx(0.1)
    assert said[0] == "pretrained start, dev, mean of 2 seeds: accuracy 0.6000"


def test_other_starts_have_a_mean_too(tmp_path):
    reports = {f"seed-{seed}": {"start": "bert2rnd", "dev": {"perplexity": 10.0 + seed}} for seed in (3, 5)}
    summarize(settings(tmp_path, seeds=2), reports, [].append)
    summary = json.loads((tmp_path / "report.json").read_text())
    assert (summary["dev"]["perplexity"], summary["dev_spread"]["perplexity"]) == (14.0, pytest.approx(2**0.5))


def test_the_summary_has_the_baseline_and_names_the_runs_that_learned_nothing(tmp_path):
    baseline = {"name": "always 'a'", "dev": {"accuracy": 0.5}}

    def report(start, accuracy, **warning):
        facts = {"start": start, "dev": {"accuracy": accuracy}, "metric": "accuracy", "baseline": baseline}
        return facts | warning

    reports = {"seed-3": report("pretrained", 0.6), "seed-4": report("pretrained", 0.5, warning="It is bad."),
               "random-start/seed-3": report("random", 0.7), "random-start/seed-4": report("random", 0.6)}  # fmt: skip
    said = []
    summarize(settings(tmp_path, compare=True, seeds=2), reports, said.append)
    assert json.loads((tmp_path / "report.json").read_text())["baseline"] == baseline
    assert said[0] == "pretrained start, dev, mean of 2 seeds: accuracy 0.5500 (baseline 0.5000)"
    notes = [line for line in said if line.startswith("Note")]
    assert notes == [f"Note: 1 of 2 runs from a pretrained start learned nothing of use: {tmp_path}/seed-4."]
