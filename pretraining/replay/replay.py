"""Computes an update of a run again, from the newest training state before it, or else from the run's beginning.

    the state before -> updates as the run made them -> update N, seen -> the next report of the log, to compare with

A run is a function of its seed, its sessions' flags, its corpus and what it decided by the clock. It has kept all of
these. So the updates are made by the code that makes a run: ``pretraining.assembly`` and ``bert.training.loop``. They
are made in a temporary directory that looks like the run's: its flags, its decisions and the state, as a link. There a
session goes on where the one before it ended, as it does for ``--resume``. Nothing is written to the run.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from bert.errors import InputError
from bert.files.terminal import progress_bar
from bert.tokenization.tokenizer import Tokenizer
from bert.training.decisions import RecordedDecisions
from bert.training.distributed import Processes, start_processes
from bert.training.flags import LARGEST
from bert.training.loop import train
from bert.training.script import forms
from bert.training.threads import NAME as THREADS
from bert.training.threads import threads_restored
from data.corpus.tokenized import TokenizedCorpus
from data.prefetch import prefetch
from data.pretraining.batches import Examples, Update
from pretraining.assembly import Pretraining, assemble_pretraining
from pretraining.reading import refuse_other_tokenizer
from pretraining.replay.proofs import Proofs
from pretraining.replay.source import Source, State
from pretraining.replay.witness import Witness
from pretraining.sessions import Session
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.start import find_config

MOST_FURTHER = 100  # updates beyond the one that is seen, to reach something to compare with


@dataclass(frozen=True)
class Replayed:
    """An update that was computed again."""

    source: Source
    update: int
    start: int  # the updates before, which a training state had
    end: int  # the last update that was computed
    seconds: float
    masking_rate: float
    largest_norm: float  # to which gradients are clipped
    corpus: TokenizedCorpus
    tokenizer: Tokenizer
    examples: Examples
    witness: Witness
    proofs: Proofs
    notes: list[str]  # why bits may differ, and what was passed over


def replay(source: Source, update: int, device: str = "auto", check: bool = True) -> Replayed:
    """Computes an update of a run again.

    Args:
        update: from 1, as in the log.
        device: "auto": as the run had.
        check: go on to the next report, checkpoint or state, to compare with it, if it is near.

    Raises:
        InputError: if the run has no such update, or lacks what the update is computed from.
    """
    if not 1 <= update <= source.end:
        raise InputError(
            f"--update {update:,}: {source.directory} has made {source.end:,} updates; name one from 1 to that"
        )
    state, notes = source.start(update)
    notes = [f"Note: {complaint}; computing from before it." for complaint in notes]
    start = state.step if state else 0
    proofs = Proofs(source)
    end = _end(source, proofs, update) if check else update
    legs, decisions = source.legs(start, end), source.decisions()
    session = source.session_at(update - 1)  # that makes the update
    _check_checkpoint(source, session, start, update)
    started, seen = time.monotonic(), None
    with (
        start_processes(_device(session, device)) as processes, threads_restored(),
        _workplace(source, state) as place, progress_bar(f"Computing {end - start:,} updates") as reached,
    ):  # fmt: skip
        tokenizer, corpus = source.tokenizer(), source.corpus()
        if threads := source.threads(start):
            torch.set_num_threads(threads)
        for each, leg_end in legs:
            settings = _settings(place, each, processes)
            refuse_other_tokenizer(settings, source.directory, tokenizer)
            _check_fitted(source, settings, decisions)
            with forms(settings.plain):
                config = find_config(settings, place)
                assembled = assemble_pretraining(settings, config, tokenizer, corpus, processes, lambda *lines: None)
                assembled.run.decisions = decisions
                if assembled.run.progress.step == each.step:
                    assembled.run.progress.seconds = each.seconds  # not those of this replay
                watched = _Watched(assembled, update, proofs, lambda step: reached(step - start, end - start))
                watched.train_to(leg_end)
                if leg_end < end:
                    assembled.save()
            if watched.examples is not None:
                seen = watched
        if processes.device.type == "cpu" and not threads and not decisions.made(THREADS, LARGEST):
            notes.append("Note: the run did not write down how many threads computed, and they decide the last bits.")
        notes += _reasons(session, processes)
    if seen is None:
        raise RuntimeError(f"no session made update {update}")
    return Replayed(
        source, update, start, end, time.monotonic() - started, seen.masking_rate, seen.largest_norm, corpus, tokenizer,
        seen.examples, seen.witness, proofs, notes,
    )  # fmt: skip


class _Watched:
    """A session of the run that is computed again."""

    def __init__(self, assembled: Pretraining, update: int, proofs: Proofs, reached: Any):
        self._assembled, self._update, self._proofs, self._reached = assembled, update, proofs, reached
        self.witness = Witness(assembled.run, assembled.model, update)
        self.examples: Any = None  # of the update, if this session made it
        self.masking_rate, self.largest_norm = 0.0, assembled.schedule.max_gradient_norm

    def train_to(self, end: int) -> None:
        """Makes the updates up to ``end``. Raises an InputError if the session ends before."""
        assembled, progress = self._assembled, self._assembled.run.progress
        schedule = replace(assembled.schedule, max_seconds=None, eval_every=LARGEST, checkpoint_every=LARGEST)
        compared = {step for step in self._proofs.steps() if self._proofs.has_weights(step)}

        def report(means: dict[str, float]) -> None:
            self._proofs.compare_report(progress.step, means)

        def checkpoint() -> None:
            if progress.step in compared:
                compared.remove(progress.step)
                self._proofs.compare_weights(assembled)

        if progress.step == 0:
            checkpoint()  # the initial weights
        compared.discard(progress.step)  # it begins with these
        with self.witness.watching(), closing(prefetch(self._updates(end - progress.step))) as updates:
            ended = train(
                assembled.run, updates, schedule, report, lambda: None, checkpoint,
                lambda progress: progress.step in compared,
            )  # fmt: skip
        if ended == "interrupted":
            raise KeyboardInterrupt
        if progress.step < end:
            raise InputError(
                f"{self._proofs.source.directory}: by its flags it ends after {progress.step:,} updates, but it has "
                f"made more; put back its arguments.json and training_state"
            )

    def _masking_rate(self, update: int) -> float:
        assembled = self._assembled
        return assembled.settings.masking.rate_at(assembled.schedule.leg.fraction(update - 1))

    def _updates(self, count: int) -> Iterator[Update]:
        first = self._assembled.run.progress.step + 1
        for number, update in enumerate(islice(self._assembled.updates(), count), start=first):
            if number == self._update:
                self.examples, self.masking_rate = update.examples, self._masking_rate(number)
            self._reached(number - 1)
            yield update


def _end(source: Source, proofs: Proofs, update: int) -> int:
    """The update to go on to: the next one after which there is something to compare with, if it is near."""
    following = next((step for step in proofs.steps() if step >= update), update)
    return following if following - update <= MOST_FURTHER else update


def _device(session: Session, device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if session.device == "cuda" and torch.cuda.is_available() else "cpu"


@contextmanager
def _workplace(source: Source, state: State | None) -> Iterator[Path]:
    """A temporary directory that ``--resume`` takes for the run at a state. Sentences about it name the run."""
    with tempfile.TemporaryDirectory(prefix="replay-") as temporary:
        place = Path(temporary)
        (place / "training_state").mkdir()
        if state is not None:
            (place / "training_state" / state.path.name).symlink_to(state.path.resolve(), target_is_directory=True)
        try:
            yield place
        except InputError as error:
            raise InputError(str(error).replace(temporary, str(source.directory))) from error


def _settings(place: Path, session: Session, processes: Processes) -> PretrainingSettings:
    """The settings of a session, as ``--resume`` reads them; computed by one process on the device that is there."""
    (place / "arguments.json").write_text(json.dumps(session.settings), encoding="utf-8")
    settings = read_settings(["--output", str(place), "--resume"])
    if session.precision == "fp16" and processes.device.type == "cpu":
        raise InputError(f"{place}: the run computed in fp16, which needs a CUDA GPU; replay it on a machine with one")
    # One process has the micro-batches of all, so its sums are theirs but for their order.
    return replace(
        settings, precision=session.precision, device=processes.device.type, shard=False,
        accumulate=settings.accumulate * session.processes,
    )  # fmt: skip


def _check_checkpoint(source: Source, session: Session, start: int, update: int) -> None:
    """Raises an InputError if the run begins with a checkpoint that is not there any more."""
    checkpoint = session.settings.get("checkpoint")
    if start == 0 and isinstance(checkpoint, str) and not Path(checkpoint).is_dir():
        raise InputError(
            f"update {update:,} of {source.directory} is computed from its --checkpoint {checkpoint}, which is not "
            f"there; put it back, or name an --update after a training state"
        )


def _check_fitted(source: Source, settings: PretrainingSettings, decisions: RecordedDecisions) -> None:
    """Raises an InputError if the clock decided the learning rates, and nothing says how."""
    is_fitted = settings.max_minutes is not None and settings.schedule_to is None
    if is_fitted and not decisions.made("milliseconds", LARGEST):
        raise InputError(
            f"{source.directory}: the clock decided its learning rates (--max-minutes), and "
            f"training_state/decisions.json, which has them, is not there; put it back"
        )


def _reasons(session: Session, processes: Processes) -> list[str]:
    """Why the numbers may differ from the run's, as sentences."""
    reasons = []
    if session.processes > 1:
        reasons.append(
            f"Note: the run had {session.processes} processes, and here one computes all: sums may be rounded "
            f"otherwise, and dropout draws other numbers."
        )
    if session.device != processes.device.type:
        reasons.append(f"Note: the run computed on {session.device}, and this is {processes.device.type}.")
    if session.torch and session.torch != torch.__version__:
        reasons.append(f"Note: the run had PyTorch {session.torch}, and this is {torch.__version__}.")
    if processes.device.type == "cuda":
        reasons.append("Note: on a GPU some kernels add up in no fixed order.")
    return reasons
