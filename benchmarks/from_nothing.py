"""From random weights to a classifier of film reviews, in minutes: pretraining and fine-tuning on IMDb alone.

    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --output runs/from-nothing            # on a GPU
    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --size tiny --minutes 2 --labelled 1000 \
        --finetuning-rate 3e-4 --compare --output runs/tried-out                                      # on a laptop

It needs IMDb's files in the folder that the environment variable BERT_DATA names: imdb/unsup.txt with a review in each
line, and imdb/train.tsv with a label and a text. Both may be compressed. A tenth of the labelled reviews is held out.
Copies of these are left out of the others and of the unlabelled ones. On the rest train_pretrain.py learns a vocabulary
and pretrains a model. Then train_finetune.py trains it on the labels and measures it on the tenth. Both read 128 tokens
at a time, and longer reviews in windows, since later positions would be untrained.

The learning rate of pretraining falls to 0 with the last step, so the number of steps must be known. We first measure
the speed of ``--trial-steps`` and then make as many steps as fit into ``--minutes``. Such short runs are better without
dropout (Geiping & Goldstein 2022); fine-tuning on few labels needs it all the more. At the end the script prints the
minutes of each part, from the first read of a file to the last score. Their sum leaves out nothing.
"""

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import train_finetune
import train_pretrain
from benchmarks.trials import add_rows
from bert.errors import InputError
from bert.files.tables import read_lines, tsv_line
from bert.tasks.classification.read import Example, hold_out, read_examples
from bert.tasks.options import Columns
from bert.training.flags import above_zero, positive, probability
from bert.training.reporting import read_log
from finetuning.known_tasks import KNOWN_TASKS, find_file
from pretraining.recipes import RECIPES

LENGTH = 128  # tokens, in both trainings
REPORT_EVERY = 50  # updates; the first report does not count in a speed


def main(arguments: list[str] | None = None) -> None:
    given = make_parser().parse_args(arguments)
    if "BERT_DATA" not in os.environ:
        raise SystemExit("the environment variable BERT_DATA is not set; it names the folder that imdb/ is in")
    if given.output.exists():
        raise SystemExit(f"--output {given.output} is there already; name a new one")
    if given.trial_steps < 2 * REPORT_EVERY or given.trial_steps % REPORT_EVERY:
        raise SystemExit(f"--trial-steps {given.trial_steps}: a multiple of {REPORT_EVERY} from {2 * REPORT_EVERY} on")
    table = Table(given)
    try:
        with table.minutes("all of it"):
            measure(given, Path(os.environ["BERT_DATA"], "imdb"), table)
    except InputError as error:
        raise SystemExit(str(error)) from None
    for row in table.rows:
        print(f"{row['case']:80}{row['ours']:>12,.2f} {row['unit']}")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="a new folder for the texts and both runs")
    parser.add_argument("--size", choices=RECIPES, default="base", help="the model (base)")
    parser.add_argument("--minutes", type=above_zero, default=10, help="of pretraining (10)")
    parser.add_argument("--trial-steps", type=positive, default=200, help="to measure its speed (200)")
    parser.add_argument("--learning-rate", type=above_zero, help="of pretraining (3e-4 for base; else the size's own)")
    parser.add_argument("--batch-size", type=positive, help="of pretraining (the size's own)")
    parser.add_argument("--compile", action="store_true", help="torch.compile, in pretraining")
    parser.add_argument("--labelled", type=positive, help="fine-tune on so many reviews (all but the tenth)")
    parser.add_argument("--finetuning-rate", type=above_zero, default=5e-5, help="of fine-tuning (5e-5)")
    parser.add_argument("--dropout", type=probability, default=0.1, help="in fine-tuning (0.1); pretraining has none")
    parser.add_argument("--epochs", type=positive, default=3, help="of fine-tuning (3)")
    parser.add_argument("--compare", action="store_true", help="fine-tune from random weights too")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", type=Path, help="where to keep the rows")
    return parser


class Table:
    """The rows of the run, printed at its end, and kept in --json as they come.

    precision: the run's, once it is known.
    """

    def __init__(self, given: argparse.Namespace):
        labelled = "all" if given.labelled is None else f"{given.labelled:,}"
        self.rows, self.precision = [], None
        self._json, self._run = given.json, f"{given.size}, {given.minutes:g} min, {labelled} labelled"

    def add(self, case: str, value: float, unit: str) -> None:
        row = {"case": f"{self._run}: {case}", "precision": self.precision, "ours": value, "theirs": None,
               "unit": unit, "ratio": None}  # fmt: skip
        self.rows.append(row)
        add_rows(self._json, [row])

    @contextlib.contextmanager
    def minutes(self, case: str) -> Iterator[None]:
        """Adds the time of the block, if the block ends well."""
        started = time.perf_counter()
        yield
        self.add(f"{case}, time", (time.perf_counter() - started) / 60, "minutes")


def measure(given: argparse.Namespace, imdb: Path, table: Table) -> None:
    """The parts, one after the other, each with its rows."""
    given.output.mkdir(parents=True)
    texts, train, dev = (given.output / name for name in ("pretraining.txt", "train.tsv", "dev.tsv"))
    with table.minutes("split the reviews"):
        split_reviews(imdb, texts, train, dev, given.labelled)

    trial, pretrained = given.output / "trial", given.output / "pretrained"
    shards = ["--shards", given.output / "shards"]
    with table.minutes("learn a vocabulary, tokenize, trial"):
        pretrain(given, trial, given.trial_steps, ["--corpus", texts, "--document-per-line", *shards])
    log = read_log(trial / "log.jsonl")
    table.precision = next(line["precision"] for line in log if "precision" in line)
    reports = [line for line in log if "tokens_per_second" in line]
    speed = statistics.harmonic_mean([line["tokens_per_second"] for line in reports[1:]])
    steps = int(60 * given.minutes * speed / (reports[-1]["tokens"] / reports[-1]["step"]))
    with table.minutes("pretrain"):
        corpus = ["--corpus", texts, "--document-per-line", *shards, "--vocab", trial]
        pretrain(given, pretrained, max(steps, 1), corpus)
    log = read_log(pretrained / "log.jsonl")
    last = {name: value for line in log for name, value in line.items()}  # the last value of each
    table.add("pretraining, updates", last["step"], "updates")
    table.add("pretraining, real tokens", last["tokens"] / last["seconds"], "tokens/s")
    waits = statistics.mean(line["waiting_for_data"] for line in log if "waiting_for_data" in line)
    table.add("pretraining, waiting for data", 100 * waits, "%")
    table.add("pretraining, held-out masked LM", last["heldout_masked_lm_loss"], "nats")
    table.add("pretraining, guessing by frequency", last["unigram_masked_lm_loss"], "nats")
    table.add("pretraining, guessing from two pieces on each side", last["five_gram_masked_lm_loss"], "nats")
    table.add("pretraining, held-out NSP", 100 * last["heldout_next_sentence_accuracy"], "%")
    table.add("pretraining, the more frequent label", 100 * last["majority_next_sentence_accuracy"], "%")

    starts = {"pretrained": [], "random": ["--random-start"]} if given.compare else {"pretrained": []}
    for start, flags in starts.items():
        run = given.output / f"finetuned-{start}"
        with table.minutes(f"fine-tune, {start} start"):
            finetune(given, run, pretrained, train, dev, flags)
        scores = [line["dev_accuracy"] for line in read_log(run / "log.jsonl") if "dev_accuracy" in line]
        table.add(f"dev accuracy after the last epoch, {start} start", 100 * scores[-1], "%")
        table.add(f"dev accuracy of the best epoch, {start} start", 100 * max(scores), "%")


def split_reviews(imdb: Path, texts: Path, train: Path, dev: Path, labelled: int | None) -> None:
    """Writes the texts for pretraining and the two labelled sets. No review of dev is in another file."""
    columns = KNOWN_TASKS["imdb"].columns or Columns()
    reviews = list(read_examples(find_file(imdb, "train.tsv"), columns))
    others, held_out = hold_out(reviews)
    held_out_texts = {in_a_line(review.first) for review in held_out}
    others = [review for review in others if in_a_line(review.first) not in held_out_texts]
    if labelled is not None:
        spread = np.linspace(0, len(others) - 1, min(labelled, len(others))).round().astype(int)
    write_table(train, others if labelled is None else [others[place] for place in spread])
    write_table(dev, held_out)
    with texts.open("w", encoding="utf-8") as file:
        for review in others:
            file.write(in_a_line(review.first) + "\n")
        for _, text in read_lines(find_file(imdb, "unsup.txt")):
            if in_a_line(text) not in held_out_texts:
                file.write(in_a_line(text) + "\n")


def in_a_line(text: str) -> str:
    return " ".join(text.split())


def write_table(path: Path, examples: list[Example]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(tsv_line, [("label", "text"), *((each.label, each.first) for each in examples)]))


def pretrain(given: argparse.Namespace, output: Path, steps: int, corpus: list) -> None:
    rate = given.learning_rate or (3e-4 if given.size == "base" else None)
    flags = [
        "--size", given.size, "--output", output, "--max-length", LENGTH, "--max-steps", steps,
        "--device", given.device, "--dropout", 0, "--sinusoidal-start", "--report-every", REPORT_EVERY,
        "--eval-every", steps, "--checkpoint-every", steps,
        *corpus, *([] if rate is None else ["--learning-rate", rate]),
        *([] if given.batch_size is None else ["--batch-size", given.batch_size]),
        *(["--compile"] if given.compile else []),
    ]  # fmt: skip
    run_to_its_end(train_pretrain, flags)


def finetune(given, output: Path, checkpoint: Path, train: Path, dev: Path, flags: list) -> None:
    run_to_its_end(train_finetune, [
        "--train", train, "--dev", dev, "--checkpoint", checkpoint, "--output", output, "--epochs", given.epochs,
        "--learning-rate", given.finetuning_rate, "--max-length", LENGTH, "--long-texts", "windows",
        "--device", given.device, "--dropout", given.dropout, *flags,
    ])  # fmt: skip


def run_to_its_end(script, flags: list) -> None:
    status = script.main([str(flag) for flag in flags])
    if status != 0:
        raise SystemExit(f"{script.__name__}.py ended with {status}; what it said is above")


if __name__ == "__main__":
    main()
