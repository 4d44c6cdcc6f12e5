"""Few labels: cloze questions beside fine-tuning, and beside logistic regression on the body's mean states.

    python -m benchmarks.few_labels --task library --checkpoint runs/pretrain --labelled 32 100 --json few.json
    BERT_DATA=path/to/the/data python -m benchmarks.few_labels --task imdb --checkpoint runs/from-nothing/pretrained

"library" is the built-in task. SST-2 and IMDb are in the folder that the environment variable BERT_DATA names. The
checkpoint must have the head of masked language modelling.

A trial draws so many labelled texts, as many of each label, and measures on other texts. All methods of a seed have the
same texts. No method sees the measured ones: each trains for ``--max-steps`` and is measured once, at the end. The
unlabelled texts are further training texts, without their labels. Logistic regression is scikit-learn's, with its
default penalty, on standardized vectors: the mean of the last states (``python -m bert embed``).

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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import train_finetune
from benchmarks.finetuning import add_rows, read_rows
from benchmarks.tokenization import in_a_process_of_its_own
from bert.checkpoints.directory import load_checkpoint, load_config
from bert.checkpoints.vocabulary import load_tokenizer
from bert.checkpoints.weights import read_weights
from bert.commands.embed import embed
from bert.files.tables import tsv_line
from bert.model.bert import BertModel
from bert.tasks.classification.read import Example, hold_out, read_examples
from bert.tasks.options import Options
from data.text.python_docs import read_named_python_docs
from finetuning.built_in import library_examples
from finetuning.known_tasks import KNOWN_TASKS, find_file

SENTIMENT = {
    "patterns": ["{text} It was [MASK].", "{text} All in all, it was [MASK].", "Just [MASK]! {text}"],
    "words": {"0": ["terrible", "bad"], "1": ["great", "good"]},
}
QUESTIONS = {
    "library": {
        "patterns": ["[MASK]: {text}", "{text} ([MASK])"],
        "words": {"numpy": ["numpy"], "python": ["python"], "torch": ["torch"], "language reference": ["statement"]},
    },
    "sst2": SENTIMENT,
    "imdb": SENTIMENT,
}
FOLDERS = {"sst2": "glue/SST-2", "imdb": "imdb"}
METHODS = ("zero-shot", "cloze", "cloze, unlabelled texts", "fine-tuning", "logistic regression")
MEASURED, UNLABELLED = 1_000, 5_000  # texts, at most


@dataclass(frozen=True)
class Trial:
    """All that a result depends on, but for the code."""

    task: str
    method: str
    labelled: int  # 0 in a zero-shot trial
    seed: int
    checkpoint: str
    max_steps: int
    learning_rate: float
    max_length: int


@dataclass(frozen=True)
class Result:
    """What a trial gave. The memory is the process's largest resident set."""

    accuracy: float
    trained_parameters: int
    seconds: float
    peak_megabytes: float
    saved_megabytes: float


# ---- the texts --------------------------------------------------------------------------------------------


def read_texts(task: str) -> tuple[list[Example], list[Example]]:
    """Training texts, and others to measure on."""
    if task == "library":
        return library_examples(read_named_python_docs())
    known, folder = KNOWN_TASKS[task], Path(os.environ["BERT_DATA"], FOLDERS[task])
    training = list(read_examples(find_file(folder, "train.tsv"), known.columns))
    if known.dev is None:
        return hold_out(training)
    return training, list(read_examples(find_file(folder, known.dev), known.columns))


def draw(
    training: Sequence[Example], measured: Sequence[Example], labelled: int, seed: int
) -> tuple[list[Example], list[Example], list[Example]]:
    """(labelled, unlabelled, measured): random texts, with as many of each label among the labelled."""
    generator = np.random.default_rng(seed)
    order = [training[index] for index in generator.permutation(len(training))]
    labels = sorted({str(example.label) for example in training})
    few = [
        example
        for label in labels
        for example in [each for each in order if each.label == label][: labelled // len(labels)]
    ]
    drawn = {example.line for example in few}
    others = [example for example in order if example.line not in drawn]
    test = [measured[index] for index in np.random.default_rng(0).permutation(len(measured))[:MEASURED]]
    return few, others[:UNLABELLED], test


# ---- the methods ------------------------------------------------------------------------------------------


def run_trial(trial: Trial) -> Result:
    """One method on one draw."""
    few, unlabelled, measured = draw(*read_texts(trial.task), trial.labelled, trial.seed)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(sys.stderr):
        folder = Path(directory)
        for name, examples in (("few", few), ("measured", measured)):
            rows = [("label", "text"), *((example.label, example.first) for example in examples)]
            (folder / f"{name}.tsv").write_text("".join(map(tsv_line, rows)), encoding="utf-8")
        texts = [tsv_line([example.first]) for example in unlabelled]
        (folder / "unlabelled.tsv").write_text("text\n" + "".join(texts), encoding="utf-8")
        started = time.perf_counter()
        if trial.method == "logistic regression":
            accuracy, parameters, size = regress(trial, few, measured)
        else:
            accuracy, parameters, size = finetune(trial, folder)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(accuracy, parameters, round(seconds, 1), round(peak), round(size / 1e6, 3))


def finetune(trial: Trial, folder: Path) -> tuple[float, int, int]:
    """The accuracy of ``train_finetune.py``, and how many parameters it trained and bytes it saved."""
    run = folder / "run"
    flags = ["--checkpoint", trial.checkpoint, "--dev", folder / "measured.tsv", "--output", run]
    flags += ["--max-length", trial.max_length, "--long-texts", "head+tail", "--seed", trial.seed]
    if trial.method != "fine-tuning":
        write_patterns(folder / "patterns.toml", trial.task)
        flags += ["--problem", "cloze", "--patterns", folder / "patterns.toml"]
    if trial.method == "zero-shot":
        flags.append("--zero-shot")
    else:
        flags += ["--train", folder / "few.tsv", "--max-steps", trial.max_steps, "--eval-every", trial.max_steps]
        flags += ["--learning-rate", trial.learning_rate, "--batch-size", 16, "--dropout", 0.1]
    if trial.method == "cloze, unlabelled texts":
        flags += ["--unlabelled", folder / "unlabelled.tsv"]
    status = train_finetune.main([str(flag) for flag in flags])
    if status != 0:
        raise RuntimeError(f"train_finetune.py ended with {status}; what it said is above")
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    path, weights = read_weights(run)
    trained = 0 if trial.method == "zero-shot" else sum(weight.numel() for weight in weights.values())
    return report["dev"]["accuracy"], trained, path.stat().st_size


def write_patterns(path: Path, task: str) -> None:
    """The patterns of a task as a TOML file. JSON's texts and lists are TOML's too."""
    words = "".join(f"{json.dumps(label)} = {json.dumps(words)}\n" for label, words in QUESTIONS[task]["words"].items())
    path.write_text(f"patterns = {json.dumps(QUESTIONS[task]['patterns'])}\n[words]\n{words}", encoding="utf-8")


def regress(trial: Trial, few: Sequence[Example], measured: Sequence[Example]) -> tuple[float, int, int]:
    """The accuracy of logistic regression on mean states, its parameters, and their bytes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = load_checkpoint(trial.checkpoint, BertModel, with_pooler=False)
    longest = min(trial.max_length, load_config(trial.checkpoint).max_position_embeddings)
    options = Options(longest, long_texts="head+tail")
    vectors = [
        np.stack(list(embed(model, load_tokenizer(trial.checkpoint), texts, options))) for texts in (few, measured)
    ]
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    regression.fit(vectors[0], [example.label for example in few])
    right = regression.predict(vectors[1]) == np.array([example.label for example in measured])
    parameters = regression[-1].coef_.size + regression[-1].intercept_.size
    return float(right.mean()), parameters, 8 * parameters


# ---- the table --------------------------------------------------------------------------------------------


def trials_of(options: argparse.Namespace) -> list[Trial]:
    """All trials, method by method."""
    return [
        Trial(options.task, method, labelled, seed, str(options.checkpoint), options.max_steps, options.learning_rate,
              options.max_length)
        for method in options.methods
        for labelled in ([0] if method == "zero-shot" else options.labelled)
        for seed in range(1 if method == "zero-shot" else options.seeds)
    ]  # fmt: skip


def print_table(results: dict[Trial, Result]) -> None:
    """A line for each method and number of labels: mean and standard deviation over the seeds."""
    print(
        f"\n{'':26}{'labels':>7}{'seeds':>6}{'accuracy':>18}{'trained':>13}{'seconds':>9}{'peak MB':>9}{'saved MB':>10}"
    )
    groups: dict[tuple[str, int], list[Result]] = {}
    for trial, result in results.items():
        groups.setdefault((trial.method, trial.labelled), []).append(result)
    for (method, labelled), group in groups.items():
        values = [result.accuracy for result in group]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        means = [statistics.mean(getattr(result, name) for result in group) for name in ("seconds", "peak_megabytes")]
        print(
            f"{method:26}{labelled:7}{len(group):6}{f'{statistics.mean(values):.4f}{spread}':>18}"
            f"{group[0].trained_parameters:13,}{means[0]:9,.1f}{means[1]:9,.0f}{group[0].saved_megabytes:10,.3f}"
        )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=QUESTIONS, default="library", help="(library, the built-in task)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="(all)")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pretrain"), help="(runs/pretrain)")
    parser.add_argument("--labelled", type=int, nargs="+", default=[32, 100], help="numbers of labelled texts (32 100)")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each: seeds 0, 1, ... (3)")
    parser.add_argument("--max-steps", type=int, default=250, help="updates (250)")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="of all that is fine-tuned (5e-5)")
    parser.add_argument("--max-length", type=int, default=128, help="tokens (128)")
    parser.add_argument("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    if options.task in FOLDERS and "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    results = {}
    for trial in trials_of(options):
        case = f"{trial.task}, {trial.labelled} labels, {trial.method}, seed {trial.seed}: " + ", ".join(
            map(str, (trial.checkpoint, trial.max_steps, trial.learning_rate, trial.max_length))
        )
        row = read_rows(options.json).get(case)
        if row is None:
            result = in_a_process_of_its_own(run_trial, trial)
            row = {"case": case} | asdict(trial) | asdict(result)
            add_rows(options.json, [row])
        results[trial] = Result(**{name: row[name] for name in Result.__dataclass_fields__})
    print_table(results)


if __name__ == "__main__":
    main()
