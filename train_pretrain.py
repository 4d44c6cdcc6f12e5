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

import torch

from bert.checkpoints.directory import save_checkpoint, write_model_card
from bert.checkpoints.vocabulary import save_tokenizer
from bert.training.distributed import Processes
from bert.training.flags import LARGEST
from bert.training.loop import train
from bert.training.run import assemble
from bert.training.script import lock, make_log, run_script
from bert.training.settings import save_settings
from bert.training.threads import threads_restored
from bert.variants.build import variant_of
from data.corpus.tokenized import open_corpus
from data.prefetch import prefetch
from pretraining.assembly import assemble_pretraining
from pretraining.baselines import by_guessing
from pretraining.card import card_facts
from pretraining.held_out import HeldOut
from pretraining.kept import KeptCheckpoints
from pretraining.messages import describe, fill_in_blanks, next_commands, warn_of_random_pairs
from pretraining.planning import make_plan
from pretraining.reading import find_tokenizer, planned_vocabulary, tokenize_corpus
from pretraining.sessions import record_session, session_of
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.start import find_config, make_model, vocab_size_of


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

    assembled = assemble_pretraining(settings, config, tokenizer, corpus, processes, log)
    model, run, schedule, training = assembled.model, assembled.run, assembled.schedule, assembled.first
    held_out = HeldOut(settings, corpus, tokenizer, assembled.by_length, processes)
    kept = KeptCheckpoints(run, settings.keep_checkpoints)

    session = session_of(run, settings, corpus.checksum, tokenizer.fingerprint)
    processes.broadcast(lambda: save_settings(directory, settings))
    processes.broadcast(lambda: record_session(directory, session))
    processes.broadcast(lambda: save_tokenizer(directory, tokenizer, config.max_position_embeddings))
    log(*describe(settings, run, corpus, schedule, training.updates_per_epoch))
    if note := warn_of_random_pairs(training.random_pairs, corpus, assembled.phases[0].max_length):
        log(note)
    if not held_out.exists:
        log("Note: the corpus is too small to hold documents out: only the training loss tells how it learns.")
    with run.reporter(schedule.max_steps if schedule.max_steps < LARGEST else None) as reporter:
        if held_out.exists and (run.progress.step == 0 or held_out.is_new_to(directory / "log.jsonl")):
            baselines, lines = held_out.baselines(assembled.phases[0].max_length)
            share = {"random_pairs": training.random_pairs} if settings.nsp else {}
            reporter.record(**baselines, **share, **run.metadata)
            reporter.log(*lines)
        note = ""

        def evaluate() -> None:
            """Measures on the held-out documents, if there are any."""
            nonlocal note
            if not held_out.exists:
                return
            means, words, note = held_out.measure(run, assembled.max_length)
            reporter.record(**{f"heldout_{name}": value for name, value in means.items()})
            reporter.log(f"step {run.progress.step:,}, held out: {words}")
            reporter.draw_curves()

        def checkpoint() -> None:
            assembled.save()
            weights = run.weights()
            processes.broadcast(lambda: save_checkpoint(directory, model, tokenizer, weights))
            kept.keep(tokenizer)

        def report(means: dict[str, float]) -> None:
            length = assembled.max_length
            beside = by_guessing(assembled.by_length[length].random_pairs) if settings.nsp else {}
            masking = {} if settings.predicts_next else {"masking_rate": assembled.masking_rate}
            reporter.report(means | {"max_length": length} | masking, beside)

        kept.keep(tokenizer)  # the initial weights; or the run was killed before it could keep these
        if run.progress.step == 0 and settings.checkpoint is not None:
            evaluate()  # what the checkpoint is worth on this corpus before it is trained
        with closing(prefetch(assembled.updates())) as updates:
            ended = train(run, updates, schedule, report, evaluate, checkpoint, kept.is_due)
        evaluate()
        reporter.record(ended=ended)
    run.log_end(ended)
    facts = processes.broadcast(lambda: card_facts(settings, run.progress.step, directory))
    if not processes.broadcast(lambda: write_model_card(directory, model, tokenizer, facts)):
        log(f"Note: {directory / 'README.md'} is not as this script wrote it, so it stays as it is.")
    if note and ended != "interrupted":
        log(note)
    fills_blanks = "left-to-right" not in variant_of(model)
    with run.evaluation():
        if processes.is_main_process and fills_blanks:
            fill_in_blanks(model, tokenizer, corpus, log)
    log(*next_commands(settings, ended, run.progress.step, fills_blanks))
    return 130 if ended == "interrupted" else 0


def plan(settings: PretrainingSettings, processes: Processes) -> int:
    """Prints the needs and the hours of a run of these settings. Reads no corpus and writes nothing."""
    log = make_log(processes)
    torch.manual_seed(settings.seed)
    config = processes.broadcast(lambda: find_config(settings, Path(settings.output)))
    pieces = processes.broadcast(lambda: planned_vocabulary(settings, Path(settings.output), log))
    config = config.replace(vocab_size=vocab_size_of(settings, config, pieces))
    model = processes.on_all(lambda: make_model(settings, config)).to(processes.device)
    run = assemble(replace(settings, learning_rate=1e-6), model, processes, log, {}, settings.average)
    log(*make_plan(settings, run).split("\n"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
