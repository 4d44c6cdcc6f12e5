"""Fine-tunes a pretrained BERT on a task: checkpoint + labelled texts -> a model that predicts, with a report.

    python train_finetune.py                                # the built-in task, on the checkpoint of train_pretrain.py
    python train_finetune.py --task sst2 --data glue/SST-2 --checkpoint runs/base --output runs/sst2
    python train_finetune.py --train mails.csv --text-column body --label-column folder --output runs/mails
    python train_finetune.py --task rte --data glue/RTE --seeds 5 --early-stopping 2 --output runs/rte
    torchrun --nproc_per_node 8 train_finetune.py ...       # the same, on every GPU of the machine
    python train_finetune.py --output runs/sst2 --resume    # goes on as if it had never stopped
    python -m bert predict runs/sst2 reviews.tsv            # uses what came of it

All that it makes is in the run's directory: config.json, model.safetensors (of the best epoch by the dev set) and the
vocabulary, which load here and in transformers; report.json, report.html and predictions.tsv; log.jsonl, curves.png and
TensorBoard events; and training_state/, which is what --resume needs.
"""

import argparse
import copy
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from bert.checkpoints.directory import (
    check_vocabulary_fits,
    checkpoint_labels,
    load_checkpoint,
    load_config,
    load_tokenizer,
    save_checkpoint,
)
from bert.errors import InputError
from bert.evaluation.report import write_json, write_report
from bert.model.bert import initialize_weights
from bert.tokenization.long_texts import LONG_TEXTS
from bert.training import arguments
from bert.training.arguments import (
    SHARED_DEFAULTS,
    SHARED_MAY_CHANGE,
    add_number,
    add_switch,
    positive,
    probability,
    save_settings,
    settings_of_run,
    whole,
)
from bert.training.distributed import Processes, start_processes
from bert.training.loop import Progress, Schedule, train
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from bert.training.reporting import Reporter
from bert.training.state import generator_state, load_newest_state, restore_generator_state, save_state
from bert.training.steadying import decay_learning_rate_by_layer, reinitialize_top_layers
from data.batching import prefetch
from data.tasks.known import KNOWN_TASKS
from finetuning.kinds import KINDS
from finetuning.reading import kind_of, read_task

# The paper's recipe (appendix A.3); warm-up over a tenth of the run as in section 5.1 of its code's README.
DEFAULTS = {
    "output": "runs/finetune", "checkpoint": "runs/pretrain", "task": None, "data": None, "train": None, "dev": None,
    "test": None, "text_column": None, "text_pair_column": None, "label_column": None, "header": None,
    "label_separator": ",", "problem": None, "metric": None, "long_texts": "head", "null_threshold": 0.0,
    "class_weights": None, "fresh": None,
    "random_start": False, "compare": False, "seeds": 1, "reinitialize_layers": 0, "layer_decay": 1.0,
    "early_stopping": None, "max_steps": None, "batch_size": 32, "learning_rate": 5e-5, "eval_every": None,
    "checkpoint_every": None, "workers": 1,
}  # fmt: skip
# A model as small as that of train_pretrain.py's defaults stands, and needs, larger steps.
BUILT_IN = {"learning_rate": 3e-4, "epochs": 4, "compare": True}
EPOCHS = 3
MAY_CHANGE = SHARED_MAY_CHANGE - {"batch_size", "max_length"} | {"workers", "early_stopping"}


def main(command_line: list[str] | None = None) -> int:
    """Runs the script and returns its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    try:
        settings = read_settings(command_line)
        with start_processes(settings.device) as processes:
            return finetune(settings, processes)
    except InputError as error:
        print(f"train_finetune.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("train_finetune.py: interrupted; what was saved before is kept", file=sys.stderr)
        return 130


def finetune(settings: SimpleNamespace, processes: Processes) -> int:
    """Reads the task once, and trains on it: once, or from several seeds, or from a random start besides."""
    say = print if processes.is_first else (lambda *sentence: None)
    if settings.task is None and settings.train is None and not (Path(settings.checkpoint) / "config.json").exists():
        raise InputError(
            f"{settings.checkpoint}: holds no checkpoint to start from; make it with: python train_pretrain.py "
            f"--output {settings.checkpoint}"
        )
    tokenizer = load_tokenizer(settings.checkpoint)
    task = read_task(settings, tokenizer, say)
    reports = {}
    for name, part in parts_of(settings).items():
        ended, reports[name] = finetune_once(part, settings, task, tokenizer, processes, say)
        if reports[name] is None:
            say(f"\nTo go on: python train_finetune.py --output {settings.output} --resume")
            return 130 if ended == "interrupted" else 0
    if processes.is_first and len(reports) > 1:
        summarize(settings, reports, say)
    say(next_commands(settings))
    return 0


def parts_of(settings: SimpleNamespace) -> dict[str, SimpleNamespace]:
    """The settings of each single run, by a name that says what is special about it."""
    parts = {}
    for random_start in (False, True) if settings.compare else (settings.random_start,):
        for seed in range(settings.seed, settings.seed + settings.seeds):
            part = copy.copy(settings)
            part.seed, part.random_start = seed, random_start
            folders = ["random-start"] if random_start and settings.compare else []
            folders += [f"seed-{seed}"] if settings.seeds > 1 else []
            part.output = str(Path(settings.output, *folders))
            parts["/".join(folders)] = part
    return parts


def finetune_once(settings, whole_settings, task, tokenizer, processes: Processes, say) -> tuple[str, dict | None]:
    """One run, from a checkpoint to a report, as a sequence of what is made from what.

    Returns:
        Why it ended, and what is in its report.json: None where it was stopped on the way.
    """
    run = Path(settings.output)
    torch.manual_seed(settings.seed)
    model = make_model(settings, task, say).to(processes.device)
    optimizer = make_optimizer(settings.optimizer, model, settings.learning_rate)
    if settings.layer_decay != 1:
        decay_learning_rate_by_layer(optimizer, model, settings.layer_decay)
    precision = choose_precision(settings.precision, processes.device)
    scaler = precision.gradient_scaler()
    torch.manual_seed(settings.seed + 1 + processes.rank)  # each process drops out other activations

    progress, best = Progress(), {"value": None, "step": 0, "epoch": 0.0, "evaluations_since": 0}
    if settings.resume and processes.from_first((run / "arguments.json").exists):
        resume(run, model, task, optimizer, scaler, progress, best, processes, say)
    training = task.batches(
        settings.batch_size, settings.seed, processes, settings.accumulate, progress.position,
        settings.max_length if settings.compile else None,
    )  # fmt: skip
    schedule = make_schedule(settings, training.updates_per_epoch)
    if settings.compile:
        model.bert.compile()

    if processes.is_first:
        save_settings(run, vars(settings))
        if settings.output != whole_settings.output:
            save_settings(Path(whole_settings.output), vars(whole_settings))
        write_json(run / "task.json", how_to_predict(settings))
    say(describe(settings, model, task, schedule, training.updates_per_epoch, precision, processes))
    with Reporter(run, progress, schedule.max_steps, silent=not processes.is_first) as reporter:
        if progress.step == 0:
            reporter.record(precision=precision.name, device=str(processes.device), processes=processes.count)

        def evaluate() -> str | None:
            """Measures on the dev set, and keeps the model where it is the best so far."""
            evaluation = task.evaluate(model, "dev", precision, processes)
            value = evaluation.metrics[settings.metric]
            if best["value"] is None or value > best["value"]:
                epoch = progress.step / training.updates_per_epoch
                best.update(value=value, step=progress.step, epoch=epoch, evaluations_since=0)
                if processes.is_first:
                    save_checkpoint(run, model, tokenizer)
            else:
                best["evaluations_since"] += 1
            measured = {f"dev_{name}": value for name, value in evaluation.metrics.items()}
            reporter.record(**measured, **{f"heldout_{name}": value for name, value in evaluation.losses.items()})
            reporter.say(f"step {progress.step:,}, dev: {in_words(evaluation.metrics)}")
            reporter.draw_curves()
            return "stopped early" if is_past_hope(settings, best) else None

        def checkpoint() -> None:
            generators = processes.gather(generator_state(processes.device))
            if processes.is_first:
                state = {
                    "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict(),
                    "progress": vars(progress), "best": best, "generators": generators,
                    "config": model.config.to_dict(), "labels": list(task.labels),
                }  # fmt: skip
                save_state(run / "training_state", progress.step, state)

        ended = "stopped early" if is_past_hope(settings, best) else train(
            model, prefetch(training), optimizer, scaler, precision, processes, schedule, progress,
            reporter.report, evaluate, checkpoint,
        )  # fmt: skip
        if ended == "finished":
            evaluate()
    say(f"{ended.capitalize()} at step {progress.step:,} after {progress.seconds / 60:.1f} minutes of training.")
    if ended == "interrupted":
        return ended, None
    processes.gather(None)  # the best model is on the disk
    return ended, report_best(settings, run, model, task, best, progress, precision, processes, say)


# ---- the run ----


def make_model(settings: SimpleNamespace, task, say) -> torch.nn.Module:
    """The checkpoint's encoder with the task's head, which starts untrained where the checkpoint has none."""
    checkpoint = settings.checkpoint
    config = load_config(checkpoint)
    check_vocabulary_fits(task.tokenizer, config, checkpoint)
    if settings.max_length > config.max_position_embeddings:
        raise InputError(
            f"--max-length {settings.max_length} is above the {config.max_position_embeddings} positions that "
            f"{checkpoint} has embeddings for (max_position_embeddings); use at most that"
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
    untrained = asked if found is not None else [task.head, *asked]
    model = load_checkpoint(checkpoint, task.model_class, untrained, **task.model_arguments)
    for name in asked:
        initialize_weights(model.get_submodule(name), config)
    reinitialize_top_layers(model.bert, settings.reinitialize_layers)
    if found is not None and task.head not in asked:
        say(f"Note: {checkpoint} has a head for these labels; it goes on from there (--fresh head begins anew).")
    return model


def resume(run, model, task, optimizer, scaler, progress: Progress, best: dict, processes: Processes, say) -> None:
    """Puts everything back to where the newest whole state of the run left it."""
    state, complaints = load_newest_state(run / "training_state")
    for complaint in complaints:
        say(f"Note: {complaint}.")
    if state["config"] != model.config.to_dict() or state["labels"] != list(task.labels):
        raise InputError(
            f"{run}: the model in its training state is not the one that its checkpoint and data make now; put back "
            f"the files that were changed, or begin another run"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    vars(progress).update(state["progress"])
    best.update(state["best"])
    if len(state["generators"]) == processes.count:
        restore_generator_state(state["generators"][processes.rank], processes.device)
    else:
        say(
            f"Note: the run had {len(state['generators'])} processes and now has {processes.count}: dropout goes on "
            f"from other random numbers."
        )
    say(f"Resuming {run} from step {progress.step:,}.")


def make_schedule(settings: SimpleNamespace, updates_per_epoch: int) -> Schedule:
    """A tenth of the run warms up; an epoch is what is evaluated and checkpointed after. Of --epochs and --max-steps,
    where both are given, the sooner ends the run.
    """
    limits = [settings.max_steps, None if settings.epochs is None else settings.epochs * updates_per_epoch]
    max_steps = min((limit for limit in limits if limit is not None), default=EPOCHS * updates_per_epoch)
    warmup_steps = settings.warmup_steps
    return Schedule(
        max_steps=max_steps,
        learning_rate=settings.learning_rate,
        warmup_steps=max_steps // 10 if warmup_steps is None else warmup_steps,
        report_every=settings.report_every,
        eval_every=settings.eval_every or updates_per_epoch,
        checkpoint_every=settings.checkpoint_every or updates_per_epoch,
    )


def is_past_hope(settings: SimpleNamespace, best: dict) -> bool:
    """Whether as many evaluations as --early-stopping allows have passed without a better one."""
    return settings.early_stopping is not None and best["evaluations_since"] >= settings.early_stopping


def report_best(settings, run, model, task, best, progress, precision, processes: Processes, say) -> dict | None:
    """Measures the best model on dev and test, and writes the report."""
    model.load_state_dict(load_checkpoint(run, task.model_class).state_dict())
    evaluations = {
        name: task.evaluate(model, name, precision, processes, in_full=processes.is_first)
        for name in ("dev", "test")
        if name in task.sets
    }
    for name, evaluation in evaluations.items():
        say(f"Best by {settings.metric}, after {best['epoch']:.1f} epochs; {name}: {in_words(evaluation.metrics)}")
    facts = {
        "task": settings.task or settings.train or "built-in", "checkpoint": settings.checkpoint,
        "start": "random" if settings.random_start else "pretrained", "seed": settings.seed,
        "metric": settings.metric, "best_step": best["step"], "best_epoch": best["epoch"], "steps": progress.step,
        "training_seconds": round(progress.seconds, 1), "labels": list(task.labels),
        "examples": {name: len(texts.examples) for name, texts in task.sets.items()},
        "too_long": {name: texts.too_long for name, texts in task.sets.items()},
        "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "max_length": settings.max_length,
        "precision": precision.name, "device": str(processes.device), "processes": processes.count,
    }  # fmt: skip
    if not processes.is_first:
        return facts
    return write_report(run, f"Fine-tuning on {facts['task']}", facts, evaluations)


def summarize(settings: SimpleNamespace, reports: dict[str, dict], say) -> None:
    """Means and spreads over seeds, and the random start beside the pretrained one, in the whole run's report.json."""
    summary = {"runs": list(reports)}
    for start in ("pretrained", "random"):
        chosen = [report for report in reports.values() if report["start"] == start]
        if not chosen:
            continue
        measured = {}
        for name in ("dev", "test"):
            if name in chosen[0]:
                values = {metric: [report[name][metric] for report in chosen] for metric in chosen[0][name]}
                measured[name] = {metric: statistics.mean(each) for metric, each in values.items()}
                if len(chosen) > 1:
                    measured[f"{name}_spread"] = {metric: statistics.stdev(each) for metric, each in values.items()}
                    say(f"{start} start, {name}, mean of {len(chosen)} seeds: {in_words(measured[name])}")
                    say(f"    standard deviation: {in_words(measured[f'{name}_spread'])}")
                elif settings.compare:
                    say(f"{start} start, {name}: {in_words(measured[name])}")
        summary |= measured if start == "pretrained" or not settings.compare else {"random_start": measured}
    own = reports.get("", {})
    write_json(Path(settings.output) / "report.json", own | summary)


# ---- words ----


def in_words(metrics: dict[str, float]) -> str:
    """Measures in a line."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def how_to_predict(settings: SimpleNamespace) -> dict:
    """What ``python -m bert predict`` needs to know beside the model: where texts stand, and how they become inputs."""
    return {"columns": settings.columns, "max_length": settings.max_length, "long_texts": settings.long_texts}


def describe(settings, model, task, schedule: Schedule, updates_per_epoch: int, precision, processes) -> str:
    """What is about to happen, for the user to check."""
    config, training = model.config, task.sets["train"]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    start = "untrained weights, of the sizes of" if settings.random_start else "from"
    others = ", ".join(f"{len(texts.examples):,} {name}" for name, texts in task.sets.items() if name != "train")
    labels = f"; labels: {', '.join(task.labels[:10])}{', ...' if len(task.labels) > 10 else ''}" if task.labels else ""
    return (
        f"\nModel:  {config.num_hidden_layers} layers of {config.hidden_size}, {parameters:,} parameters, {start} "
        f"{settings.checkpoint}.\n"
        f"Task:   {len(training.examples):,} training examples, {others}{labels}.\n"
        f"Run:    {schedule.max_steps:,} steps of {settings.batch_size} examples of up to {settings.max_length} tokens "
        f"({schedule.max_steps / updates_per_epoch:.1f} epochs), seed {settings.seed}, to {settings.output}.\n"
        f"Device: {processes.count} x {processes.device.type}, precision {precision.name} ({precision.reason})."
    )


def next_commands(settings: SimpleNamespace) -> str:
    """What the user may want to do now."""
    run = settings.output if settings.seeds == 1 else Path(settings.output) / f"seed-{settings.seed}"
    return (
        f"\nThe report is in {run}/report.html. Try the model on texts of your own:\n"
        f"  python -m bert predict {run} FILE.tsv"
    )


# ---- settings ----


def read_settings(command_line: list[str] | None) -> SimpleNamespace:
    """The run's settings: the flags given, over those of the run that is resumed, over the recipe.

    Raises:
        InputError: where they do not go together, or the run's directory holds another run.
    """
    given = vars(make_parser().parse_args(command_line))
    defaults = SHARED_DEFAULTS | DEFAULTS
    if not given.keys() & {"task", "data", "train"}:
        defaults |= BUILT_IN
        if "max_steps" in given:
            defaults["epochs"] = None
    defaults["max_length"] = kind_of(given.get("problem"), given.get("task")).max_length or defaults["max_length"]
    settings = SimpleNamespace(**settings_of_run(given, defaults, MAY_CHANGE))
    if settings.compare and settings.random_start:
        raise InputError("--random-start is one of the two that --compare compares; leave one of them out")
    if settings.data is not None and settings.task is None:
        raise InputError(f"--data {settings.data} is a known task's directory: name the --task, or files: --train")
    return settings


def make_parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = arguments.make_parser(__doc__)
    arguments.add_run_arguments(parser)

    task = parser.add_argument_group("the task")
    task.add_argument("--task", choices=tuple(KNOWN_TASKS), help="a known data set; its files are in --data")
    task.add_argument("--data", metavar="DIR", help="the known data set's directory")
    task.add_argument("--train", metavar="FILE", help="labelled texts: .tsv .csv .jsonl, also .gz .xz .bz2")
    task.add_argument("--dev", metavar="FILE", help="to choose the best epoch by (a tenth of --train)")
    task.add_argument("--test", metavar="FILE", help="labelled texts that the report measures on besides")
    task.add_argument("--text-column", metavar="NAME", help="a column's name, or its number from 1 (text)")
    task.add_argument("--text-pair-column", metavar="NAME", help="the second texts' column, for pairs")
    task.add_argument("--label-column", metavar="NAME", help="the labels' column (label)")
    add_switch(task, "--header", "the first row names the columns (it does)")
    task.add_argument("--problem", choices=tuple(KINDS), help="what a label is (one name of several: single-label)")
    task.add_argument("--label-separator", metavar="CHARACTER", help="between an example's labels, multi-label (,)")
    task.add_argument("--class-weights", nargs="+", metavar="W", help="'balanced', or LABEL=WEIGHT for each label")
    task.add_argument("--metric", metavar="NAME", help="to choose the best epoch by (accuracy; the known task's own)")
    task.add_argument("--long-texts", choices=LONG_TEXTS, help="what becomes of texts over --max-length (head)")
    task.add_argument("--null-threshold", type=float, metavar="X", help="how far 'no answer' must lead, for spans (0)")
    add_number(task, "--workers", positive, "processes that tokenize (1)")

    start = parser.add_argument_group("the start")
    start.add_argument("--checkpoint", metavar="DIR", help="a run, or a Hugging Face BERT directory (runs/pretrain)")
    start.add_argument("--fresh", nargs="+", choices=("head", "pooler"), help="parts that start untrained in any case")
    add_switch(start, "--random-start", "the checkpoint's sizes and vocabulary alone, with untrained weights")
    add_switch(start, "--compare", "a random start besides, to see what pretraining is worth (the built-in task)")

    training = arguments.add_training_arguments(parser)
    add_number(training, "--seeds", positive, "runs, from as many seeds; the report has mean and spread (1)")
    add_number(training, "--early-stopping", positive, "stop after this many evaluations without a better one")
    add_number(training, "--reinitialize-layers", whole, "top layers that start untrained (0)")
    add_number(training, "--layer-decay", fraction, "a layer's learning rate, as a part of that of the layer above (1)")
    return parser


def fraction(text: str) -> float:
    """A number above 0 and at most 1."""
    number = 1.0 if text in ("1", "1.0") else probability(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
