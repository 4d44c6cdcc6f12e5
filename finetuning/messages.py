"""The sentences that a fine-tuning run tells its user."""

from pathlib import Path
from typing import Any

from bert.tasks.task import Task
from bert.training.run import Run
from bert.training.schedule import Schedule
from finetuning.settings import FinetuningSettings, kind_of


def in_words(metrics: dict[str, float]) -> str:
    """Metrics in a line."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def describe(
    settings: FinetuningSettings, run: Run, task: Task, schedule: Schedule, updates_per_epoch: int
) -> list[str]:
    """The run that is about to begin, for the user to check, as lines."""
    config: Any = run.model.config
    training = task.sets["train"]
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    start = "untrained weights, of the sizes of" if settings.random_start else "from"
    others = ", ".join(f"{len(part.examples):,} {name}" for name, part in task.sets.items() if name != "train")
    labels = f"; labels: {', '.join(task.labels[:10])}{', ...' if len(task.labels) > 10 else ''}" if task.labels else ""
    return [
        "",
        f"Model:  {config.num_hidden_layers} layers of {config.hidden_size}, {parameters:,} parameters, {start} "
        f"{settings.checkpoint}.",
        f"Task:   {len(training.examples):,} training examples, {others}{labels}.",
        f"Run:    {schedule.max_steps:,} steps of {settings.batch_size} examples of up to {settings.max_length} tokens "
        f"({schedule.max_steps / updates_per_epoch:.1f} epochs), seed {settings.seed}, to {settings.output}.",
        f"Device: {run.description}.",
    ]


def next_commands(settings: FinetuningSettings) -> list[str]:
    """The command that uses the model, as lines."""
    run = settings.output if settings.seeds == 1 else Path(settings.output) / f"seed-{settings.seed}"
    file = kind_of(settings.problem, settings.task).predict_file
    return [
        "",
        f"The report is in {run}/report.html. Try the model on texts of your own:",
        f"  python -m bert predict {run} {file}",
    ]
