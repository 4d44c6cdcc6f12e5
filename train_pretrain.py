"""Pretrains a BERT, from nothing or from a checkpoint: corpus -> vocabulary -> tokenized corpus -> the two tasks.

    python train_pretrain.py                                # the built-in corpus, a small model, minutes on two cores
    python train_pretrain.py --corpus wiki/*.txt --size base --vocab vocab.txt --output runs/base --precision bf16
    python train_pretrain.py --checkpoint bert-base-uncased/ --corpus my/*.txt --output runs/mine    # goes on from it
    torchrun --nproc_per_node 8 train_pretrain.py ...       # the same, on every GPU of the machine
    python train_pretrain.py --size base --plan 8           # what it needs on 8 processes, and how many hours it takes
    python train_pretrain.py --output runs/base --resume    # goes on as if it had never stopped
    python train_pretrain.py --phases 128:900000,512:100000 ...    # as in the paper: short sequences, then long ones
    python train_pretrain.py --max-minutes 60 ...           # an hour, and a learning rate that is 0 at its end
    python train_pretrain.py --keep-checkpoints 10 ...      # keeps ten, from the initial weights to the last ones

It writes to the run's directory alone. config.json, model.safetensors and the vocabulary load here and in transformers.
README.md is the model's card. There are log.jsonl, curves.png and TensorBoard events. shards/ is the tokenized corpus.
--resume needs training_state/ and arguments.json.
"""

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bert.checkpoints.directory import save_checkpoint, write_model_card
from bert.checkpoints.vocabulary import save_tokenizer
from bert.training.distributed import Processes
from bert.training.fitted_schedule import make_fitted_schedule
from bert.training.flags import LARGEST
from bert.training.loop import train
from bert.training.run import Run, assemble
from bert.training.schedule import Schedule, make_schedule
from bert.training.script import lock, make_log, run_script
from bert.training.settings import save_settings
from bert.training.state_schema import COUNT, indices
from bert.training.threads import threads_restored
from data.corpus.tokenized import open_corpus
from data.prefetch import prefetch
from data.pretraining.batches import PretrainingBatches
from pretraining.baselines import by_guessing
from pretraining.card import card_facts
from pretraining.held_out import HeldOut
from pretraining.kept import KeptCheckpoints
from pretraining.messages import describe, fill_in_blanks, next_commands, warn_of_random_pairs
from pretraining.phases import Phase, phase_at, phases_of, updates_of
from pretraining.planning import make_plan
from pretraining.reading import find_tokenizer, planned_vocabulary, tokenize_corpus
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.start import find_config, make_model, start_model, vocab_size_of

MOST_WARMUP_STEPS = 10_000  # of 1,000,000 (paper, appendix A.2). In a run of less than 100,000 a tenth warms up


def main(command_line: list[str] | None = None) -> int:
    """Runs the script and returns its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    return run_script("train_pretrain.py", command_line, partial(read_settings, description=__doc__), pretrain_or_plan)


def pretrain_or_plan(settings: PretrainingSettings, processes: Processes) -> int:
    """Trains, or plans if the flags say so, and returns the exit code."""
    if settings.plan is not None:
        return plan(settings, processes)
    with lock(settings.output, processes), threads_restored():
        return pretrain(settings, processes)


def pretrain(settings: PretrainingSettings, processes: Processes) -> int:
    """One run, from files to a checkpoint."""
    directory, log = Path(settings.output), make_log(processes)
    config = processes.broadcast(lambda: find_config(settings, directory))
    tokenizer = processes.broadcast(lambda: find_tokenizer(settings, directory, log), takes_hours=True)
    shards = processes.broadcast(lambda: tokenize_corpus(settings, directory, tokenizer, log), takes_hours=True)
    corpus = open_corpus(shards)

    torch.manual_seed(settings.seed)
    model = processes.on_all(lambda: start_model(settings, config, tokenizer, directory)).to(processes.device)
    run = assemble(settings, model, processes, log, identity={"corpus or vocabulary": corpus.checksum})
    phases = phases_of(settings.phases, settings.max_length)
    if settings.resume:
        resume(run, phases)
    first_step = run.progress.step  # of this session
    lengths = sorted({phase.max_length for phase in phases})

    def batches(max_length: int, position: Any) -> PretrainingBatches:
        return PretrainingBatches(
            corpus, tokenizer, settings.batch_size, max_length, settings.seed, settings.nsp,
            settings.whole_word_masking, processes.rank, processes.world_size, settings.accumulate, position,
        )  # fmt: skip

    def max_length() -> int:
        """Of the batches that the run's position is in: those of the newest update."""
        return phase_at(phases, max(first_step, run.progress.step - 1)).max_length

    by_length = processes.on_all(lambda: {length: batches(length, None) for length in lengths})
    training = by_length[phases[0].max_length]
    held_out = HeldOut(settings, corpus, tokenizer, lengths, processes)
    schedule = schedule_of(settings, training.updates_per_epoch)
    kept = KeptCheckpoints(run, settings.keep_checkpoints)

    processes.broadcast(lambda: save_settings(directory, settings))
    processes.broadcast(lambda: save_tokenizer(directory, tokenizer, config.max_position_embeddings))
    log(*describe(settings, run, corpus, schedule, training.updates_per_epoch))
    if note := warn_of_random_pairs(training.random_pairs, corpus, phases[0].max_length):
        log(note)
    if not held_out.exists:
        log("Note: the corpus is too small to hold documents out: only the training loss tells how it learns.")
    with run.reporter(schedule.max_steps if schedule.max_steps < LARGEST else None) as reporter:
        if run.progress.step == 0 and held_out.exists:
            baselines, lines = held_out.baselines(phases[0].max_length)
            share = {"random_pairs": training.random_pairs} if settings.nsp else {}
            reporter.record(**baselines, **share, **run.metadata)
            reporter.log(*lines)
        note = ""

        def evaluate() -> None:
            """Measures on the held-out documents, if there are any."""
            nonlocal note
            if not held_out.exists:
                return
            means, words, note = held_out.measure(run, max_length())
            reporter.record(**{f"heldout_{name}": value for name, value in means.items()})
            reporter.log(f"step {run.progress.step:,}, held out: {words}")
            reporter.draw_curves()

        def checkpoint() -> None:
            run.save(max_length=max_length())
            weights = run.weights()
            processes.broadcast(lambda: save_checkpoint(directory, model, tokenizer, weights))
            kept.keep(tokenizer)

        def report(means: dict[str, float]) -> None:
            length = max_length()
            beside = by_guessing(by_length[length].random_pairs) if settings.nsp else {}
            reporter.report(means | {"max_length": length}, beside)

        kept.keep(tokenizer)  # the initial weights; or the run was killed before it could keep these
        if run.progress.step == 0 and settings.checkpoint is not None:
            evaluate()  # what the checkpoint is worth on this corpus before it is trained
        with closing(prefetch(updates_of(phases, first_step, run.progress.position, batches))) as updates:
            ended = train(run, updates, schedule, report, evaluate, checkpoint, kept.is_due)
        evaluate()
        reporter.record(ended=ended)
    run.log_end(ended)
    facts = processes.broadcast(lambda: card_facts(settings, run.progress.step, directory))
    if not processes.broadcast(lambda: write_model_card(directory, model, tokenizer, facts)):
        log(f"Note: {directory / 'README.md'} is not as this script wrote it, so it stays as it is.")
    if note and ended != "interrupted":
        log(note)
    with run.evaluation():
        if processes.is_main_process:
            fill_in_blanks(model, tokenizer, corpus, log)
    log(*next_commands(settings, ended, run.progress.step))
    return 130 if ended == "interrupted" else 0


def plan(settings: PretrainingSettings, processes: Processes) -> int:
    """Prints the needs and the hours of a run of these settings. Reads no corpus and writes nothing."""
    log = make_log(processes)
    torch.manual_seed(settings.seed)
    config = processes.broadcast(lambda: find_config(settings, Path(settings.output)))
    pieces = processes.broadcast(lambda: planned_vocabulary(settings, Path(settings.output), log))
    config = config.replace(vocab_size=vocab_size_of(settings, config, pieces))
    model = processes.on_all(lambda: make_model(settings, config)).to(processes.device)
    run = assemble(replace(settings, learning_rate=1e-6), model, processes, log, identity={})
    log(*make_plan(settings, run).split("\n"))
    return 0


def schedule_of(settings: PretrainingSettings, updates_per_epoch: int) -> Schedule:
    """The schedule of a run: over its phases, its updates, its epochs or its minutes."""
    minutes, schedule_to = settings.max_minutes, settings.schedule_to
    if settings.phases:
        settings = replace(settings, max_steps=phases_of(settings.phases, settings.max_length)[-1].end)
    if minutes is not None and schedule_to is None:
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


if __name__ == "__main__":
    raise SystemExit(main())
