"""What a run does about earlier and later tasks while it trains, by the method of ``--method``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.weights import digest
from bert.continual.agem import Projection
from bert.continual.buffer import KEEP, kept_of, write_buffer
from bert.continual.ewc import EXAMPLES, STRENGTH, Penalty, added, read_fisher, squared_gradients, write_fisher
from bert.continual.label_groups import LabelGroups, scores_of_own_task
from bert.continual.losses import ContinualLosses
from bert.continual.lwf import WEIGHT
from bert.continual.replay import REPLAY_EVERY, ReplayBatches, reservoir
from bert.continual.task import ContinualTask
from bert.errors import InputError
from bert.randomness import random_fractions
from bert.tasks.batches import TaskBatches
from bert.tasks.prediction import window_scores
from bert.tasks.task import Task, in_shares
from bert.training.companion import Companion
from bert.training.distributed import Processes
from bert.training.precision import Precision
from bert.training.run import Run
from bert.training.script import Log
from finetuning.continuing import with_names_of
from finetuning.continuing_flags import ADAPTERS, NEEDS_EXAMPLES
from finetuning.next_adapter import adapters_of, check_body, copy_adapters
from finetuning.reading import fingerprint
from finetuning.settings import FinetuningSettings

_SAMPLED = 710  # names the random labels of EWC
OLD_SETS = ("old_dev", "kept")


class Memory:
    """The part of a run that keeps earlier tasks. Without ``--method`` and ``--keep`` it does nothing.

    Make it when the model still is the one of the run that goes on, before a training state is loaded into it.

    Raises:
        InputError: if a file of the earlier run is missing or damaged.
        SystemExit: in all but one process then.
    """

    def __init__(self, settings: FinetuningSettings, task: Task, model: nn.Module, processes: Processes, log: Log):
        self.settings, self.task, self.model, self.processes, self.log = settings, task, model, processes, log
        self.identity: dict[str, Any] = {}
        self.losses: ContinualLosses | None = None
        self.adapters: list[Path] = []  # of earlier tasks
        if settings.method == ADAPTERS and settings.continue_from is not None:
            run = settings.continue_from
            processes.on_all(lambda: check_body(run, settings.checkpoint, task.kind.head))
            self.adapters = list(adapters_of(Path(run)))
        if not isinstance(task, ContinualTask):
            return
        self.precision = Precision("fp32", processes.device.type, "exact")
        self.before = {name: self._metrics(task.before(), name) for name in OLD_SETS if name in task.sets}
        if "kept" in task.sets:
            self.identity["kept examples"] = fingerprint(task.sets["kept"].examples)
        method = settings.method
        if method in ("ewc", "lwf"):
            weights = {name: each.detach().cpu() for name, each in model.state_dict().items()}
            self.identity["model of the earlier run"] = digest(weights)
        if not task.task_known and method not in ("ewc", "lwf"):
            return
        groups = task.groups.groups[:-1] if task.task_known else (task.labels[: task.old_labels],)
        old_groups = [[task.labels.index(label) for label in group] for group in groups]
        weight = settings.lwf_weight or WEIGHT
        self.losses = ContinualLosses(model, old_groups, settings.temperature, weight)
        if method == "lwf":
            task.learn_from(self._old_scores())
        if method == "ewc":
            fisher = processes.on_all(lambda: read_fisher(settings.checkpoint, model)) or self._fisher_of_kept()
            fisher = {name: each.to(processes.device) for name, each in fisher.items()}
            strength = settings.ewc_strength or STRENGTH
            self.losses.penalty = Penalty(fisher, dict(model.named_parameters()), strength)
        self.losses.attach()

    @property
    def described(self) -> list[str]:
        """How the run goes on, for the user, as lines."""
        task = self.task
        if self.adapters:
            return [
                f"Before: tasks with an adapter each, {len(self.adapters)} in all, which stay as they are. The task of "
                f"an example is known: it says which adapter predicts."
            ]
        if not isinstance(task, ContinualTask):
            return []
        new, before = ", ".join(task.labels[task.old_labels :][:10]) or "none", len(task.groups.groups) - 1
        setting = (
            "known: the candidates are its own labels" if task.task_known else "unknown: all labels are candidates"
        )
        lines = [
            f"Before: {before} task{'s' * (before > 1)} of {task.old_labels} labels; new labels: {new}. Method "
            f"{self.settings.method or 'none'}. The task of an example is {setting}."
        ]
        return lines + [f"        {name}: accuracy {metrics['accuracy']:.4f}" for name, metrics in self.before.items()]

    def batches(self, plain: type[TaskBatches]) -> Callable[..., TaskBatches]:
        """What makes the batches: with replay, old rows come between the new ones."""
        if self.settings.method != "replay" or not isinstance(self.task, ContinualTask):
            return plain
        every = self.settings.replay_every or REPLAY_EVERY
        return partial(ReplayBatches, old_rows=self.task.old_rows, every=every)

    def companions(self, run: Run) -> tuple[Companion, ...]:
        """What acts beside the optimizer."""
        task, settings = self.task, self.settings
        if settings.method != "agem" or not isinstance(task, ContinualTask):
            return ()
        if run.precision.name == "fp16":  # its loss is scaled up, and that of old examples would not be
            raise InputError("--method agem compares gradients, and in fp16 small ones vanish; give --precision fp32")

        def make_batch(rows: np.ndarray):
            return task.make_batch(task.new_rows + rows)

        return (
            Projection(
                run.model, make_batch, task.old_rows, settings.batch_size, settings.seed, run.precision, run.processes
            ),
        )

    def write(self, directory: Path) -> None:
        """Writes what is kept of earlier tasks: their adapters, or examples, with a share of this task's."""
        settings, task = self.settings, self.task
        if settings.continue_from is not None and self.adapters:
            copy_adapters(settings.continue_from, directory)
        share = settings.keep or (KEEP if settings.method in NEEDS_EXAMPLES else None)
        groups, kept = LabelGroups(task.labels, (task.labels,)), []
        if isinstance(task, ContinualTask):
            groups, kept = task.groups, list(task.kept)
        if share is not None:
            examples = with_names_of(task.sets["train"].examples, task.labels, "the training examples")
            kept += kept_of(examples, share, len(groups.groups) - 1, settings.seed)
        if kept:
            write_buffer(directory, kept, groups)

    def measured(self, run: Run) -> dict[str, Any]:
        """How earlier tasks fare, before this one and now, for ``report.json``. All processes must call it."""
        if self.adapters:
            return {"method": ADAPTERS, "task_known": True, "earlier_tasks": {"adapters": len(self.adapters)}}
        if not isinstance(self.task, ContinualTask):
            return {}
        found: dict[str, Any] = {}
        for name, before in self.before.items():
            found[name] = {"before": before, "after": self._metrics(self.task, name)}
            seen = " (replayed in training)" if name == "kept" and self.settings.method == "replay" else ""
            self.log(
                f"Earlier tasks, {name}{seen}: accuracy {before['accuracy']:.4f} before, "
                f"{found[name]['after']['accuracy']:.4f} now."
            )
        return {"method": self.settings.method or "none", "task_known": self.task.task_known, "earlier_tasks": found}

    def write_fisher(self, directory: Path) -> None:
        """With EWC: writes how much each weight of the finished model counts. All processes must call it."""
        if self.settings.method != "ewc":
            return
        model = load_checkpoint(directory, self.task.kind.head).to(self.processes.device)
        rows = self.task.new_rows if isinstance(self.task, ContinualTask) else len(self.task.rows)
        fisher = self._fisher(model, 0, rows)
        if self.losses is not None and self.losses.penalty is not None:
            fisher = added(self.losses.penalty.fisher, fisher, self.settings.ewc_decay or 1.0)
        self.processes.broadcast(lambda: write_fisher(directory, fisher))

    def _metrics(self, task: Task, name: str) -> dict[str, float]:
        return task.evaluate(self.model, name, self.precision, self.processes).metrics

    def _old_scores(self) -> list[np.ndarray]:
        """(old labels,) the model's scores for each training row, without dropout and in float32."""
        task, model = self.task, self.model
        assert isinstance(task, ContinualTask)

        def compute(windows: Any) -> list[list[np.ndarray]]:
            return window_scores(model, windows, lambda batch: model(**batch.inputs).logits)

        found = in_shares(compute, task.sets["train"].windows, model, self.precision, self.processes)
        return [scores[0, : task.old_labels] for parts in found for scores in parts]

    def _fisher_of_kept(self) -> dict[str, Tensor]:
        """F from the kept examples, for a run that has no F of its own."""
        task = self.task
        assert isinstance(task, ContinualTask)
        if not task.old_rows:
            raise InputError(
                f"--method ewc needs to know which weights count, and {self.settings.checkpoint} has neither kept that "
                f"nor examples; begin it with --method ewc, or name its training examples now: --old-train FILE"
            )
        fisher = self._fisher(self.model, task.new_rows, task.old_rows)
        # The rows of new labels are untrained, and no earlier task needs them.
        head = {name: each[: task.old_labels] for name, each in fisher.items() if name.startswith("classifier.")}
        return fisher | head

    def _fisher(self, model: Any, first: int, count: int) -> dict[str, Tensor]:
        """The diagonal of the Fisher information over rows, each process a share of them."""
        settings, processes = self.settings, self.processes
        rows = np.array(reservoir(count, settings.fisher_examples or EXAMPLES, settings.seed)) + first
        fractions = random_fractions(settings.seed, _SAMPLED, rows)
        mine = slice(processes.rank, None, processes.world_size)

        def scores(row: int) -> Tensor:
            batch = self.task.make_batch(np.array([row])).to(processes.device)
            logits = model(**batch.inputs).logits
            return scores_of_own_task(logits, batch.labels["own"]) if "own" in batch.labels else logits

        examples = ((partial(scores, row), fraction) for row, fraction in zip(rows[mine].tolist(), fractions[mine]))
        return {name: processes.sum(each) / len(rows) for name, each in squared_gradients(model, examples).items()}
