"""The flags of ``benchmarks.from_nothing``, and the command lines of the scripts that it runs."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import finetuning.settings
import pretraining.settings
from benchmarks.film_reviews import Reviews
from bert.errors import InputError
from bert.training.flags import above_zero, positive, probability
from pretraining.recipes import checked_size

LENGTH = 128  # tokens, in both trainings
REPORT_EVERY = 50  # updates; the first report does not count in a speed
PRETRAINED = "pretrained"  # the folder of the pretraining run
AT_THE_END = 10**9  # updates between evaluations: the best of several by the measured reviews would flatter the model
FURTHER = {
    "pretraining": "train_pretrain.py, as one text: --pretraining='--no-nsp --optimizer adamw'",
    "finetuning": "train_finetune.py",
    "distilling": "train_finetune.py for --distil alone",
}
# What the benchmark decides itself.
DECIDED = (
    "output", "resume", "corpus", "shards", "vocab", "max_steps", "max_minutes", "schedule_to", "phases", "plan",
    "train", "dev", "test", "task", "data", "checkpoint", "seeds", "eval_every", "compare", "random_start",
    "distil_from", "unlabelled",
)  # fmt: skip


def make_parser(description: str) -> argparse.ArgumentParser:
    """The flags of the benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, required=True, help="a new folder for the texts and both runs")
    parser.add_argument("--size", type=checked_size, default="base", help="the model, such as tiny or 4x128 (base)")
    parser.add_argument("--minutes", type=above_zero, default=10, help="of pretraining (10)")
    parser.add_argument("--trial-steps", type=positive, default=200, help="to measure its speed (200)")
    parser.add_argument("--learning-rate", type=above_zero, help="of pretraining (3e-4 for base; else the size's own)")
    parser.add_argument("--batch-size", type=positive, help="of pretraining (the size's own)")
    parser.add_argument("--vocab-size", type=positive, help="pieces to learn (the size's own)")
    parser.add_argument("--compile", action="store_true", help="torch.compile, in pretraining")
    parser.add_argument("--labelled", type=positive, help="fine-tune on so many reviews (all but the tenth)")
    parser.add_argument("--finetuning-rate", type=above_zero, default=5e-5, help="of fine-tuning (5e-5)")
    parser.add_argument("--dropout", type=probability, default=0.1, help="in fine-tuning (0.1); pretraining has none")
    parser.add_argument("--epochs", type=positive, default=3, help="of fine-tuning (3)")
    parser.add_argument("--seeds", type=positive, default=1, help="of fine-tuning (1)")
    parser.add_argument(
        "--distil", type=positive, metavar="N", help="texts that another model learns from these (none)"
    )
    parser.add_argument("--distil-epochs", type=positive, default=1, help="over these texts (1)")
    for name, use in FURTHER.items():
        parser.add_argument(f"--{name}", type=shlex.split, default=[], metavar="FLAGS", help=f"further flags of {use}")
    parser.add_argument("--choosing", action="store_true", help="measure other reviews than the tenth, to choose flags")
    parser.add_argument("--checkpoint", type=Path, help="with --choosing: fine-tune this run, and pretrain nothing")
    parser.add_argument("--compare", action="store_true", help="fine-tune from random weights too")
    parser.add_argument(
        "--baselines", action=argparse.BooleanOptionalAction, default=True, help="measure words alone as well (yes)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", type=Path, help="where to keep the rows")
    return parser


def check(given: argparse.Namespace) -> None:
    """Raises an InputError if a script would refuse its flags, or if they say what the benchmark decides itself.

    It does so now, not after hours.
    """
    if given.checkpoint is not None and not given.choosing:
        raise InputError("--checkpoint: the measured tenth may be among its texts; add --choosing, or leave it out")
    if given.checkpoint is not None and given.pretraining:
        raise InputError("--pretraining: with --checkpoint nothing is pretrained; leave one of the two out")
    command_lines: dict[str, list[Callable[[argparse.Namespace], list[str]]]] = {
        "pretraining": [
            partial(pretraining_flags, run=given.output / PRETRAINED, steps=1_000, vocab=vocab)
            for vocab in (None, given.output)
        ],
        "finetuning": [partial(finetuning_flags, start=start) for start in starts(given)],
    }
    if given.distil:
        command_lines["finetuning"].append(distilling_flags)
        command_lines["distilling"] = [distilling_flags]
    elif given.distilling:
        raise InputError("--distilling: nothing is distilled without --distil N; name it, or leave both out")
    for name, makers in command_lines.items():
        script = pretraining if name == "pretraining" else finetuning
        without = argparse.Namespace(**vars(given) | {name: []})
        for make in makers:
            settings, usual = (script.settings.read_settings(make(each)) for each in (given, without))
            for decided in DECIDED:
                if getattr(settings, decided, None) != getattr(usual, decided, None):
                    flag = decided.replace("_", "-")
                    raise InputError(f"--{name}: --{flag} is the benchmark's own to decide; leave it out")


def starts(given: argparse.Namespace) -> tuple[str, ...]:
    """What fine-tuning begins with."""
    return ("pretrained", "random") if given.compare else ("pretrained",)


def pretraining_flags(given: argparse.Namespace, run: Path, steps: int, vocab: Path | None = None) -> list[str]:
    """The command line of a run of train_pretrain.py. Without ``vocab`` it learns one."""
    rate = given.learning_rate or (3e-4 if given.size == "base" else None)
    return _texts([
        "--corpus", Reviews.of(given.output).texts, "--document-per-line", "--shards", given.output / "shards",
        "--size", given.size, "--output", run, "--max-length", LENGTH, "--max-steps", steps,
        "--device", given.device, "--dropout", 0, "--sinusoidal-start", "--report-every", REPORT_EVERY,
        "--eval-every", steps, "--checkpoint-every", steps, *([] if vocab is None else ["--vocab", vocab]),
        *([] if vocab or given.vocab_size is None else ["--vocab-size", given.vocab_size]),
        *([] if rate is None else ["--learning-rate", rate]),
        *([] if given.batch_size is None else ["--batch-size", given.batch_size]),
        *(["--compile"] if given.compile else []), *given.pretraining,
    ])  # fmt: skip


def finetuning_flags(given: argparse.Namespace, start: str) -> list[str]:
    """The command line that fine-tunes on the labelled reviews, from each seed."""
    return _texts([
        "--train", Reviews.of(given.output).train, "--output", _folder(given, start), "--seeds", given.seeds,
        "--epochs", given.epochs, *_of_both(given), *(["--random-start"] if start == "random" else []),
        *given.finetuning,
    ])  # fmt: skip


def distilling_flags(given: argparse.Namespace) -> list[str]:
    """The command line of the model that learns what the fine-tuned ones say of the unlabelled reviews."""
    return _texts([
        "--distil-from", *finetuned(given, "pretrained"), "--unlabelled", unlabelled_file(given),
        "--output", distilled(given), "--epochs", given.distil_epochs, *_of_both(given), *given.finetuning,
        *given.distilling,
    ])  # fmt: skip


def _of_both(given: argparse.Namespace) -> list[Any]:
    return [
        "--dev", Reviews.of(given.output).measured, "--checkpoint", given.checkpoint or given.output / PRETRAINED,
        "--learning-rate", given.finetuning_rate, "--max-length", LENGTH, "--long-texts", "windows",
        "--eval-every", AT_THE_END, "--no-text", "--device", given.device, "--dropout", given.dropout,
    ]  # fmt: skip


def _folder(given: argparse.Namespace, start: str) -> Path:
    return given.output / f"finetuned-{start}"


def finetuned(given: argparse.Namespace, start: str) -> list[Path]:
    """The fine-tuned runs, one of each seed."""
    folder = _folder(given, start)
    return [folder / f"seed-{seed}" for seed in range(given.seeds)] if given.seeds > 1 else [folder]


def distilled(given: argparse.Namespace) -> Path:
    """The run that learned from them."""
    return given.output / "distilled"


def unlabelled_file(given: argparse.Namespace) -> Path:
    """The reviews that they label."""
    return given.output / "unlabelled.txt"


def _texts(flags: Sequence[Any]) -> list[str]:
    return [str(flag) for flag in flags]
