"""From untrained weights to a classifier of film reviews, in minutes: pretraining, then fine-tuning, on IMDb alone.

    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --output runs/from-nothing            # on a GPU
    BERT_DATA=path/to/the/data python -m benchmarks.from_nothing --size tiny --minutes 2 --labelled 1000 \
        --long-texts windows --finetuning-rate 3e-4 --finetuning-length 128 --compare --output runs/tried-out

needs IMDb's files in the folder that the environment variable BERT_DATA names: imdb/unsup.txt, a review in each line,
and imdb/train.tsv with a label and a text, both perhaps compressed. A tenth of the labelled reviews is held out, from
pretraining too. From the others and the unlabelled ones train_pretrain.py learns a vocabulary, and pretrains a model on
them; train_finetune.py then trains it on the labels and measures it on that tenth.

The learning rate of pretraining falls to 0 with the last step, so that their number must be known: the speed of
``--trial-steps`` is measured first, and as many are then made as fit into ``--minutes``. Runs so short are better off
without dropout (Geiping & Goldstein 2022), which fine-tuning on few labels needs all the more. What is printed at the
end has the minutes of each part, from the first read of a file to the last score, and nothing is left out of their sum.
"""

import argparse
import os
import time
from pathlib import Path

import train_finetune
import train_pretrain
from benchmarks.finetuning import add_rows
from bert.errors import InputError
from bert.tables import read_lines, tsv_line
from bert.tokenization.long_texts import LONG_TEXTS
from bert.training.reporting import read_log
from data.tasks.classification import Example, hold_out, read_examples
from data.tasks.known import KNOWN_TASKS, find_file
from finetuning.kinds import SINGLE


def main(arguments: list[str] | None = None) -> None:
    given = make_parser().parse_args(arguments)
    if "BERT_DATA" not in os.environ:
        raise SystemExit("the environment variable BERT_DATA is not set; it names the folder that imdb/ is in")
    if given.output.exists():
        raise SystemExit(f"--output {given.output} is there already; name a new one")
    rows = []
    with Minutes(rows, "all of it"):
        try:
            measure(given, Path(os.environ["BERT_DATA"], "imdb"), rows)
        except InputError as error:
            raise SystemExit(str(error)) from None
    for row in rows:
        print(f"{row['case']:54}{row['ours']:>14,.2f} {row['unit']}")
    add_rows(given.json, rows)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="a new folder for the texts and both runs")
    parser.add_argument("--size", default="base", help="the model (base)")
    parser.add_argument("--minutes", type=float, default=10, help="of pretraining (10)")
    parser.add_argument("--trial-steps", type=int, default=200, help="to measure its speed (200)")
    parser.add_argument("--learning-rate", type=float, help="of pretraining (4e-4 for base; else the size's own)")
    parser.add_argument("--batch-size", type=int, help="of pretraining (the size's own)")
    parser.add_argument("--compile", action="store_true", help="torch.compile, in pretraining")
    parser.add_argument("--labelled", type=int, help="fine-tune on so many of the labelled reviews (all but the tenth)")
    parser.add_argument("--finetuning-rate", type=float, default=5e-5, help="the learning rate of fine-tuning (5e-5)")
    parser.add_argument("--finetuning-length", type=int, default=512, help="positions, in fine-tuning (512)")
    parser.add_argument("--long-texts", choices=LONG_TEXTS, default="head+tail", help="in fine-tuning (head+tail)")
    parser.add_argument("--dropout", type=float, default=0.1, help="in fine-tuning (0.1); pretraining has none")
    parser.add_argument("--epochs", type=int, default=3, help="of fine-tuning (3)")
    parser.add_argument("--compare", action="store_true", help="fine-tune from random weights too")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", type=Path, help="where to keep the rows")
    return parser


class Minutes:
    """Adds to ``rows`` how long what is done under it takes."""

    def __init__(self, rows: list[dict], case: str):
        self._rows, self._case = rows, case

    def __enter__(self):
        self._started = time.perf_counter()

    def __exit__(self, *exception):
        self._rows.append(make_row(f"{self._case}, time", (time.perf_counter() - self._started) / 60, "minutes"))


def measure(given: argparse.Namespace, imdb: Path, rows: list[dict]) -> None:
    """The parts, one after the other, each with its rows."""
    given.output.mkdir(parents=True)
    texts, train, dev = (given.output / name for name in ("pretraining.txt", "train.tsv", "dev.tsv"))
    with Minutes(rows, "split the reviews"):
        split_reviews(imdb, texts, train, dev, given.labelled)

    trial, pretrained = given.output / "trial", given.output / "pretrained"
    shards = ["--shards", given.output / "shards"]
    with Minutes(rows, "learn a vocabulary, tokenize, trial"):
        pretrain(given, trial, given.trial_steps, ["--corpus", texts, "--document-per-line", *shards])
    speeds = [line for line in read_log(trial / "log.jsonl") if "tokens_per_second" in line]
    tokens_per_step = speeds[-1]["tokens"] / speeds[-1]["step"]
    steps = int(60 * given.minutes * speeds[-1]["tokens_per_second"] / tokens_per_step)
    with Minutes(rows, "pretrain"):
        corpus = ["--corpus", texts, "--document-per-line", *shards, "--vocab", trial]
        pretrain(given, pretrained, max(steps, 1), corpus)
    log = read_log(pretrained / "log.jsonl")
    last = {name: value for line in log for name, value in line.items()}  # of each measure the last
    rows.append(make_row("pretraining, updates", last["step"], "updates"))
    rows.append(make_row("pretraining, real tokens", last["tokens"] / last["seconds"], "tokens/s"))
    rows.append(make_row("pretraining, held-out masked LM", last["heldout_masked_lm_loss"], "nats"))
    rows.append(make_row("pretraining, guessing by frequency", last["unigram_masked_lm_loss"], "nats"))
    rows.append(make_row("pretraining, held-out NSP", 100 * last["heldout_next_sentence_accuracy"], "%"))

    starts = {"pretrained": [], "random": ["--random-start"]} if given.compare else {"pretrained": []}
    for start, flags in starts.items():
        run = given.output / f"finetuned-{start}"
        with Minutes(rows, f"fine-tune, {start} start"):
            finetune(given, run, pretrained, train, dev, flags)
        scores = [line["dev_accuracy"] for line in read_log(run / "log.jsonl") if "dev_accuracy" in line]
        rows.append(make_row(f"dev accuracy after the last epoch, {start} start", 100 * scores[-1], "%"))
        rows.append(make_row(f"dev accuracy of the best epoch, {start} start", 100 * max(scores), "%"))


def split_reviews(imdb: Path, texts: Path, train: Path, dev: Path, labelled: int | None) -> None:
    """Writes the texts for pretraining and the two labelled sets; those of dev are in no other."""
    reviews = read_examples(find_file(imdb, "train.tsv"), KNOWN_TASKS["imdb"].columns, SINGLE)
    others, held_out = hold_out(reviews)
    write_table(train, others if labelled is None else others[:: max(1, len(others) // labelled)][:labelled])
    write_table(dev, held_out)
    with texts.open("w", encoding="utf-8") as file:
        for review in others:
            file.write(" ".join(review.first.split()) + "\n")
        for _, text in read_lines(find_file(imdb, "unsup.txt")):
            file.write(text.rstrip("\n") + "\n")


def write_table(path: Path, examples: list[Example]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(tsv_line, [("label", "text"), *((each.label, each.first) for each in examples)]))


def pretrain(given: argparse.Namespace, output: Path, steps: int, corpus: list) -> None:
    rate = given.learning_rate or (4e-4 if given.size == "base" else None)
    flags = [
        "--size", given.size, "--output", output, "--max-length", 128, "--max-steps", steps, "--device", given.device,
        "--dropout", 0, *corpus, *([] if rate is None else ["--learning-rate", rate]),
        *([] if given.batch_size is None else ["--batch-size", given.batch_size]),
        *(["--compile"] if given.compile else []),
    ]  # fmt: skip
    run_script(train_pretrain, flags)


def finetune(given, output: Path, checkpoint: Path, train: Path, dev: Path, flags: list) -> None:
    run_script(train_finetune, [
        "--train", train, "--dev", dev, "--checkpoint", checkpoint, "--output", output, "--epochs", given.epochs,
        "--learning-rate", given.finetuning_rate, "--max-length", given.finetuning_length,
        "--long-texts", given.long_texts, "--device", given.device, "--dropout", given.dropout, *flags,
    ])  # fmt: skip


def run_script(script, flags: list) -> None:
    status = script.main([str(flag) for flag in flags])
    if status != 0:
        raise SystemExit(f"{script.__name__}.py ended with {status}; what it said is above")


def make_row(case: str, value: float, unit: str) -> dict:
    return {"case": case, "precision": "auto", "ours": value, "theirs": None, "unit": unit, "ratio": None}


if __name__ == "__main__":
    main()
