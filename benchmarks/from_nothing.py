"""From random weights to a classifier of film reviews, in minutes: pretraining and fine-tuning on IMDb alone.

    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --output runs/from-nothing            # on a GPU
    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --size tiny --minutes 2 --labelled 1000 \
        --finetuning-rate 3e-4 --compare --output runs/tried-out                                      # on a laptop
    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --size 2x256 --vocab-size 8000 --minutes 110 \
        --labelled 1000 --pretraining '--no-nsp --optimizer muon --masking-rate 0.3:0.15' \
        --finetuning '--pool mean' --finetuning-rate 3e-4 --epochs 5 --seeds 3 --distil 20000 \
        --output runs/in-two-hours                                                                    # on two cores

It needs IMDb's files in the folder that the environment variable BERT_DATA names: imdb/unsup.txt with a review in each
line, and imdb/train.tsv with a label and a text. Both may be compressed. ``benchmarks.film_reviews`` holds a tenth of
the labelled reviews out. On the texts of the rest train_pretrain.py learns a vocabulary and pretrains a model. Then
train_finetune.py trains it on the labels and measures it on the tenth, once, after the last epoch. Both read 128
tokens at a time, and longer reviews in windows. Later positions would be untrained.

``--seeds`` fine-tunes several times. It also measures the mean of their probabilities. With ``--distil`` these models
label so many of the texts. Another model, from the same pretraining, learns their scores. So it sees many reviews for
each labelled one. Further flags of the two scripts go into ``--pretraining``, ``--finetuning`` and ``--distilling``,
each as one text. ``--choosing`` measures other reviews than the tenth, to choose flags by. With ``--checkpoint``
besides, a run that is there is fine-tuned, and nothing is pretrained.

The learning rate of pretraining falls to 0 with the last step. So the number of steps must be known. We first measure
the speed of ``--trial-steps``. Then we make as many steps as fit into ``--minutes``. Such short runs are better without
dropout (Geiping & Goldstein 2022). Fine-tuning on few labels needs it all the more. At the end the script prints the
minutes of each part, from the first read of a file to the last score. Their sum leaves out nothing. Classifiers that
know words alone stand beside them, on the same labels (``benchmarks.words_alone``; ``--no-baselines`` leaves them out).
Their time is not in the sum.
"""

import argparse
import contextlib
import csv
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import train_finetune
import train_pretrain
from benchmarks import words_alone
from benchmarks.film_reviews import Reviews, evenly_spaced, folder_of_imdb, split_reviews
from benchmarks.from_nothing_flags import (
    PRETRAINED,
    REPORT_EVERY,
    check,
    distilled,
    distilling_flags,
    finetuned,
    finetuning_flags,
    make_parser,
    pretraining_flags,
    starts,
    unlabelled_file,
)
from benchmarks.trials import add_rows
from bert.errors import InputError
from bert.files.tables import read_lines
from bert.training.reporting import read_log


def main(arguments: list[str] | None = None) -> None:
    given = make_parser(__doc__.split("\n")[0]).parse_args(arguments)
    imdb = folder_of_imdb()
    if given.output.exists():
        raise SystemExit(f"--output {given.output} is there already; name a new one")
    if given.trial_steps < 2 * REPORT_EVERY or given.trial_steps % REPORT_EVERY:
        raise SystemExit(f"--trial-steps {given.trial_steps}: a multiple of {REPORT_EVERY} from {2 * REPORT_EVERY} on")
    table = Table(given)
    try:
        check(given)
        given.output.mkdir(parents=True)
        with table.minutes("all of it"):
            reviews = measure(given, imdb, table)
        table.show()
        for method in words_alone.METHODS if given.baselines and given.checkpoint is None else ():
            with table.minutes(f"without a network: {method}"):
                accuracy = words_alone.measure(method, reviews).accuracy
            table.add(f"without a network: {method}, accuracy", 100 * accuracy, "%")
            table.show()
    except InputError as error:
        raise SystemExit(str(error)) from None


class Table:
    """The rows of the run, kept in --json as they come.

    precision: the run's, once it is known.
    """

    def __init__(self, given: argparse.Namespace):
        labelled = "all" if given.labelled is None else f"{given.labelled:,}"
        self.rows, self.precision, self._shown = [], None, 0
        start = f"{given.size}, {given.minutes:g} min" if given.checkpoint is None else str(given.checkpoint)
        choosing = ", to choose" if given.choosing else ""
        self._json, self._run = given.json, f"{start}, {labelled} labelled{choosing}"

    def add(self, case: str, value: float, unit: str) -> None:
        row = {"case": f"{self._run}: {case}", "precision": self.precision, "ours": value, "theirs": None,
               "unit": unit, "ratio": None}  # fmt: skip
        self.rows.append(row)
        add_rows(self._json, [row])

    def show(self) -> None:
        """Prints the rows that it has not printed yet."""
        for row in self.rows[self._shown :]:
            print(f"{row['case']:80}{row['ours']:>12,.2f} {row['unit']}", flush=True)
        self._shown = len(self.rows)

    @contextlib.contextmanager
    def minutes(self, case: str) -> Iterator[None]:
        """Adds the time of the block, if the block ends well."""
        started = time.perf_counter()
        yield
        self.add(f"{case}, time", (time.perf_counter() - started) / 60, "minutes")


def measure(given: argparse.Namespace, imdb: Path, table: Table) -> Reviews:
    """The parts, one after the other, each with its rows. Returns the files of reviews."""
    with table.minutes("split the reviews"):
        reviews = split_reviews(imdb, given.output, given.labelled, given.choosing)
    if given.checkpoint is None:
        measure_pretraining(given, table)
    for start in starts(given):
        with table.minutes(f"fine-tune, {start} start"):
            run_to_its_end(train_finetune, finetuning_flags(given, start))
        runs = finetuned(given, start)
        scores = [100 * accuracy_of(run) for run in runs]
        table.add(f"dev accuracy after the last epoch, {start} start", statistics.mean(scores), "%")
        if given.seeds > 1:
            table.add(f"standard deviation over {given.seeds} seeds, {start} start", statistics.stdev(scores), "%")
            table.add(f"dev accuracy of their mean probabilities, {start} start", 100 * joint_accuracy(runs), "%")
    if given.distil:
        with table.minutes(f"learn {given.distil:,} reviews as the fine-tuned models label them"):
            texts = evenly_spaced([text for _, text in read_lines(reviews.texts)], given.distil)
            unlabelled_file(given).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            run_to_its_end(train_finetune, distilling_flags(given))
        table.add("dev accuracy of the model that learned from them", 100 * accuracy_of(distilled(given)), "%")
    return reviews


def measure_pretraining(given: argparse.Namespace, table: Table) -> None:
    """Pretrains for the minutes asked for, and adds its rows."""
    trial, pretrained = given.output / "trial", given.output / PRETRAINED
    with table.minutes("learn a vocabulary, tokenize, trial"):
        run_to_its_end(train_pretrain, pretraining_flags(given, trial, given.trial_steps))
    log = read_log(trial / "log.jsonl")
    table.precision = next(line["precision"] for line in log if "precision" in line)
    reports = [line for line in log if "tokens_per_second" in line]
    speed = statistics.harmonic_mean([line["tokens_per_second"] for line in reports[1:]])
    steps = int(60 * given.minutes * speed / (reports[-1]["tokens"] / reports[-1]["step"]))
    with table.minutes("pretrain"):
        run_to_its_end(train_pretrain, pretraining_flags(given, pretrained, max(steps, 1), vocab=trial))
    log = read_log(pretrained / "log.jsonl")
    last = {name: value for line in log for name, value in line.items()}  # the last value of each
    table.add("pretraining, updates", last["step"], "updates")
    table.add("pretraining, real tokens", last["tokens"] / last["seconds"], "tokens/s")
    waits = statistics.mean(line["waiting_for_data"] for line in log if "waiting_for_data" in line)
    table.add("pretraining, waiting for data", 100 * waits, "%")
    table.add("pretraining, held-out masked LM", last["heldout_masked_lm_loss"], "nats")
    table.add("pretraining, held-out blanks right", 100 * last["heldout_masked_lm_accuracy"], "%")
    table.add("pretraining, guessing by frequency", last["unigram_masked_lm_loss"], "nats")
    table.add("pretraining, guessing from two pieces on each side", last["five_gram_masked_lm_loss"], "nats")
    if "heldout_next_sentence_accuracy" in last:  # not with --no-nsp
        table.add("pretraining, held-out NSP", 100 * last["heldout_next_sentence_accuracy"], "%")
        table.add("pretraining, the more frequent label", 100 * last["majority_next_sentence_accuracy"], "%")


def accuracy_of(run: Path) -> float:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))["dev"]["accuracy"]


def joint_accuracy(runs: list[Path]) -> float:
    """The accuracy of the label with the largest mean probability over the runs."""
    tables = []
    for run in runs:
        with (run / "predictions.tsv").open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)))
    right = 0
    for rows in zip(*tables, strict=True):
        columns = [name for name in rows[0] if name.startswith("p(")]
        likeliest = max(columns, key=lambda column: sum(float(row[column]) for row in rows))
        right += likeliest == f"p({rows[0]['label']})"
    return right / len(tables[0])


def run_to_its_end(script, flags: list[str]) -> None:
    status = script.main(flags)
    if status != 0:
        raise SystemExit(f"{script.__name__}.py ended with {status}; what it said is above")


if __name__ == "__main__":
    main()
