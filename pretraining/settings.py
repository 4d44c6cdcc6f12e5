"""The settings of a pretraining run: its flags, a recipe for each size of model, and one to go on from a checkpoint."""

import argparse
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from bert.checkpoints.directory import load_config
from bert.config import BertConfig
from bert.errors import InputError
from bert.training import flags
from bert.training import settings as shared
from bert.training.flags import add_number, add_switch
from bert.training.settings import TrainingSettings
from data.pretraining.sentence_pairs import check_max_length
from pretraining.phases import checked_phases, phases_of


@dataclass(frozen=True)
class PretrainingSettings(TrainingSettings):
    """The settings of a pretraining run, one for each flag.

    The defaults are the paper's recipe (section 3.1 and appendix A.2). It has two phases; the defaults are the first,
    with sequences of 128 tokens.
    """

    output: str = "runs/pretrain"
    checkpoint: str | None = None  # None: begin with initial weights
    fresh: list[str] | None = None
    add_pieces: int | None = None
    size: str | None = "base"  # None: the checkpoint's
    vocab_size: int = 30_522
    batch_size: int = 256
    learning_rate: float = 1e-4
    max_steps: int | None = 1_000_000
    dropout: float | None = 0.1  # None: the checkpoint's
    initializer_range: float = 0.02
    sinusoidal_start: bool = False
    preset: str = "faithful"
    nsp: bool = True
    whole_word_masking: bool = False
    corpus: list[str] | None = None  # None: Python's documentation
    document_per_line: bool = False
    text_column: str = "text"
    encoding_errors: str = "strict"
    tokenizer: str = "wordpiece"
    vocab: str | None = None
    cased: bool = False
    shards: str | None = None
    workers: int = field(default_factory=lambda: min(8, os.cpu_count() or 1))
    max_minutes: float | None = None
    schedule_to: int | None = None  # updates; 0: to the run's end. If it is named, max_minutes limit a session alone
    phases: str | None = None
    eval_every: int = 1_000
    eval_examples: int = 1_000
    checkpoint_every: int = 1_000
    keep_checkpoints: int | None = None  # from the first update to the last; None: none
    plan: int | None = None  # processes to plan for; 0: as many as there are; None: train

    MAY_CHANGE: ClassVar[frozenset[str]] = TrainingSettings.MAY_CHANGE | {
        "workers", "shards", "max_minutes", "schedule_to", "phases", "eval_examples", "plan",
    }  # fmt: skip
    OLDER_RUNS: ClassVar[dict[str, Any]] = {"schedule_to": 0}
    OWN_FLAG: ClassVar[str] = "nsp"

    def flag_of(self, max_length: int) -> str:
        """The flag that names this length of sequences, for a message."""
        return f"--phases {self.phases}: {max_length}" if self.phases else f"--max-length {max_length}"

    def cleared_by(self, later: dict[str, Any]) -> set[str]:
        """The settings that flags given later replace, besides their own.

        Updates, epochs and minutes limit a run. Giving some of them clears the others. With ``schedule_to`` minutes
        limit a session, not the run. ``phases`` say how long a run is, in place of all of these.
        """
        if later.get("phases"):
            return {"max_steps", "epochs", "max_minutes", "schedule_to"}
        limits = {"max_steps", "epochs"}
        if later.get("schedule_to", self.schedule_to) is None:
            limits.add("max_minutes")
        return limits if later.keys() & limits or later.get("schedule_to") else set()


DEFAULT_SIZE = "tiny"
# How each size departs from the paper's recipe. A smaller model stands a larger learning rate and needs a shorter run.
# The two smallest depart further, for runs of minutes or hours. They have no dropout, which costs time (Geiping &
# Goldstein 2022). Their initial weights are larger. 0.02 suits the width of BERT-base; 0.02 * sqrt(768 / 128) = 0.05
# gives tiny's layers outputs of the same size. Their position embeddings start as sinusoids. After 1,000 steps of tiny
# that is 0.08 nats better (training loss, one run each).
# Only tiny's recipe was run to its end. The recipes of mini, small and medium are a place to start from.
# The preset "fast" also departs from the paper: no dropout of attention weights. A GPU takes long to draw a random
# number for each of (seq, seq) weights. Newer attention kernels have no dropout.
RECIPES = {
    "tiny": {
        "vocab_size": 6_000, "max_length": 64, "batch_size": 32, "learning_rate": 2e-3, "max_steps": 9_500,
        "dropout": 0.0, "initializer_range": 0.05, "sinusoidal_start": True,
    },
    "mini": {
        "vocab_size": 16_000, "batch_size": 64, "learning_rate": 1e-3, "max_steps": 20_000,
        "dropout": 0.0, "initializer_range": 0.035, "sinusoidal_start": True,
    },
    "small": {"batch_size": 128, "learning_rate": 5e-4, "max_steps": 100_000},
    "medium": {"learning_rate": 3e-4, "max_steps": 250_000},
    "base": {},
    "large": {},
}  # fmt: skip

# To go on from a checkpoint. Gururangan et al. 2020 ("Don't Stop Pretraining", appendix B) take 12,500 updates, and for
# batches of 2,048 a rate close to the one of RoBERTa's own pretraining. google-research/bert's README advises a small
# rate, such as 2e-5; its example has batches of 32. We have batches of 32, for laptops. The rate is half the one of the
# named size that is closest: 5e-5 for base, 1e-3 for tiny. Dropout is the checkpoint's own.
CONTINUED: dict[str, Any] = {"size": None, "dropout": None, "batch_size": 32, "max_steps": 12_500}
# What a checkpoint decides.
OF_THE_CHECKPOINT = {
    "size", "vocab", "vocab_size", "cased", "tokenizer", "initializer_range", "sinusoidal_start",
}  # fmt: skip


def recipe_of_checkpoint(checkpoint: str) -> PretrainingSettings:
    """The settings of a new run that goes on from a checkpoint, without flags.

    Raises an InputError if there is no such checkpoint, or it is not a BERT's.
    """
    config = load_config(checkpoint)

    def work(config: BertConfig) -> int:
        return config.num_hidden_layers * config.hidden_size**2

    closest = min(RECIPES, key=lambda size: abs(math.log(work(getattr(BertConfig, size)()) / work(config))))
    recipe = replace(PretrainingSettings(), **RECIPES[closest])
    return replace(
        PretrainingSettings(), **CONTINUED, learning_rate=recipe.learning_rate / 2,
        max_length=min(TrainingSettings.max_length, config.max_position_embeddings),
    )  # fmt: skip


def read_settings(command_line: list[str] | None, description: str | None = None) -> PretrainingSettings:
    """The run's settings: the flags given, over those of the run that is resumed, over its size's recipe.

    Raises:
        InputError: if flags contradict each other, or if the run's directory holds another run.
    """
    parser = make_parser(description)
    given = vars(parser.parse_args(command_line))
    size = given.get("size", DEFAULT_SIZE)
    defaults = replace(PretrainingSettings(size=size), **RECIPES[size])
    if "checkpoint" in given and not given.get("resume"):
        defaults = recipe_of_checkpoint(given["checkpoint"])
    if "plan" in given and not given.get("resume"):
        settings = shared.override(defaults, given)  # a plan writes nothing, so --output may hold anything
    else:
        settings = shared.settings_of_run(given, defaults, parser)
    shared.check_plain(settings)
    if settings.plain and settings.plan is not None:
        raise InputError(
            "--plan reckons with the kernels, and --plain needs more memory and time; leave one of the two out"
        )
    if settings.checkpoint is not None:
        refuse_what_the_checkpoint_decides(given)
    check_start(settings)
    if settings.vocab is not None:
        for name in sorted({"cased", "tokenizer", "vocab_size"} & given.keys()):
            if name != "cased" or not os.path.isfile(settings.vocab) or settings.vocab.endswith((".model", ".json")):
                raise InputError(
                    f"--{name.replace('_', '-')}: it would change nothing, since --vocab names a vocabulary; leave one "
                    f"of the two out"
                )
    if settings.shards is not None:
        shared.refuse_file(Path(settings.shards))
    for max_length, _, _ in phases_of(settings.phases, settings.max_length):
        check_max_length(max_length, settings.flag_of(max_length))
        longest = BertConfig().max_position_embeddings
        if settings.checkpoint is None and max_length > longest:
            raise InputError(
                f"{settings.flag_of(max_length)} is above the {longest} positions that BERT has embeddings for "
                f"(max_position_embeddings); use at most {longest}"
            )
    _check_limits(settings, given)
    return settings


def refuse_what_the_checkpoint_decides(given: dict[str, Any]) -> None:
    """Raises an InputError if a flag was given that means nothing beside --checkpoint."""
    for name in sorted(OF_THE_CHECKPOINT & given.keys()):
        raise InputError(
            f"--{name.replace('_', '-')}: a run with --checkpoint has the checkpoint's; leave one of the two out"
        )


def check_start(settings: PretrainingSettings) -> None:
    """Raises an InputError if --fresh or --add-pieces has nothing to work on."""
    for name in ("fresh", "add_pieces"):
        if settings.checkpoint is None and getattr(settings, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')}: it changes a --checkpoint, and none was named; name one, or leave it out"
            )
    if not settings.nsp and (untrained := sorted({"nsp", "pooler"} & set(settings.fresh or ()))):
        raise InputError(
            f"--fresh {untrained[0]}: without next-sentence prediction (--no-nsp) nothing trains it; leave it out"
        )


def _check_limits(settings: PretrainingSettings, given: dict[str, Any]) -> None:
    """Raises an InputError if the settings say twice, or against each other, how long the run is."""
    if settings.phases:
        for name in ("max_length", "max_steps", "epochs", "max_minutes", "schedule_to"):
            if name in given:
                raise InputError(
                    f"--{name.replace('_', '-')}: --phases {settings.phases} says how long the sequences and the run "
                    f"are, and where the learning rate is 0; leave one of the two out, or give other --phases"
                )
    steps, end = settings.max_steps, settings.schedule_to
    if end == 0 and not (steps or settings.epochs or settings.phases):
        raise InputError(
            "--schedule-to 0: the run then ends with --max-steps or --epochs; name one of them, or another number"
        )
    if steps and end and steps > end:
        raise InputError(
            f"--max-steps {steps} is above --schedule-to {end}, after which the learning rate is 0; name a larger "
            f"--schedule-to, or fewer steps"
        )


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The flags of ``train_pretrain.py``."""
    parser = flags.make_parser(description)

    text = parser.add_argument_group("text")
    text.add_argument(
        "--corpus",
        nargs="+",
        action="extend",
        metavar="FILE",
        help="text files or JSON lines, also .gz .xz .bz2 (Python's documentation)",
    )
    add_switch(
        text,
        "--document-per-line",
        "each line is a document; else each line is a sentence and a blank line ends a document",
    )
    text.add_argument("--text-column", metavar="NAME", help="the key of a document's text in JSON lines (text)")
    text.add_argument(
        "--encoding-errors", choices=("strict", "replace"), help="what to do with bytes that are not UTF-8"
    )
    text.add_argument(
        "--tokenizer", choices=("wordpiece", "sentencepiece"), help="the kind of vocabulary to learn (wordpiece)"
    )
    text.add_argument(
        "--vocab", metavar="FILE", help="a vocab.txt, tokenizer.json, .model or a run (one is learned from the corpus)"
    )
    add_number(text, "--vocab-size", flags.positive, "pieces to learn without --vocab (by size)")
    add_switch(text, "--cased", "keep upper case and accents (lower-cased)")
    text.add_argument("--shards", metavar="DIR", help="the directory of the tokenized corpus (OUTPUT/shards)")
    add_number(text, "--workers", flags.workers, "processes that tokenize the corpus (one per core, at most 8)")

    start = parser.add_argument_group("the start")
    start.add_argument(
        "--checkpoint", metavar="DIR", type=flags.name_of_directory,
        help="go on from a run's or a Hugging Face BERT directory's model, with its size and vocabulary (from nothing)",
    )  # fmt: skip
    start.add_argument(
        "--fresh", nargs="+", action="extend", choices=("mlm", "nsp", "pooler"),
        help="parts of it that start untrained, such as a head that it lacks",
    )  # fmt: skip
    add_number(
        start, "--add-pieces", flags.positive, "pieces to learn from the corpus and add to its WordPiece vocabulary (0)"
    )

    model = parser.add_argument_group("model and tasks")
    model.add_argument("--size", choices=tuple(RECIPES), help="the model's size, with the recipe for it (tiny)")
    add_number(
        model, "--dropout", flags.probability, "of hidden states and attention weights (by size; the checkpoint's)"
    )
    model.add_argument(
        "--preset", choices=("faithful", "fast"),
        help="fast: no dropout of attention weights; faithful: dropout as in the paper (faithful)",
    )  # fmt: skip
    add_number(model, "--initializer-range", flags.above_zero, "standard deviation of the initial weights (by size)")
    add_switch(model, "--sinusoidal-start", "position embeddings start as sinusoids, not random (by size)")
    add_switch(model, "--nsp", "next sentence prediction beside the masked language model (on)")
    add_switch(model, "--whole-word-masking", "mask all pieces of a word together")

    training = flags.add_training_arguments(parser)
    add_number(
        training, "--max-minutes", flags.above_zero,
        "minutes of training until the run ends, and its learning rate is 0; with --schedule-to until a session ends",
    )  # fmt: skip
    add_number(
        training, "--schedule-to", flags.whole,
        "updates until the learning rate is 0, wherever the run stops; to train it in parts",
    )  # fmt: skip
    training.add_argument(
        "--phases", type=checked_phases, metavar="LENGTH:N,...",
        help="lengths of sequences, each with its updates, such as 128:900000,512:100000",
    )  # fmt: skip
    add_number(
        training, "--keep-checkpoints", several,
        "checkpoints to keep, from update 0 to the last, evenly spaced on a log scale (none)",
    )  # fmt: skip
    training.add_argument(
        "--plan", nargs="?", type=flags.positive, const=0, metavar="N",
        help="print the memory and hours that this run needs on N processes (as many as there are); train nothing",
    )  # fmt: skip
    add_number(training, "--eval-examples", flags.positive, "most held-out examples in an evaluation (1,000)")
    return parser


def several(text: str) -> int:
    """An integer of at least 2: the first and the last."""
    number = flags.positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text} is not at least 2, for the initial weights and the last ones")
    return number
