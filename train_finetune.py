"""Fine-tunes a pretrained BERT on a task: checkpoint + labelled texts -> a model that predicts, with a report.

    python train_finetune.py                                # the built-in task, on the checkpoint of train_pretrain.py
    python train_finetune.py --task sst2 --data glue/SST-2 --checkpoint runs/base --output runs/sst2
    python train_finetune.py --train mails.csv --text-column body --label-column folder --output runs/mails
    python train_finetune.py --task rte --data glue/RTE --seeds 5 --early-stopping 2 --output runs/rte
    python train_finetune.py --problem generation --train train.en train.de --output runs/german   # a translator
    python train_finetune.py --train mails.csv --adapt lora --output runs/lora        # trains few parameters
    torchrun --nproc_per_node 8 train_finetune.py ...       # the same, on every GPU of the machine
    python train_finetune.py --output runs/sst2 --resume    # goes on as if it had never stopped
    python -m bert predict runs/sst2 reviews.tsv            # uses the model

The run's directory holds everything. config.json, model.safetensors and the vocabulary load here and in transformers.
The model is the best epoch's on the validation set. With --adapt it is an adapter: adapter_model.safetensors and
adapter_config.json, beside the checkpoint that it adapts. predict needs task.json. For you there are report.json,
report.html, predictions.tsv, log.jsonl, curves.png and TensorBoard events; README.md is the model's card. --resume
needs training_state/ and arguments.json.
"""

from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bert.checkpoints.directory import write_model_card
from bert.continual.task import ContinualTask
from bert.files.schema import Rule, check
from bert.tasks.batches import TaskBatches
from bert.tasks.report import write_json, write_report
from bert.tasks.similarity.task import SimilarityTask
from bert.training.distributed import Processes
from bert.training.layer_wise import decay_learning_rate_by_layer
from bert.training.loop import train
from bert.training.run import Run, assemble
from bert.training.schedule import make_schedule
from bert.training.script import Log, how_to_go_on, lock, make_log, run_script
from bert.training.settings import refuse_other_run, save_settings
from bert.training.state_schema import COUNT, NUMBER, REMEDY, indices
from bert.training.threads import threads_restored
from data.prefetch import prefetch
from finetuning.adapting import adaptation_in_report, budget_note, companions_of, identity_of_body
from finetuning.best import Best
from finetuning.best_model import load_best_model, save_best_model, saved_bytes
from finetuning.card import facts_of
from finetuning.generation_start import set_learning_rates
from finetuning.memory import Memory
from finetuning.messages import compared, describe, next_commands, nothing_learned, verdict
from finetuning.reading import Reading, fingerprint, read_task
from finetuning.settings import FinetuningSettings, read_settings
from finetuning.several_runs import parts_of, summarize
from finetuning.start import find_tokenizer, make_model


def main(command_line: list[str] | None = None) -> int:
    """Runs the script. Returns its exit code: 0, 2 for bad input (one sentence on stderr), or 130 if interrupted."""
    return run_script("train_finetune.py", command_line, partial(read_settings, description=__doc__), finetune)


def finetune(settings: FinetuningSettings, processes: Processes) -> int:
    """Reads the task once and trains on it: once, from several seeds, or from a random start besides."""
    log = make_log(processes)
    reading = processes.on_all(lambda: read_task(settings, find_tokenizer(settings), log, processes.device))
    reports, parts = {}, parts_of(settings)
    if not settings.resume:
        processes.on_all(lambda: [refuse_other_run(Path(part.output)) for part in parts.values()])
    with lock(settings.output, processes):
        for name, part in parts.items():
            # A part can be resumed alone.
            with lock(part.output, processes) if name else nullcontext(), threads_restored():
                ended, reports[name] = finetune_once(part, settings, reading, processes, log)
            if reports[name] is None:
                log(*how_to_go_on("train_finetune.py", settings.output))
                return 130 if ended == "interrupted" else 0
        if processes.is_main_process and len(reports) > 1:
            summarize(settings, reports, log)
    log(*next_commands(settings))
    return 0


def finetune_once(
    settings: FinetuningSettings,
    whole_settings: FinetuningSettings,
    reading: Reading,
    processes: Processes,
    log: Log,
) -> tuple[str, dict[str, Any] | None]:
    """One run, from a checkpoint to a report.

    Args:
        settings: of this run.
        whole_settings: of the script. With --seeds or --compare they name the directory of all runs.

    Returns:
        Why the run ended, and its report.json; None if the run was interrupted.
    """
    task = reading.task
    directory = Path(settings.output)
    torch.manual_seed(settings.seed)
    model = processes.on_all(lambda: make_model(settings, task, log))
    identity = {"labels": list(task.labels), "vocabulary": task.tokenizer.fingerprint} | task.identity
    identity |= identity_of_body(model)
    memory = Memory(settings, task, model.to(processes.device), processes, log)
    identity |= memory.identity
    for name, what in (("train", "training examples"), ("dev", "dev examples")):
        identity[what] = fingerprint(task.sets[name].examples)
    run = assemble(settings, model, processes, log, identity)
    run.companions += (*companions_of(model), *memory.companions(run))
    if settings.layer_decay != 1:
        decay_learning_rate_by_layer(run.optimizer, model, settings.layer_decay)
    set_learning_rates(settings, run.optimizer, model, task)
    best, saved = Best(), None
    if settings.resume:
        best = resume(run)
    training = processes.on_all(lambda: memory.batches(TaskBatches)(
        task.row_lengths(), task.make_batch, settings.batch_size, settings.seed,
        processes.rank, processes.world_size, settings.accumulate, run.progress.position,
        by_length=not task.labels_per_item, batch_tokens=settings.batch_tokens,
    ))  # fmt: skip
    schedule = make_schedule(settings, training.updates_per_epoch)
    if settings.zero_shot:
        schedule = replace(schedule, max_steps=0)
    for companion in run.companions:
        companion.begin(schedule.max_steps)  # training does so too; here a run that is too short has written nothing

    processes.broadcast(lambda: save_settings(Path(whole_settings.output), whole_settings))
    if settings.output != whole_settings.output:
        processes.broadcast(lambda: save_settings(directory, settings))
    processes.broadcast(lambda: write_json(directory / "task.json", how_to_predict(reading)))
    processes.broadcast(lambda: memory.write(directory))
    log(*describe(settings, run, task, schedule, training.updates_per_epoch), *memory.described)
    with run.reporter(schedule.max_steps) as reporter:
        if run.progress.step == 0:
            reporter.record(**run.metadata)
            if task.baseline:
                reporter.record(**task.baseline.in_log(task.baselines["dev"]))

        def evaluate() -> str | None:
            """Measures on the validation set, and saves the model if it is the best so far."""
            nonlocal best
            with run.evaluation():
                evaluation = task.evaluate(model, "dev", run.precision, processes)
            epoch = run.progress.step / training.updates_per_epoch
            metrics = {reading.metric: evaluation.metrics[reading.metric]} | evaluation.metrics  # the curves show it
            now = (reading.metric, metrics[reading.metric], run.progress.step, epoch)
            # The processes' metrics may differ in the last bit. The main process decides for all.
            is_best, best = processes.broadcast(lambda: (best.update(*now), best))
            measured = {f"dev_{name}": value for name, value in metrics.items()}
            reporter.record(**measured, **{f"heldout_{name}": value for name, value in evaluation.losses.items()})
            in_words = compared(evaluation.metrics, task.baselines.get("dev"), reading.metric)
            reporter.log(f"step {run.progress.step:,}, dev: {in_words}")
            if run.progress.step > 0:  # zero-shot has no curve
                reporter.draw_curves()
            if is_best:
                checkpoint()  # before the model: from this state a resumed run can write it again
                save_best()
            return reason_to_end()

        def reason_to_end() -> str | None:
            """Why the evaluations until now end the run. None: they do not."""
            hopeless = best.is_hopeless(reading.metric, settings.stop_if_worse, training.updates_per_epoch)
            if hopeless and run.progress.step < schedule.max_steps:
                return "pruned"
            return "stopped early" if best.patience_exhausted(settings.early_stopping) else None

        def save_best() -> None:
            """Saves the model, which is the best so far. A report of an earlier model goes."""
            weights = run.weights()
            if processes.is_main_process:
                for place in (directory, Path(whole_settings.output)):
                    (place / "report.json").unlink(missing_ok=True)
            processes.broadcast(lambda: save_best_model(settings, run, task, weights))

        def checkpoint() -> None:
            nonlocal saved
            now = (run.progress.step, replace(best))
            if saved != now:  # an evaluation and a checkpoint may be due at the same time
                run.save(best=vars(best))
                saved = now

        if best.value is not None and best.step == run.progress.step:
            save_best()  # the run may have been killed between the state and its model
        ended = reason_to_end()
        if ended is None:
            with closing(prefetch(training)) as updates:
                ended = train(run, updates, schedule, reporter.report, evaluate, checkpoint)
        if ended == "finished":
            evaluate()
            checkpoint()  # once more, for the best of all
        reporter.record(ended=ended)
    run.log_end(ended)
    if ended == "interrupted":
        return ended, None
    processes.gather(None)  # the best model is on the disk
    memory.write_fisher(directory)  # before the report, which says that the run is finished
    epochs = run.progress.step / training.updates_per_epoch
    return ended, report_best(settings, run, reading, best, epochs, memory, ended)


def resume(run: Run) -> Best:
    """Continues from the newest training state. Returns the best evaluation until then."""
    state = run.resume("its checkpoint and data", {"position": indices(2)})
    if not state:
        return Best()
    value = Rule(lambda value: value is None or type(value) in (int, float), "a number or nothing")
    counts = dict.fromkeys(("step", "evaluations_since", "last_step"), COUNT)
    rules = {"value": value, "epoch": NUMBER} | counts
    check(state.get("best"), rules, f"{run.directory}: the best evaluation in its training state", REMEDY)
    return Best(**state["best"])


def how_to_predict(reading: Reading) -> dict[str, Any]:
    """What ``python -m bert predict`` needs beside the model (``bert.commands.reading``)."""
    names = ("max_length", "long_texts", "summary_sentences", "null_threshold", "fitting_tags")
    options = {name: getattr(reading.task.options, name) for name in names}
    if (patterns := reading.task.options.patterns) is not None:
        options |= {"patterns": patterns.texts, "words": patterns.words}
    if isinstance(reading.task, SimilarityTask):
        options["score_range"] = reading.task.options.score_range
    if isinstance(reading.task, ContinualTask):
        options["label_groups"] = reading.task.groups.groups
    columns = reading.columns
    if (writing := reading.task.options.writing) is not None:
        options |= {"max_target_length": writing.max_length, "decoding": vars(writing.decoding)}
        columns = columns._replace(history=max(len(pair.source) for pair in reading.task.sets["train"].examples))
    if reading.validation is not None:
        options |= {"validation": reading.validation}  # what an export is compared on
    return {"columns": columns._asdict()} | options


def report_best(
    settings: FinetuningSettings, run: Run, reading: Reading, best: Best, epochs: float, memory: Memory, ended: str
) -> dict[str, Any]:
    """Measures the best model and writes the report. Returns the report.json; only the main process has the metrics."""
    task = reading.task
    model = load_best_model(settings, run, task)
    task.before_report()
    with run.evaluation():
        evaluations = {
            name: task.evaluate(model, name, run.precision, run.processes, in_full=run.processes.is_main_process)
            for name in ("dev", "test")
            if name in task.sets
        }
        earlier_tasks = memory.measured(run)
    baseline: dict[str, Any] = {}
    if task.baseline:
        reads = {"reads_texts": True} if task.baseline.reads_texts else {}
        baseline = {"baseline": {"name": task.baseline.name, **reads, **task.baselines}}
    for name, evaluation in evaluations.items():
        in_words = compared(evaluation.metrics, task.baselines.get(name), reading.metric)
        run.log(f"Best by {reading.metric}, after {best.epoch:.1f} epochs; {name}: {in_words}")
    config: Any = run.model.config
    start = settings.initialization or ("random" if settings.random_start else "pretrained")
    checkpoint = None if start == "scratch" else settings.checkpoint
    metadata = baseline | {
        "task": settings.task or settings.train or settings.dev or "built-in",
        "checkpoint": checkpoint, "start": start, "seed": settings.seed,
        "metric": reading.metric, "best_step": best.step, "best_epoch": best.epoch, "steps": run.progress.step,
        "epochs": round(epochs, 2), "ended": ended,
        "training_seconds": round(run.progress.seconds, 1), "labels": list(task.labels),
        "examples": {name: len(part.examples) for name, part in task.sets.items()},
        "too_long": {name: part.too_long for name, part in task.sets.items()},
        "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "max_length": settings.max_length,
        "dropout": config.hidden_dropout_prob,
        "attention_dropout": config.attention_probs_dropout_prob, **run.metadata, **earlier_tasks,
        **adaptation_in_report(run.model, model),
    }  # fmt: skip
    if not run.processes.is_main_process:
        return metadata
    metadata["saved_bytes"] = saved_bytes(run, settings)
    measured = {name: evaluation.metrics for name, evaluation in evaluations.items()} | metadata
    warning = nothing_learned(measured, evaluations["dev"].only_prediction)
    if warning:
        run.log(f"Note: {warning}")
    if note := budget_note(metadata):
        run.log(f"Note: {note}")
    title = f"Fine-tuning on {metadata['task']}"
    report = write_report(run.directory, title, metadata, evaluations, verdict(measured), warning)
    if not write_model_card(run.directory, run.model, task.tokenizer, facts_of(report, settings.adapt)):
        run.log(f"Note: {run.directory / 'README.md'} is not as this script wrote it, so it stays as it is.")
    return report


if __name__ == "__main__":
    raise SystemExit(main())
