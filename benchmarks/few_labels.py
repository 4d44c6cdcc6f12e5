"""Few labels: cloze questions beside fine-tuning, and beside logistic regression on mean states or on words.

    python -m benchmarks.few_labels --task library --checkpoint runs/pretrain --labelled 32 100 --json few.json
    BERT_DATA=path/to/the/data python -m benchmarks.few_labels --task imdb --checkpoint runs/from-nothing/pretrained

"library" is the built-in task. SST-2 and IMDb are in the folder that the environment variable BERT_DATA names. The
checkpoint must have the head of masked language modelling.

A trial draws so many labelled texts, as many of each label, and measures on other texts. All methods of a seed have the
same texts. No method sees the measured ones: each trains for ``--max-steps`` and is measured once, at the end. The
unlabelled texts are further training texts, without their labels.

- "majority" answers with the most frequent label of the measured texts. A method that reads nothing can do no better.
- An update has 16 texts in every method. Beside unlabelled texts 4 of them are labelled, as in PET.
- "PET" is ``python -m finetuning.pet``: ``--pet-seeds`` models for each pattern, then a classifier that learns from
  them for ``--distil-steps``. The classifier is what is measured. The seconds are of all runs together.
- "words" knows no checkpoint: tf-idf of words and pairs of words, and logistic regression (``benchmarks.words_alone``).
  It reads whole texts, however long they are.
- Logistic regression is scikit-learn's, with its default penalty, on standardized vectors: the mean of the last states
  (``python -m bert embed``).

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
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

import train_finetune
from benchmarks.trials import in_a_process_of_its_own, results_of
from benchmarks.words_alone import logistic_regression, word_vectors
from bert.checkpoints.directory import load_checkpoint, load_config
from bert.checkpoints.vocabulary import load_tokenizer
from bert.checkpoints.weights import read_weights
from bert.commands.embed import embed
from bert.files.tables import tsv_line
from bert.model.bert import BertModel
from bert.tasks.classification.read import Example, hold_out, read_examples
from bert.tasks.metrics import classification_metrics
from bert.tasks.options import MASKED_LM_WEIGHT, Options
from data.text.python_docs import read_named_python_docs
from finetuning import pet
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
METHODS = (
    "majority", "zero-shot", "cloze", "cloze, unlabelled texts", "PET", "fine-tuning", "logistic regression", "words",
)  # fmt: skip
WITHOUT_LABELS = ("majority", "zero-shot")
Metrics = dict[str, float]


@dataclass(frozen=True)
class Trial:
    """All that a result depends on, but for the code."""

    task: str
    method: str
    labelled: int  # 0 if the method takes none
    seed: int
    checkpoint: str
    max_steps: int
    learning_rate: float
    max_length: int
    unlabelled: int  # texts, at most
    measured: int  # texts, at most
    pet_seeds: int
    distil_steps: int
    masked_lm_weight: float


@dataclass(frozen=True)
class Result:
    """What a trial gave. The memory is the largest resident set of a process."""

    accuracy: float
    macro_f1: float
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
    training: Sequence[Example], measured: Sequence[Example], labelled: int, unlabelled: int, most: int, seed: int
) -> tuple[list[Example], list[Example], list[Example]]:
    """(labelled, unlabelled, measured): random texts, with as many of each label among the labelled.

    Args:
        most: how many are measured, at most.
    """
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
    test = [measured[index] for index in np.random.default_rng(0).permutation(len(measured))[:most]]
    return few, others[:unlabelled], test


# ---- the methods ------------------------------------------------------------------------------------------


def run_trial(trial: Trial, texts: tuple[list[Example], list[Example]]) -> Result:
    """One method on one draw of the texts."""
    few, unlabelled, measured = draw(*texts, trial.labelled, trial.unlabelled, trial.measured, trial.seed)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(sys.stderr):
        folder = Path(directory)
        for name, examples in (("few", few), ("measured", measured)):
            rows = [("label", "text"), *((example.label, example.first) for example in examples)]
            (folder / f"{name}.tsv").write_text("".join(map(tsv_line, rows)), encoding="utf-8")
        texts = [tsv_line([example.first]) for example in unlabelled]
        (folder / "unlabelled.tsv").write_text("text\n" + "".join(texts), encoding="utf-8")
        started = time.perf_counter()
        if trial.method == "majority":
            counts = Counter(str(example.label) for example in measured)
            metrics, parameters, size = score([max(counts, key=counts.__getitem__)] * len(measured), measured), 0, 0
        elif trial.method == "logistic regression":
            metrics, parameters, size = regress(trial, few, measured)
        elif trial.method == "words":
            metrics, parameters, size = read_words(few, measured)
        else:
            metrics, parameters, size = (run_pet if trial.method == "PET" else finetune)(trial, folder)
        seconds = time.perf_counter() - started
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    return Result(
        metrics["accuracy"], metrics["macro_f1"], parameters, round(seconds, 1), round(peak), round(size / 1e6, 3)
    )


def score(predicted: Sequence[str], measured: Sequence[Example]) -> Metrics:
    """The metrics of predicted labels."""
    truth = [str(example.label) for example in measured]
    labels = sorted({*truth, *predicted})
    ids = (np.array([labels.index(label) for label in each]) for each in (truth, predicted))
    return classification_metrics(*ids, len(labels))


def finetune(trial: Trial, folder: Path) -> tuple[Metrics, int, int]:
    """The metrics of ``train_finetune.py``, and how many parameters it trained and bytes it saved."""
    run = folder / "run"
    flags = ["--dev", folder / "measured.tsv", "--output", run, "--seed", trial.seed, *flags_of_all(trial)]
    if trial.method != "fine-tuning":
        write_patterns(folder / "patterns.toml", trial.task)
        flags += ["--problem", "cloze", "--patterns", folder / "patterns.toml"]
    if trial.method == "zero-shot":
        flags.append("--zero-shot")
    else:
        flags += ["--train", folder / "few.tsv", "--max-steps", trial.max_steps, "--eval-every", trial.max_steps]
    if trial.method == "cloze, unlabelled texts":
        flags += ["--unlabelled", folder / "unlabelled.tsv", "--masked-lm-weight", trial.masked_lm_weight]
        flags += ["--batch-size", 4]  # and three unlabelled ones by each
    elif trial.method != "zero-shot":
        flags += ["--batch-size", 16]
    check(train_finetune.main([str(flag) for flag in flags]), "train_finetune.py")
    return what_came_out(run, is_trained=trial.method != "zero-shot")


def run_pet(trial: Trial, folder: Path) -> tuple[Metrics, int, int]:
    """The metrics of PET's classifier, its parameters and its bytes."""
    write_patterns(folder / "patterns.toml", trial.task)
    names = {"patterns": "patterns.toml", "train": "few.tsv", "unlabelled": "unlabelled.tsv", "dev": "measured.tsv"}
    flags = [part for flag, name in names.items() for part in (f"--{flag}", folder / name)]
    flags += ["--output", folder / "pet", "--seed", trial.seed * trial.pet_seeds, "--seeds", trial.pet_seeds]
    flags += ["--steps", trial.max_steps, "--distil-steps", trial.distil_steps, *flags_of_all(trial)]
    flags += ["--masked-lm-weight", trial.masked_lm_weight]
    flags += ["--eval-every", max(trial.max_steps, trial.distil_steps)]
    check(pet.main([str(flag) for flag in flags]), "finetuning.pet")
    return what_came_out(folder / "pet" / "classifier")


def flags_of_all(trial: Trial) -> list[object]:
    """The flags that every run of a trial has."""
    flags = ["--checkpoint", trial.checkpoint, "--max-length", trial.max_length, "--long-texts", "head+tail"]
    return [*flags, "--learning-rate", trial.learning_rate, "--dropout", 0.1]


def check(status: int, script: str) -> None:
    """Raises RuntimeError if a script has failed."""
    if status != 0:
        raise RuntimeError(f"{script} ended with {status}; what it said is above")


def what_came_out(run: Path, is_trained: bool = True) -> tuple[Metrics, int, int]:
    """The metrics of a run, its trained parameters, and the bytes of its weights."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    path, weights = read_weights(run)
    return report["dev"], sum(weight.numel() for weight in weights.values()) * is_trained, path.stat().st_size


def write_patterns(path: Path, task: str) -> None:
    """The patterns of a task as a TOML file. JSON's texts and lists are TOML's too."""
    words = "".join(f"{json.dumps(label)} = {json.dumps(words)}\n" for label, words in QUESTIONS[task]["words"].items())
    path.write_text(f"patterns = {json.dumps(QUESTIONS[task]['patterns'])}\n[words]\n{words}", encoding="utf-8")


def regress(trial: Trial, few: Sequence[Example], measured: Sequence[Example]) -> tuple[Metrics, int, int]:
    """The metrics of logistic regression on mean states, its parameters, and their bytes."""
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
    parameters = regression[-1].coef_.size + regression[-1].intercept_.size
    return score(list(regression.predict(vectors[1])), measured), parameters, 8 * parameters


def read_words(few: Sequence[Example], measured: Sequence[Example]) -> tuple[Metrics, int, int]:
    """The same of logistic regression on words, without a checkpoint."""
    vectors = word_vectors([example.first for example in few], [example.first for example in measured])
    regression = logistic_regression(vectors[0], [str(example.label) for example in few])
    parameters = regression.coef_.size + regression.intercept_.size
    return score(regression.predict(vectors[1]).tolist(), measured), parameters, 8 * parameters


# ---- the table --------------------------------------------------------------------------------------------


def trials_of(options: argparse.Namespace) -> list[Trial]:
    """All trials, method by method."""
    return [
        Trial(options.task, method, labelled, seed, str(options.checkpoint), options.max_steps, options.learning_rate,
              options.max_length, options.unlabelled, options.measured, options.pet_seeds, options.distil_steps,
              options.masked_lm_weight)
        for method in options.methods
        for labelled in ([0] if method in WITHOUT_LABELS else options.labelled)
        for seed in range(options.first_seed, options.first_seed + (1 if method in WITHOUT_LABELS else options.seeds))
    ]  # fmt: skip


def print_table(results: dict[Trial, Result]) -> None:
    """A line for each method and number of labels: mean and standard deviation over the seeds."""
    print(
        f"\n{'':26}{'labels':>7}{'seeds':>6}{'accuracy':>18}{'macro-F1':>18}{'trained':>13}{'seconds':>9}"
        f"{'peak MB':>9}{'saved MB':>10}"
    )
    groups: dict[tuple[str, int], list[Result]] = {}
    for trial, result in results.items():
        groups.setdefault((trial.method, trial.labelled), []).append(result)
    for (method, labelled), group in groups.items():
        accuracy, macro_f1 = (mean_of([getattr(each, name) for each in group]) for name in ("accuracy", "macro_f1"))
        means = [statistics.mean(getattr(result, name) for result in group) for name in ("seconds", "peak_megabytes")]
        print(
            f"{method:26}{labelled:7}{len(group):6}{accuracy:>18}{macro_f1:>18}"
            f"{group[0].trained_parameters:13,}{means[0]:9,.1f}{means[1]:9,.0f}{group[0].saved_megabytes:10,.3f}"
        )


def mean_of(values: Sequence[float]) -> str:
    """The mean, and the standard deviation if there are several."""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=QUESTIONS, default="library", help="(library, the built-in task)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="(all)")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pretrain"), help="(runs/pretrain)")
    parser.add_argument("--labelled", type=int, nargs="+", default=[32, 100], help="numbers of labelled texts (32 100)")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each (3)")
    parser.add_argument("--first-seed", type=int, default=0, help="of the draws (0); tune on others than you report")
    parser.add_argument("--unlabelled", type=int, default=5_000, help="unlabelled texts, at most (5,000)")
    parser.add_argument("--measured", type=int, default=1_000, help="texts to measure on, at most (1,000)")
    parser.add_argument("--pet-seeds", type=int, default=1, help="models of each pattern in PET (1)")
    parser.add_argument("--distil-steps", type=int, default=500, help="updates of PET's classifier (500)")
    parser.add_argument(
        "--masked-lm-weight", type=float, default=MASKED_LM_WEIGHT,
        help="of the masked tokens in unlabelled texts (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--max-steps", type=int, default=250, help="updates (250)")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="of all that is fine-tuned (5e-5)")
    parser.add_argument("--max-length", type=int, default=128, help="tokens (128)")
    parser.add_argument("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    if options.task in FOLDERS and "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    texts = cache(partial(read_texts, options.task))  # once, and only if there is something to measure

    def measure(trial: Trial) -> Result:
        return in_a_process_of_its_own(run_trial, trial, texts())

    print_table(results_of(trials_of(options), case_of, measure, Result, options.json))


def case_of(trial: Trial) -> str:
    """The name of its row in the --json file."""
    return ", ".join(f"{name} {value}" for name, value in asdict(trial).items())


if __name__ == "__main__":
    main()
