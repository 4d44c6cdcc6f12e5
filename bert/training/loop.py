"""The training loop: updates until the run's end, with reports, evaluations and checkpoints on the way.

One loop serves pretraining and fine-tuning. A model computes its losses (``losses(batch)``, sums and counts) and counts
the labels of a batch (``label_counts(batch)``). Batches come as updates, each a list of micro-batches.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bert.heads.batch import Batch
from bert.training.distributed import Processes
from bert.training.finite_loss import FiniteLossCheck, check_scale
from bert.training.fitted_schedule import FittedSchedule, Fitting
from bert.training.precision import Precision
from bert.training.progress import Progress
from bert.training.run import Run, Trainable
from bert.training.schedule import Leg, Schedule, warn_of_jump
from bert.training.sharding import is_sharded, whole
from bert.training.totals import RunningTotals

NOT_FINITE = "the loss is not finite"  # a reason to stop, which the check then explains


class Update(Protocol):
    """What the loop needs of an update."""

    @property
    def micro_batches(self) -> list[Batch]: ...  # of this process

    @property
    def position(self) -> Any: ...  # where the data stands after it: plain data, the epoch first

    @property
    def examples(self) -> Any: ...  # names the examples, for error messages


def training_step(
    run: Run, micro_batches: list[Batch], counts: dict[str, int], totals: RunningTotals, max_gradient_norm: float
) -> Tensor:
    """One update: forward and backward over this process's micro-batches, then clip and step.

    Args:
        counts: how many labels each loss has in the whole update, over all micro-batches and all processes.
        totals: to which the losses are added.

    Returns:
        (2,) this process's part of the loss, and the norm of all gradients (in fp16 0). They stay on the device, so
        that nothing synchronises.
    """
    processes, scaler, optimizer = run.processes, run.scaler, run.optimizer
    total = torch.zeros((), device=processes.device)
    for number, batch in enumerate(micro_batches, start=1):
        batch = batch.to(processes.device)
        with _synchronised(run, number == len(micro_batches)):
            with run.precision.autocast():
                by_name = run.losses(batch)
            # The mean over the update's labels, in parts. Each label weighs the same, in whichever micro-batch or
            # process it is. The engines average gradients over the processes; we want their sum.
            parts = [loss.sum / max(counts[name], 1) for name, loss in by_name.items()]
            loss = torch.stack(parts).sum() * processes.world_size
            scaler.scale(loss).backward()
        totals.add(by_name)
        total += loss.detach()
    scaler.unscale_(optimizer)
    for companion in run.companions:
        companion.before_step()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradient_norm = whole(nn.utils.clip_grad_norm_(parameters, max_gradient_norm))
    scaler.step(optimizer)
    for companion in run.companions:
        companion.after_step(run.progress.step + 1)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    # In fp16 a gradient overflows now and then. The scaler skips such an update, and that is no failure.
    return torch.stack([total, torch.zeros_like(total) if scaler.is_enabled() else gradient_norm])


def train(
    run: Run, updates: Iterable[Update], schedule: Schedule, report: Callable[[dict[str, float]], None],
    evaluate: Callable[[], str | None], checkpoint: Callable[[], None],
    checkpoint_due: Callable[[Progress], bool] = lambda progress: False,
) -> str:  # fmt: skip
    """Trains until the schedule's end, the time limit of a session, or a request to stop (Ctrl-C, SIGTERM).

    Args:
        run: its progress is kept up to date.
        updates: endless; the first is the one after ``run.progress.position``.
        report: takes the means since the last report, every report_every updates. They include tokens_per_second, and
            waiting_for_data: the share of the time that was spent waiting for the next update. On a CPU they include
            threads, their number now. If the schedule is fitted to the time, they include planned_steps: the newest
            estimate of max_steps.
        evaluate: called every eval_every updates. A string ends the run, for example "stopped early". All processes
            must return the same.
        checkpoint: called every checkpoint_every updates, and at the end, whatever ended the run.
        checkpoint_due: whether a checkpoint is due after an update besides. All processes must return the same.

    Returns:
        Why it ended: "finished", "out of time", "interrupted", or what ``evaluate`` returned.

    Raises:
        InputError: in one process, if the loss is not a finite number in any. Earlier checkpoints are kept.
        SystemExit: in the others then, with exit code 2.
    """
    processes, progress = run.processes, run.progress
    run.model.train()
    before = progress.unreported if processes.is_main_process else {}  # over all processes, from the session before
    totals, tokens = RunningTotals.of(before, processes.device), 0
    leg_before = progress.leg and Leg(*progress.leg)
    fitting = Fitting(schedule, progress, run.decisions) if isinstance(schedule, FittedSchedule) else None
    if fitting is not None:
        schedule = fitting.schedule
    if note := warn_of_jump(leg_before, schedule, progress.step):
        run.log(note)
    seconds_before, started = progress.seconds, time.perf_counter()
    paused = 0.0  # seconds of evaluations and checkpoints
    reported = started  # when the last report was made, later by the time of evaluations and checkpoints
    finite_loss, wait = FiniteLossCheck(), _Wait()
    ended = "finished"

    def note_time() -> None:
        progress.seconds = seconds_before + time.perf_counter() - started

    threads = run.threads()
    for companion in run.companions:
        companion.begin(schedule.max_steps)
    with run.training(), _requests_to_stop() as stop_requested:
        for update in wait.of(updates):
            if progress.step >= schedule.max_steps:
                break
            out_of_time = schedule.max_seconds is not None and time.perf_counter() - started > schedule.max_seconds
            requests = {NOT_FINITE: finite_loss.failed, "interrupted": stop_requested(), "out of time": out_of_time}
            agreed = _agree(run, update, requests)
            if agreed.stop_reason:
                ended = agreed.stop_reason
                break

            if fitting is not None:
                note_time()
                schedule = fitting.before_update(progress.step, progress.seconds, paused)
            leg = schedule.leg
            progress.leg = leg.start, leg.begun, leg.end
            learning_rate = schedule.learning_rate_at(progress.step)
            for group in run.optimizer.param_groups:
                group["lr"] = learning_rate * group.get("learning_rate_factor", 1.0)
            with threads.update(progress.step, agreed.tokens):
                loss = training_step(run, update.micro_batches, agreed.counts, totals, schedule.max_gradient_norm)
            finite_loss.read()  # of the update before: meanwhile a GPU works on this one
            progress.step += 1
            progress.tokens += agreed.tokens
            progress.position = update.position
            finite_loss.note(progress.step, update.examples, loss)
            tokens += agreed.tokens

            at_end = progress.step == schedule.max_steps
            if progress.step % schedule.report_every == 0 or at_end:
                means = totals.means(processes)  # synchronises, so read the clock after it
                seconds = time.perf_counter() - reported
                note_time()
                speed = {"tokens_per_second": tokens / seconds, "waiting_for_data": wait.seconds / seconds}
                if processes.device.type == "cpu":
                    speed["threads"] = torch.get_num_threads()
                planned = {} if fitting is None else fitting.planned
                report(means | {"learning_rate": learning_rate} | speed | planned)
                processes.on_all(lambda: check_scale(run.scaler, progress.step))
                totals, tokens, wait.seconds, reported = RunningTotals(), 0, 0.0, time.perf_counter()
            evaluation_due = progress.step % schedule.eval_every == 0 and not at_end
            to_save = (progress.step % schedule.checkpoint_every == 0 or checkpoint_due(progress)) and not at_end
            if evaluation_due or to_save:
                finite_loss.check(processes)
                progress.unreported = totals.totals(processes)
                note_time()
                pause_began = time.perf_counter()
                stop_reason = evaluate() if evaluation_due else None
                note_time()
                if to_save:
                    checkpoint()
                pause = time.perf_counter() - pause_began
                reported, paused = reported + pause, paused + pause
                if stop_reason is not None:
                    ended = stop_reason
                    break
        finite_loss.check(processes)
        progress.unreported = totals.totals(processes)
        note_time()
        checkpoint()
    return ended


@torch.inference_mode()
def mean_losses(
    model: nn.Module, batches: Iterable[Batch], precision: Precision, processes: Processes
) -> dict[str, float]:
    """Mean losses and accuracies over ``batches`` and all processes, without dropout."""
    was_training = model.training
    model.eval()
    totals = RunningTotals()
    for batch in batches:
        batch = batch.to(processes.device)
        with precision.autocast():
            totals.add(cast(Trainable, model).losses(batch))
    model.train(was_training)
    return totals.means(processes)


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
    """What all processes know of an update before they start on it."""

    counts: dict[str, int]
    tokens: int
    stop_reason: str | None  # why to stop instead


def _agree(run: Run, update: Update, stop_requests: dict[str, bool]) -> _Agreed:
    """Adds up label counts and tokens over micro-batches and processes. If one process is to stop, all are."""
    counts = [run.trainable.label_counts(batch) for batch in update.micro_batches]
    names = list(counts[0])
    mine = [sum(count[name] for count in counts) for name in names]
    mine.append(sum(batch.tokens for batch in update.micro_batches))
    mine += stop_requests.values()
    everyones = run.processes.sum(torch.tensor(mine, dtype=torch.int64)).tolist()
    asked = zip(stop_requests, everyones[len(names) + 1 :], strict=True)
    stop_reason = next((reason for reason, processes_asking in asked if processes_asking), None)
    return _Agreed(dict(zip(names, everyones)), everyones[len(names)], stop_reason)


def _synchronised(run: Run, is_last: bool) -> contextlib.AbstractContextManager:
    """Processes exchange gradients once per update: with the last micro-batch."""
    if is_sharded(run.model):
        cast(Any, run.model).set_requires_gradient_sync(is_last)
    elif isinstance(run.losses, DistributedDataParallel) and not is_last:
        return run.losses.no_sync()
    return contextlib.nullcontext()


@contextlib.contextmanager
def _requests_to_stop() -> Iterator[Callable[[], bool]]:
    """Inside the block, Ctrl-C and SIGTERM are requests, granted between updates. A second Ctrl-C ends the program."""
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
