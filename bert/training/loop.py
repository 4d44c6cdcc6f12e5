"""The training loop: updates until the run's end, with reports, evaluations and checkpoints on the way.

One loop serves pretraining and fine-tuning. A model says what its losses are (``losses(batch)``, sums and counts) and
how many labels a batch has (``label_counts(batch)``); batches come as updates, each a list of micro-batches.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bert.heads.batch import Batch
from bert.training.distributed import Processes
from bert.training.health import Health, check_scale
from bert.training.precision import Precision
from bert.training.schedule import linear_schedule
from bert.training.sums import Sums


class Update(Protocol):
    """What the loop needs of an update: its micro-batches for this process, and where the data stands after it.

    ``position`` is plain data, the epoch first, saved with the training state; ``examples`` names the examples, for
    error messages.
    """

    micro_batches: list[Batch]
    position: Any
    examples: Any


@dataclass(frozen=True)
class Schedule:
    """How long a run is and what happens when; all in updates but max_seconds (None: no limit)."""

    max_steps: int
    learning_rate: float
    warmup_steps: int
    report_every: int
    eval_every: int
    checkpoint_every: int
    max_seconds: float | None = None
    max_gradient_norm: float = 1.0


@dataclass
class Progress:
    """Where a run stands: what a checkpoint carries and a resumed run starts from.

    step: updates done; tokens: real tokens trained on, over all processes; seconds: spent training, over all
    sessions of the run; position: where the data stands; unreported: the losses since the last report, as
    ``Sums.totals`` gives them.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    position: Any = None
    unreported: dict[str, list[float]] = field(default_factory=dict)


class Losses(nn.Module):
    """A model's losses as a forward pass, which is what DistributedDataParallel synchronises."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> dict:
        return self.model.losses(batch)


def training_step(
    losses: nn.Module, micro_batches: list[Batch], optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler,
    counts: dict[str, int], precision: Precision, processes: Processes, max_gradient_norm: float, sums: Sums,
) -> Tensor:  # fmt: skip
    """One update: forward and backward over this process's micro-batches, then clip and step.

    Args:
        losses: ``Losses`` of the model, wrapped for several processes where there are any.
        counts: how many labels each loss has in the whole update: over all micro-batches and all processes.

    Returns:
        (): finite where the update's loss and gradients are; in fp16, where its loss is. It is left on the device, so
        that nothing waits for it.
    """
    total = torch.zeros((), device=processes.device)
    for number, batch in enumerate(micro_batches, start=1):
        batch = batch.to(processes.device)
        with _synchronised(losses, number == len(micro_batches)):
            with precision.autocast():
                by_name = losses(batch)
            # The mean over the update's labels, in parts: each label of the update weighs the same, whichever
            # micro-batch or process it is in. DistributedDataParallel averages gradients where a sum is wanted.
            loss = sum(loss.sum / max(counts[name], 1) for name, loss in by_name.items()) * processes.world_size
            scaler.scale(loss).backward()
        sums.add(by_name)
        total += loss.detach()
    scaler.unscale_(optimizer)
    gradient_norm = nn.utils.clip_grad_norm_(
        [parameter for group in optimizer.param_groups for parameter in group["params"]], max_gradient_norm
    )
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    # In fp16 a gradient overflows now and then; the scaler leaves such an update out, and that is no failure.
    return total if scaler.is_enabled() else total + gradient_norm


def train(
    model: nn.Module,
    updates: Iterable[Update],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: Precision,
    processes: Processes,
    schedule: Schedule,
    progress: Progress,
    report: Callable[[dict], None],
    evaluate: Callable[[], str | None],
    checkpoint: Callable[[], None],
) -> str:
    """Trains until ``schedule.max_steps``, the time limit, or a request to stop (Ctrl-C, SIGTERM).

    Args:
        updates: endless; the first is the one after ``progress.position``.
        progress: kept up to date in place.
        report: takes the means since the last report, every report_every updates; with tokens_per_second, and
            waiting_for_data: the share of the time in which the next update was not there yet.
        evaluate, checkpoint: called when they are due; the checkpoint also at the end, whatever ended the run. What
            ``evaluate`` returns, the same in every process, ends the run, for example "stopped early".

    Returns:
        Why it ended: "finished", "out of time", "interrupted", or what ``evaluate`` said.

    Raises:
        InputError: where the loss is not a finite number; what was saved before is kept.
    """
    losses = processes.wrap(Losses(model))
    model.train()
    before = progress.unreported if processes.is_main_process else {}  # of all processes, where the run was stopped
    sums, tokens = Sums.of(before, processes.device), 0
    seconds_before, started = progress.seconds, time.perf_counter()
    reported = started  # when the last report was made; evaluations and checkpoints move it on
    health, wait = Health(), _Wait()

    with _requests_to_stop() as stop_requested:
        for update in wait.of(updates):
            if progress.step >= schedule.max_steps:
                ended = "finished"
                break
            out_of_time = schedule.max_seconds is not None and time.perf_counter() - started > schedule.max_seconds
            agreed = _agree(model, update, processes, {"interrupted": stop_requested(), "out of time": out_of_time})
            if agreed.stop_reason:
                ended = agreed.stop_reason
                break

            learning_rate = linear_schedule(
                progress.step, schedule.learning_rate, schedule.warmup_steps, schedule.max_steps
            )
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * group.get("learning_rate_factor", 1.0)
            finite_if_healthy = training_step(
                losses, update.micro_batches, optimizer, scaler, agreed.counts,
                precision, processes, schedule.max_gradient_norm, sums,
            )  # fmt: skip
            health.check()  # of the update before, so that a GPU has this one to work on meanwhile
            progress.step += 1
            progress.tokens += agreed.tokens
            progress.position = update.position
            health.note(progress.step, update.examples, finite_if_healthy)
            tokens += agreed.tokens

            at_end = progress.step == schedule.max_steps
            if progress.step % schedule.report_every == 0 or at_end:
                means = sums.means(processes)  # waits for the device, so the clock is read after it
                seconds = time.perf_counter() - reported
                progress.seconds = seconds_before + time.perf_counter() - started
                speed = {"tokens_per_second": tokens / seconds, "waiting_for_data": wait.seconds / seconds}
                report(means | {"learning_rate": learning_rate} | speed)
                check_scale(scaler, progress.step)
                sums, tokens, wait.seconds, reported = Sums(), 0, 0.0, time.perf_counter()
            evaluation_due = progress.step % schedule.eval_every == 0 and not at_end
            checkpoint_due = progress.step % schedule.checkpoint_every == 0 and not at_end
            if evaluation_due or checkpoint_due:
                health.check()
                progress.unreported = sums.totals(processes)
                progress.seconds = seconds_before + time.perf_counter() - started
                paused = time.perf_counter()
                stop_reason = evaluate() if evaluation_due else None
                progress.seconds = seconds_before + time.perf_counter() - started
                if checkpoint_due:
                    checkpoint()
                reported += time.perf_counter() - paused
                if stop_reason is not None:
                    ended = stop_reason
                    break
        health.check()
        progress.unreported = sums.totals(processes)
        progress.seconds = seconds_before + time.perf_counter() - started
        checkpoint()
    return ended


@torch.inference_mode()
def mean_losses(
    model: nn.Module, batches: Iterable[Batch], precision: Precision, processes: Processes
) -> dict[str, float]:
    """Mean losses and accuracies over ``batches`` and all processes, with dropout off."""
    was_training = model.training
    model.eval()
    sums = Sums()
    for batch in batches:
        batch = batch.to(processes.device)
        with precision.autocast():
            sums.add(model.losses(batch))
    model.train(was_training)
    return sums.means(processes)


@dataclass
class _Wait:
    """The seconds spent waiting for updates."""

    seconds: float = 0.0

    def of(self, updates: Iterable[Update]) -> Iterator[Update]:
        updates = iter(updates)
        while True:
            started = time.perf_counter()
            update = next(updates, None)
            self.seconds += time.perf_counter() - started
            if update is None:
                return
            yield update


@dataclass(frozen=True)
class _Agreed:
    """What all processes know of an update before they start on it; stop_reason: why to stop instead, or None."""

    counts: dict[str, int]
    tokens: int
    stop_reason: str | None


def _agree(model: nn.Module, update: Update, processes: Processes, stop_requests: dict[str, bool]) -> _Agreed:
    """Adds up label counts and tokens over the micro-batches and processes; where one is to stop, all are."""
    counts = [model.label_counts(batch) for batch in update.micro_batches]
    names = list(counts[0])
    mine = [sum(count[name] for count in counts) for name in names]
    mine.append(sum(len(batch.input_ids) for batch in update.micro_batches))
    mine += stop_requests.values()
    everyones = processes.sum(torch.tensor(mine, dtype=torch.int64)).tolist()
    asked = zip(stop_requests, everyones[len(names) + 1 :], strict=True)
    stop_reason = next((reason for reason, processes_asking in asked if processes_asking), None)
    return _Agreed(dict(zip(names, everyones)), everyones[len(names)], stop_reason)


def _synchronised(losses: nn.Module, is_last: bool) -> contextlib.AbstractContextManager:
    """Gradients are exchanged between processes once per update: with the last micro-batch."""
    if isinstance(losses, DistributedDataParallel) and not is_last:
        return losses.no_sync()
    return contextlib.nullcontext()


@contextlib.contextmanager
def _requests_to_stop() -> Iterator[Callable[[], bool]]:
    """Inside the block, Ctrl-C and SIGTERM are requests, met between two updates; a second Ctrl-C ends the program."""
    asked = []

    def note(number, frame):
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
