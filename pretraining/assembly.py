"""Puts a pretraining run together: a model and its optimizer, batches and a schedule, as its settings say.

Training does it (``train_pretrain.py``). To compute an update again does it in the same way (``pretraining/replay/``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer
from bert.training.distributed import Processes
from bert.training.fitted_schedule import make_fitted_schedule
from bert.training.run import Run, assemble
from bert.training.schedule import Schedule, make_schedule
from bert.training.script import Log
from bert.training.state_schema import COUNT, indices
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.batches import PretrainingBatches, Update
from data.pretraining.next_token import predict_next
from pretraining.phases import Phase, phase_at, phases_of, updates_of
from pretraining.settings import PretrainingSettings
from pretraining.start import start_model

MOST_WARMUP_STEPS = 10_000  # of 1,000,000 (paper, appendix A.2). In a run of less than 100,000 a tenth warms up


@dataclass(frozen=True)
class Pretraining:
    """A run, and what it is trained on, in one process."""

    settings: PretrainingSettings
    corpus: TokenizedCorpus
    tokenizer: Tokenizer
    model: BertForPreTraining
    run: Run
    phases: list[Phase]
    first_step: int  # of this session
    by_length: dict[int, PretrainingBatches]  # from the beginning, for each length of its sequences
    schedule: Schedule  # over its phases, its updates, its epochs or its minutes

    @property
    def max_length(self) -> int:
        """Of the batches that the run's position is in: those of the newest update."""
        return phase_at(self.phases, max(self.first_step, self.run.progress.step - 1)).max_length

    @property
    def masking_rate(self) -> float:
        """Of the newest update."""
        return self.settings.masking.rate_at(self.schedule.leg.fraction(max(0, self.run.progress.step - 1)))

    @property
    def first(self) -> PretrainingBatches:
        """The batches of the first phase."""
        return self.by_length[self.phases[0].max_length]

    def updates(self) -> Iterator[Update]:
        """This process's part of the updates from where the run stands, without end."""
        arguments = self.settings, self.corpus, self.tokenizer, self.run.processes
        position = self.run.progress.position

        def updates_from(step: int, max_length: int, position: tuple[int, int, int] | None) -> Iterator[Update]:
            updates = batches(*arguments, max_length, position).updates(step, self.schedule.leg.fraction)
            return map(_predict_next, updates) if self.settings.predicts_next else updates

        return updates_of(self.phases, self.first_step, position, updates_from)

    def save(self) -> None:
        """Saves the training state. All processes must call it."""
        self.run.save(max_length=self.max_length)


def assemble_pretraining(
    settings: PretrainingSettings, config: BertConfig, tokenizer: Tokenizer, corpus: TokenizedCorpus,
    processes: Processes, log: Log,
) -> Pretraining:  # fmt: skip
    """A run at its beginning; or where its newest training state is, if it is resumed. All processes must call it.

    Args:
        config: the sizes of the model (``pretraining.start.find_config``).

    Raises:
        InputError: if the settings do not go with the corpus, or if there is no run to resume.
        SystemExit: in all but one process then.
    """
    torch.manual_seed(settings.seed)
    directory = Path(settings.output)
    model = processes.on_all(lambda: start_model(settings, config, tokenizer, directory)).to(processes.device)
    run = assemble(settings, model, processes, log, {"corpus or vocabulary": corpus.checksum}, settings.average)
    phases = phases_of(settings.phases, settings.max_length)
    if settings.resume:
        resume(run, phases)
    lengths = sorted({phase.max_length for phase in phases})
    arguments = settings, corpus, tokenizer, processes
    by_length = processes.on_all(lambda: {length: batches(*arguments, length) for length in lengths})
    schedule = schedule_of(settings, by_length[phases[0].max_length].updates_per_epoch)
    return Pretraining(settings, corpus, tokenizer, model, run, phases, run.progress.step, by_length, schedule)


def batches(
    settings: PretrainingSettings, corpus: TokenizedCorpus, tokenizer: Tokenizer, processes: Processes,
    max_length: int, position: tuple[int, int, int] | None = None,
) -> PretrainingBatches:  # fmt: skip
    """This process's batches of sequences up to a length, from a position on."""
    return PretrainingBatches(
        corpus, tokenizer, settings.batch_size, max_length, settings.seed, settings.nsp,
        settings.whole_word_masking, processes.rank, processes.world_size, settings.accumulate, position,
        settings.masking, settings.join_examples,
    )  # fmt: skip


def _predict_next(update: Update) -> Update:
    return replace(update, micro_batches=[predict_next(batch) for batch in update.micro_batches])


def schedule_of(settings: PretrainingSettings, updates_per_epoch: int) -> Schedule:
    """The schedule of a run: over its phases, its updates, its epochs or its minutes."""
    minutes, schedule_to = settings.max_minutes, settings.schedule_to
    if settings.phases:
        settings = replace(settings, max_steps=phases_of(settings.phases, settings.max_length)[-1].end)
    if minutes is not None and settings.is_fitted_to_minutes:
        return make_fitted_schedule(settings, updates_per_epoch, minutes, MOST_WARMUP_STEPS)
    return make_schedule(settings, updates_per_epoch, MOST_WARMUP_STEPS, minutes, schedule_to or None)


def resume(run: Run, phases: list[Phase]) -> None:
    """Takes everything back to the newest training state. If max_length changed, a new pass over the corpus begins."""
    saved = run.resume("its corpus, vocabulary and arguments.json", {"position": indices(3), "max_length": COUNT})
    now = phase_at(phases, run.progress.step).max_length
    max_length = saved.get("max_length", now)
    if max_length != now and run.progress.position is not None:
        run.progress.position = (run.progress.position[0] + 1, 0, 0)
        run.log(
            f"Note: sequences go from {max_length} to {now} tokens; the examples are others, so a new "
            f"pass over the corpus begins."
        )
