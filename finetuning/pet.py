"""PET and iPET: cloze models teach each other, and at the end a classifier.

    python -m finetuning.pet --patterns sentiment.toml --train few.tsv --unlabelled reviews.txt --dev dev.tsv \\
        --checkpoint runs/pretrain --output runs/pet

    zero-shot/pattern-1           measures each pattern on the labelled texts before training: its weight
    generation-1/pattern-1/seed-0 a cloze model for each pattern and seed
    generation-2/...              iPET: the same, on more texts, which a quarter of the earlier models has labelled
    classifier                    learns the weighted mean of the last generation's scores

Each is a run of ``train_finetune.py``, in a process of its own. The same command goes on after an interruption. Runs
that are finished are not run again, and one that was interrupted is resumed. Further flags of ``train_finetune.py`` go
to the runs that heed them (``finetuning.pet_flags``).

Source: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference", sections 3.3, 3.4 and 4.1.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bert.checkpoints.weights import read_weights
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.terminal import orderly, print_line
from bert.files.whole import write_atomically
from bert.tasks.cloze.patterns import read_patterns
from bert.tasks.options import Patterns
from bert.tasks.report import write_json
from bert.training.flags import positive, seed
from bert.training.script import explain_failure
from finetuning.child_runs import Interrupted, report_of
from finetuning.generations import named_columns, write_generation
from finetuning.messages import compared, in_words
from finetuning.pet_flags import sort_flags

# The recipe of section 4.1, but for lengths and steps that depend on the task. Further flags may say otherwise.
RECIPE = ["--learning-rate", "1e-5", "--max-length", "256"]
# Four labelled texts, and three unlabelled ones beside each.
BATCH_SIZES = {"zero-shot": [], "cloze": ["--batch-size", "4"], "classifier": ["--batch-size", "16"]}


@dataclass(frozen=True)
class Pet:
    """The command's flags, and those of all runs."""

    patterns: str
    train: str
    unlabelled: str
    dev: str
    checkpoint: str
    output: str
    seed: int
    seeds: int
    generations: int
    steps: int
    distil_steps: int
    others: tuple[str, ...]

    def place(self, *names: str) -> Path:
        """A folder or a file in the output."""
        return Path(self.output, *names)


def main(command_line: list[str] | None = None) -> int:
    """Runs the command. Returns its exit code: 0, 2 for bad input, or that of the run that ended early."""
    parser = make_parser()
    given, others = parser.parse_known_args(command_line)
    with orderly():
        try:
            run_pet(Pet(**vars(given), others=tuple(others)))
        except Interrupted as ended:
            return ended.code
        except BaseException as error:
            return explain_failure("finetuning.pet", error)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's own flags."""
    parser = argparse.ArgumentParser(
        "python -m finetuning.pet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    for name, text in (
        ("patterns", "a TOML file of patterns and each label's words"), ("train", "the labelled texts"),
        ("unlabelled", "the texts that models label"), ("dev", "labelled texts to measure each run on"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", required=True, metavar="FILE", help=text)
    parser.add_argument("--checkpoint", default="runs/pretrain", metavar="DIR", help="(%(default)s)")
    parser.add_argument("--output", default="runs/pet", metavar="DIR", help="the directory of all runs (%(default)s)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="the first one (%(default)s)")
    number = partial(parser.add_argument, type=positive, metavar="N")
    number("--seeds", default=3, help="models of each pattern, from seeds that follow each other (%(default)s)")
    number("--generations", default=1, help="1 is PET; iPET has 3 (%(default)s)")
    number("--steps", default=250, help="of each cloze model (%(default)s)")
    number("--distil-steps", default=5_000, help="of the classifier (%(default)s)")
    return parser


def run_pet(pet: Pet) -> None:
    """All runs, in order, and the report."""
    patterns = read_patterns(pet.patterns)
    alone = {f"pattern-{number}": text for number, text in enumerate(patterns.texts, start=1)}
    first = next(iter(alone))
    own = {"zero-shot": zero_shot(pet, first), "cloze": cloze(pet, first, pet.train, pet.seed)}
    flags = sort_flags(pet.others, own | {"classifier": distil(pet, [pet.output])}, pet.place("nothing"))
    if pet.generations > 1:
        named_columns([*flags["cloze"], *own["cloze"]], pet.place("nothing"))
    keep_settings(pet, patterns)
    for name, text in alone.items():
        write_atomically(pet.place("patterns", f"{name}.toml"), in_toml(text, patterns))
    run = {sort: partial(finetune, [*RECIPE, *BATCH_SIZES[sort], *flags[sort]]) for sort in flags}
    measured = {name: run["zero-shot"](pet.place("zero-shot", name), zero_shot(pet, name))["dev"] for name in alone}
    accuracies = {name: metrics["accuracy"] for name, metrics in measured.items()}
    weights = accuracies if any(accuracies.values()) else dict.fromkeys(accuracies, 1.0)
    seeds = range(pet.seed, pet.seed + pet.seeds)
    models = {f"{name}/seed-{seed}": weight for name, weight in weights.items() for seed in seeds}
    report: dict[str, Any] = {"accuracy before training": accuracies}
    for generation in range(1, pet.generations + 1):
        folder = f"generation-{generation}"
        trains = {model: Path(pet.train) for model in models}
        if generation > 1:
            last = f"generation-{generation - 1}"
            earlier = {model: (pet.place(last, model), weight) for model, weight in models.items()}
            trains = write_generation(
                pet.place(folder, "labelled"), generation, earlier, pet.train, pet.unlabelled, list(patterns.words),
                [*flags["cloze"], *own["cloze"]],
            )  # fmt: skip
        report[folder] = {}
        for model in models:
            name, seed = model.split("/seed-")
            its_flags = cloze(pet, name, trains[model], int(seed))
            report[folder][model] = run["cloze"](pet.place(folder, model), its_flags)["dev"]
    its_flags = distil(pet, [f"{pet.place(folder, model)}={weight}" for model, weight in models.items()])
    if not has_pooler(pet.checkpoint):
        its_flags += ["--fresh", "pooler"]
    classifier = run["classifier"](pet.place("classifier"), its_flags)
    report |= {"classifier": classifier["dev"], "baseline": classifier["baseline"]}
    write_json(pet.place("report.json"), report)
    for model, metrics in report[folder].items():
        print_line(f"{folder}/{model}: {in_words(metrics)}")
    guess = report["baseline"]
    print_line(f"classifier: {compared(report['classifier'], guess['dev'], classifier['metric'])}")
    print_line(f"baseline: {guess['name']}")


def keep_settings(pet: Pet, patterns: Patterns) -> None:
    """Writes the settings, or compares them with those of the runs that are there.

    A command that was refused has begun no run, so it may be given again with other settings.

    Raises:
        InputError: if a file is missing, or if runs were begun with other settings.
    """
    for file in (pet.train, pet.unlabelled, pet.dev):
        if not os.path.exists(file):  # else it would be missed when the first runs are over
            raise InputError(f"{file}: no such file; labelled, unlabelled and dev texts were expected")
    path = pet.place("pet.json")
    settings = json.loads(json.dumps(vars(pet) | {"patterns": patterns.texts, "words": patterns.words}))
    if path.exists() and any(pet.place("zero-shot").glob("*/arguments.json")):
        before = {"seed": 0} | read_json_object(path)  # earlier versions always began with this one
        for name in settings:
            # More generations go on from those that are there.
            if name not in ("output", "generations") and before.get(name) != settings[name]:
                what = "further flags" if name == "others" else name.replace("_", "-")
                raise InputError(
                    f"{pet.output} was begun with other {what}: {before.get(name)}; give the same, or name another "
                    f"--output"
                )
        if before.get("generations") != pet.generations and pet.place("classifier").exists():
            raise InputError(f"{pet.output} has a classifier already; for more --generations name another --output")
    write_json(path, settings)


def zero_shot(pet: Pet, pattern: str) -> list[str]:
    """The flags that measure a pattern on the labelled texts."""
    return [*question(pet, pattern), "--zero-shot", "--dev", pet.train]


def cloze(pet: Pet, pattern: str, train: str | Path, seed: int) -> list[str]:
    """The flags that train a model of one pattern."""
    files = ["--train", str(train), "--dev", pet.dev, "--unlabelled", pet.unlabelled]
    return [*question(pet, pattern), *files, "--seed", str(seed), "--max-steps", str(pet.steps)]


def distil(pet: Pet, teachers: Sequence[str]) -> list[str]:
    """The flags that train the classifier."""
    files = ["--checkpoint", pet.checkpoint, "--unlabelled", pet.unlabelled, "--dev", pet.dev]
    return ["--distil-from", *teachers, *files, "--seed", str(pet.seed), "--max-steps", str(pet.distil_steps)]


def question(pet: Pet, pattern: str) -> list[str]:
    """The flags of all runs of a pattern."""
    file = pet.place("patterns", f"{pattern}.toml")
    return ["--problem", "cloze", "--patterns", str(file), "--checkpoint", pet.checkpoint]


def in_toml(pattern: str, patterns: Patterns) -> str:
    """One of the patterns as a file, with all words. A text in JSON is one in TOML too."""
    quoted = partial(json.dumps, ensure_ascii=False)
    words = [f"{quoted(label)} = {quoted(words)}" for label, words in patterns.words.items()]
    return "\n".join([f"patterns = {quoted(pattern)}", "[words]", *words, ""])


def finetune(general: Sequence[str], run: Path, flags: Sequence[str]) -> dict[str, Any]:
    """The report of a run.

    Args:
        general: flags of all runs of its sort.
        flags: its own.
    """
    return report_of(run, [*general, *flags])


def has_pooler(checkpoint: str) -> bool:
    """Whether a checkpoint has a pooler, which a classifier needs."""
    _, weights = read_weights(Path(checkpoint))
    return any("pooler" in name for name in weights)


if __name__ == "__main__":
    raise SystemExit(main())
