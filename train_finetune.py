"""Fine-tunes a pretrained BERT on a task: checkpoint + labelled texts -> a model that predicts, with a report.

    python train_finetune.py                                # the built-in task, on the checkpoint of train_pretrain.py
    python train_finetune.py --task sst2 --data glue/SST-2 --checkpoint runs/base --output runs/sst2
    python train_finetune.py --train mails.csv --text-column body --label-column folder --output runs/mails
    python train_finetune.py --task rte --data glue/RTE --seeds 5 --early-stopping 2 --output runs/rte
    torchrun --nproc_per_node 8 train_finetune.py ...       # the same, on every GPU of the machine
    python train_finetune.py --output runs/sst2 --resume    # goes on as if it had never stopped
    python -m bert predict runs/sst2 reviews.tsv            # uses what came of it

All that it makes is in the run's directory: config.json, model.safetensors (of the best epoch by the dev set) and the
vocabulary, which load here and in transformers; task.json, which predict needs; report.json, report.html and
predictions.tsv; log.jsonl, curves.png and TensorBoard events; and training_state/ and arguments.json, which --resume
needs.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from bert.checkpoints.directory import (
    checkpoint_labels,
    is_checkpoint_of,
    load_checkpoint,
    load_config,
    save_checkpoint,
)
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.errors import InputError
from bert.evaluation.report import write_json, write_report
from bert.model.bert import initialize_weights
from bert.training.distributed import Processes
from bert.training.layer_wise import decay_learning_rate_by_layer, reinitialize_top_layers
from bert.training.loop import Schedule
from bert.training.optimizer import make_optimizer
from bert.training.run import Run, alone_in, assemble, how_to_go_on, printer, run_script
from bert.training.schedule import steps_of_run
from bert.training.settings import refuse_other_run, save_settings
from data.prefetch import prefetch
from data.tasks.batches import TaskBatches
from finetuning.best import Best
from finetuning.messages import describe, in_words, next_commands
from finetuning.reading import fingerprint, read_task
from finetuning.settings import read_settings
from finetuning.several_runs import parts_of, summarize


def main(command_line: list[str] | None = None) -> int:
    """Runs the script and returns its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    return run_script("train_finetune.py", command_line, partial(read_settings, description=__doc__), finetune)


def finetune(settings: SimpleNamespace, processes: Processes) -> int:
    """Reads the task once, and trains on it: once, or from several seeds, or from a random start besides."""
    say = printer(processes)
    tokenizer = processes.on_all(lambda: find_tokenizer(settings))
    task = processes.on_all(lambda: read_task(settings, tokenizer, say))
    reports, parts = {}, parts_of(settings)
    if not settings.resume:
        processes.on_all(lambda: [refuse_other_run(Path(part.output)) for part in parts.values()])
    with alone_in(settings.output, processes):
        for name, part in parts.items():
            ended, reports[name] = finetune_once(part, settings, task, tokenizer, processes, say)
            if reports[name] is None:
                say(how_to_go_on("train_finetune.py", settings.output))
                return 130 if ended == "interrupted" else 0
        if processes.is_main_process and len(reports) > 1:
            summarize(settings, reports, say)
    say(next_commands(settings))
    return 0


def finetune_once(
    settings: SimpleNamespace, whole_settings: SimpleNamespace, task, tokenizer, processes: Processes, say
) -> tuple[str, dict | None]:
    """One run, from a checkpoint to a report, as a sequence of what is made from what.

    Args:
        settings: of this run. whole_settings: the script's, which name the directory of several runs (--seeds,
            --compare), and are the same where there is one.

    Returns:
        Why it ended, and what is in its report.json: None where it was stopped on the way.
    """
    directory = Path(settings.output)
    torch.manual_seed(settings.seed)
    model = processes.on_all(lambda: make_model(settings, task, say)).to(processes.device)
    optimizer = make_optimizer(settings.optimizer, model, settings.learning_rate)
    if settings.layer_decay != 1:
        decay_learning_rate_by_layer(optimizer, model, settings.layer_decay)
    identity = {"labels": list(task.labels), "vocabulary": tokenizer.fingerprint}
    for name, what in (("train", "training examples"), ("dev", "dev examples")):
        identity[what] = fingerprint(task.sets[name].examples)
    run = assemble(settings, model, optimizer, processes, say, identity)
    best, saved = Best(), None
    if settings.resume:
        best = processes.on_all(lambda: resume(run))
    training = processes.on_all(lambda: TaskBatches(
        task.row_lengths(), task.make_batch, settings.batch_size, settings.seed,
        processes.rank, processes.world_size, settings.accumulate, run.progress.position, task.batches_by_length,
        packed=processes.device.type == "cuda",
    ))  # fmt: skip
    schedule = make_schedule(settings, training.updates_per_epoch)

    if processes.is_main_process:
        save_settings(Path(whole_settings.output), whole_settings)
        if settings.output != whole_settings.output:
            save_settings(directory, settings)
        write_json(directory / "task.json", how_to_predict(settings, task))
    say(describe(settings, run, task, schedule, training.updates_per_epoch))
    with run.reporter(schedule.max_steps) as reporter:
        if run.progress.step == 0:
            reporter.record(**run.facts)

        def evaluate() -> str | None:
            """Measures on the dev set, and keeps the model where it is the best so far."""
            evaluation = task.evaluate(model, "dev", run.precision, processes)
            epoch = run.progress.step / training.updates_per_epoch
            is_best = best.update(evaluation.metrics[settings.metric], run.progress.step, epoch)
            measured = {f"dev_{name}": value for name, value in evaluation.metrics.items()}
            reporter.record(**measured, **{f"heldout_{name}": value for name, value in evaluation.losses.items()})
            reporter.say(f"step {run.progress.step:,}, dev: {in_words(evaluation.metrics)}")
            reporter.draw_curves()
            if is_best:
                if processes.is_main_process:
                    save_checkpoint(directory, model, tokenizer)
                checkpoint()  # whoever resumes from it finds the model that it calls the best
            return "stopped early" if best.patience_exhausted(settings.early_stopping) else None

        def checkpoint() -> None:
            nonlocal saved
            now = (run.progress.step, replace(best))
            if saved != now:  # an evaluation and a checkpoint may be due at the same time
                run.save(best=vars(best))
                saved = now

        ended = "stopped early"
        if not best.patience_exhausted(settings.early_stopping):
            ended = run.train(prefetch(training), schedule, reporter, evaluate, checkpoint)
        if ended == "finished":
            evaluate()
            checkpoint()  # once more, for what is the best now
    run.say_how_it_ended(ended)
    if ended == "interrupted":
        return ended, None
    processes.gather(None)  # the best model is on the disk
    return ended, report_best(settings, run, task, best)


def resume(run: Run) -> Best:
    """Puts everything back to where the newest training state left it; returns the best evaluation until then."""
    state = run.resume("its checkpoint and data")
    try:
        return Best(**state["best"]) if state else Best()
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{run.directory}: its training state is damaged (no best evaluation); begin another run"
        ) from error


def find_tokenizer(settings: SimpleNamespace):
    """The checkpoint's tokenizer; where the built-in task has no checkpoint yet, it says how to make it."""
    built_in = settings.task is None and settings.train is None
    if built_in and not os.path.exists(Path(settings.checkpoint) / "config.json"):
        raise InputError(
            f"{settings.checkpoint}: holds no checkpoint to start from; make it with: python train_pretrain.py "
            f"--output {settings.checkpoint}"
        )
    return load_tokenizer(settings.checkpoint)


def make_model(settings: SimpleNamespace, task, say) -> torch.nn.Module:
    """The checkpoint's encoder with the task's head, which starts untrained where the checkpoint has none."""
    checkpoint = settings.checkpoint
    config = load_config(checkpoint)
    if settings.dropout is not None:
        config = config.replace(hidden_dropout_prob=settings.dropout, attention_probs_dropout_prob=settings.dropout)
    check_vocabulary_fits(task.tokenizer, config, checkpoint)
    if settings.max_length > config.max_position_embeddings:
        raise InputError(
            f"--max-length {settings.max_length} is above the {config.max_position_embeddings} positions that "
            f"{checkpoint} has embeddings for (max_position_embeddings); use at most that"
        )
    rows = np.arange(len(task.row_lengths()) if config.type_vocab_size < 2 else 1)  # the rows may differ in it
    types = 1 + max(int(task.make_batch(rows[first : first + 64])["token_type_ids"].max()) for first in rows[::64])
    if types > config.type_vocab_size:
        raise InputError(
            f"{checkpoint}: has embeddings for {config.type_vocab_size} kinds of segments (type_vocab_size), and an "
            f"input of this task has {types}; name a checkpoint that was trained on pairs"
        )
    if settings.reinitialize_layers > config.num_hidden_layers:
        raise InputError(
            f"--reinitialize-layers {settings.reinitialize_layers}: {checkpoint} has {config.num_hidden_layers} layers"
        )
    if settings.random_start:
        return task.model_class(config, **task.model_arguments)
    fresh = {"head": task.head, "pooler": "bert.pooler"}
    asked = [fresh[name] for name in settings.fresh or ()]
    found = checkpoint_labels(checkpoint, task.model_class)
    if found is not None and task.head not in asked and found != tuple(task.labels):
        raise InputError(
            f"{checkpoint}: its head was trained on {len(found)} labels ({', '.join(found[:20])}), and the task has "
            f"{len(task.labels)} ({', '.join(task.labels[:20])}); to begin with an untrained head: --fresh head"
        )
    # A head of another kind of task, whatever its shape, is none of this task's.
    untrained = asked if is_checkpoint_of(checkpoint, task.model_class) else [task.head, *asked]
    model = load_checkpoint(checkpoint, task.model_class, untrained, config, **task.model_arguments)
    if "pooler" in (settings.fresh or ()) and model.bert.pooler is None:
        raise InputError("--fresh pooler: the model of this task has no pooler; leave it out")
    for name in untrained:
        initialize_weights(model.get_submodule(name), config)
    reinitialize_top_layers(model.bert, settings.reinitialize_layers)
    if found is not None and task.head not in asked:
        say(f"Note: {checkpoint} has a head for these labels; it goes on from there (--fresh head begins anew).")
    return model


def make_schedule(settings: SimpleNamespace, updates_per_epoch: int) -> Schedule:
    """A tenth of the run warms up; an epoch is what is evaluated and checkpointed after."""
    max_steps = steps_of_run(settings.max_steps, settings.epochs, updates_per_epoch)
    warmup_steps = settings.warmup_steps
    return Schedule(
        max_steps=max_steps,
        learning_rate=settings.learning_rate,
        warmup_steps=max_steps // 10 if warmup_steps is None else warmup_steps,
        report_every=settings.report_every,
        eval_every=settings.eval_every or updates_per_epoch,
        checkpoint_every=settings.checkpoint_every or updates_per_epoch,
    )


def how_to_predict(settings: SimpleNamespace, task) -> dict:
    """What ``python -m bert predict`` needs to know beside the model: where texts stand, how they become inputs, how
    long a summary is, when a question has no answer, and whether tags fit together.
    """
    names = ("columns", "max_length", "long_texts", "summary_sentences")
    return {name: getattr(settings, name) for name in names} | {
        "null_threshold": getattr(task, "null_threshold", None), "fitting_tags": getattr(task, "fitting_tags", False),
    }  # fmt: skip


def report_best(settings: SimpleNamespace, run: Run, task, best: Best) -> dict:
    """Measures the best model on dev and test, and writes the report, whose ``report.json`` is returned; in a process
    that is not the first, no more than its facts.
    """
    run.model.load_state_dict(load_checkpoint(run.directory, task.model_class).state_dict())
    evaluations = {
        name: task.evaluate(run.model, name, run.precision, run.processes, in_full=run.processes.is_main_process)
        for name in ("dev", "test")
        if name in task.sets
    }
    for name, evaluation in evaluations.items():
        run.say(f"Best by {settings.metric}, after {best.epoch:.1f} epochs; {name}: {in_words(evaluation.metrics)}")
    facts = {
        "task": settings.task or settings.train or "built-in", "checkpoint": settings.checkpoint,
        "start": "random" if settings.random_start else "pretrained", "seed": settings.seed,
        "metric": settings.metric, "best_step": best.step, "best_epoch": best.epoch, "steps": run.progress.step,
        "training_seconds": round(run.progress.seconds, 1), "labels": list(task.labels),
        "examples": {name: len(texts.examples) for name, texts in task.sets.items()},
        "too_long": {name: texts.too_long for name, texts in task.sets.items()},
        "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "max_length": settings.max_length,
        "dropout": run.model.config.hidden_dropout_prob,
        "attention_dropout": run.model.config.attention_probs_dropout_prob, **run.facts,
    }  # fmt: skip
    if not run.processes.is_main_process:
        return facts
    return write_report(run.directory, f"Fine-tuning on {facts['task']}", facts, evaluations)


if __name__ == "__main__":
    raise SystemExit(main())
