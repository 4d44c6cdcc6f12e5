"""The sentences that a fine-tuning run tells its user."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert.config import BertConfig
from bert.generation.config import EncoderDecoderConfig
from bert.tasks.baseline import beats, in_quotes
from bert.tasks.generation.measure import WITHOUT_ITS_SOURCE
from bert.tasks.kinds import KINDS
from bert.tasks.metrics import LOWER_IS_BETTER, is_better
from bert.tasks.task import Task
from bert.training.optimizer import optimizer_in_words
from bert.training.run import Run
from bert.training.schedule import Schedule
from finetuning.adapting import adapter_in_words
from finetuning.settings import FinetuningSettings, kind_of

FEW_UPDATES = 50  # a run of fewer has hardly left its warm-up


def in_words(metrics: Mapping[str, float]) -> str:
    """Metrics in a line."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def compared(metrics: Mapping[str, float], baseline: Mapping[str, float] | None, metric: str) -> str:
    """Metrics in a line. The baseline's stands beside the metric that selects the epoch.

    >>> compared({"accuracy": 0.9, "macro_f1": 0.85}, {"accuracy": 0.52, "macro_f1": 0.34}, "accuracy")
    'accuracy 0.9000 (baseline 0.5200), macro_f1 0.8500'
    """
    beside = {} if baseline is None else {metric: f" (baseline {baseline[metric]:.4f})"}
    return ", ".join(in_words({name: value}) + beside.get(name, "") for name, value in metrics.items())


def describe(
    settings: FinetuningSettings, run: Run, task: Task, schedule: Schedule, updates_per_epoch: int
) -> list[str]:
    """The run that is about to begin, for the user to check, as lines."""
    config: Any = run.model.config
    training = task.sets["train"]
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    start = f"from {settings.checkpoint}"
    if settings.random_start:
        start = f"untrained weights, of the sizes of {settings.checkpoint}"
    elif settings.initialization is not None:
        start = {"scratch": "untrained weights", "whole": f"all {start}"}.get(
            settings.initialization, f"{settings.initialization} {start}"
        )
    update = f"{settings.batch_size} examples"
    if settings.batch_tokens is not None:
        update = f"about {settings.batch_tokens:,} tokens, in examples"
    others = ", ".join(f"{len(part.examples):,} {name}" for name, part in task.sets.items() if name != "train")
    labels = f"; labels: {', '.join(task.labels[:10])}{', ...' if len(task.labels) > 10 else ''}" if task.labels else ""
    return [
        "",
        f"Model:  {layers_in_words(config)}, {parameters:,} parameters, {start}.",
        *adapter_in_words(settings, run.model),
        f"Task:   {len(training.examples):,} training examples, {others}{labels}.",
        f"Run:    {schedule.max_steps:,} steps of {update} of up to {settings.max_length} tokens "
        f"({schedule.max_steps / updates_per_epoch:.1f} epochs), seed {settings.seed}, to {settings.output}.",
        f"Device: {run.description}.",
        *optimizer_in_words(settings.optimizer, settings.weight_decay),
        *guess_in_words(task),
    ]


def layers_in_words(config: BertConfig | EncoderDecoderConfig) -> str:
    """How many layers a model has, and of which hidden size. Those of an encoder and of a decoder stand side by side.

    >>> layers_in_words(BertConfig.tiny())
    '2 layers of 128'
    """
    parts = (config.encoder, config.decoder) if isinstance(config, EncoderDecoderConfig) else (config,)
    sizes = list(dict.fromkeys(part.hidden_size for part in parts))
    layers = " + ".join(str(part.num_hidden_layers) for part in parts)
    return f"{layers} layers of {' and '.join(map(str, sizes))}"


def guess_in_words(task: Task) -> list[str]:
    """The baseline and its metrics on the dev set, as a line. Without a baseline there is none."""
    if task.baseline is None:
        return []
    return [f"Guess:  {task.baseline.name}, without a model: dev {in_words(task.baselines['dev'])}."]


def verdict(report: Mapping[str, Any]) -> str:
    """What came out, for the top of the page.

    Args:
        report: what ``report.json`` holds.
    """
    metric, baseline = report["metric"], report.get("baseline")
    parts = []
    for name in ("dev", "test"):
        if name in report:
            beside = f"; the baseline ({baseline['name']}) has {baseline[name][metric]:.4f}" if baseline else ""
            count = report["examples"][name]
            parts.append(f"On {count:,} {name} examples the model has {metric} {report[name][metric]:.4f}{beside}.")
    best = f"It is the model after epoch {report['best_epoch']:.3g} of {report['epochs']:.3g}, the best on dev."
    return " ".join([*parts, best if report["steps"] else "Nothing was trained: it is the checkpoint as it was."])


def nothing_learned(report: Mapping[str, Any], only_prediction: str | None) -> str | None:
    """The sentence for a run whose best model is no better than a guess. None: it is better, or has no baseline.

    Args:
        report: what ``report.json`` holds.
        only_prediction: what the model predicts for every dev example. It may be luckier than the baseline, if the dev
            set has another most frequent label than the training set.
    """
    if "baseline" not in report:
        return None
    metric, baseline = report["metric"], report["baseline"]
    value, guess = report["dev"][metric], baseline["dev"][metric]
    beside = f"the baseline's {guess:.4f} ({baseline['name']})"
    better, worse = ("below", "above") if metric in LOWER_IS_BETTER else ("above", "below")
    if not beats(metric, value, guess):
        how = worse if is_better(metric, guess, value) else f"not {better}"
        reason = f"its best {metric} on dev, {value:.4f}, is {how} {beside}"
    elif only_prediction is not None and value != 1:
        reason = f"it predicts {in_quotes(only_prediction)} everywhere ({metric} {value:.4f} on dev, beside {beside})"
    else:
        return ignored_source(report)
    if baseline.get("reads_texts"):
        return f"Words alone do better than this model: {reason}. A larger --checkpoint, or more examples, may help."
    if not report["steps"]:  # zero-shot
        return f"The patterns' words answer no better than a guess: {reason}. Try others, or train on some labels."
    nothing, epochs = f"This model has learned nothing of use: {reason}.", f"{report['epochs']:.3g}"
    if report["steps"] < FEW_UPDATES:
        return f"{nothing} It made {report['steps']} updates: try more --epochs (they were {epochs}), or more examples."
    rate = f"{report['learning_rate']:g}"
    return f"{nothing} Try a lower --learning-rate (it was {rate}), or more --epochs (they were {epochs})."


def ignored_source(report: Mapping[str, Any]) -> str | None:
    """The sentence for a decoder that learned its language alone. None: it looks at its sources, or is no decoder."""
    with_its_own, with_others = (report["dev"].get(name) for name in ("perplexity", WITHOUT_ITS_SOURCE))
    if with_its_own is None or with_others is None or with_others > 1.01 * with_its_own:
        return None
    return (
        f"This model does not look at its sources: it foretells targets as well beside others' sources (perplexity "
        f"{with_its_own:.4g} and {with_others:.4g}). Try a lower --learning-rate (it was {report['learning_rate']:g}), "
        f"or start from a --checkpoint."
    )


def next_commands(settings: FinetuningSettings) -> list[str]:
    """The command that uses the model, as lines."""
    run = settings.output if settings.seeds == 1 else Path(settings.output) / f"seed-{settings.seed}"
    kind = kind_of(settings.problem, settings.task)
    command = "generate" if kind is KINDS["generation"] else "predict"
    return [
        "",
        f"The report is in {run}/report.html. Try the model on texts of your own:",
        f"  python -m bert {command} {run} {kind.predict_file}",
    ]
