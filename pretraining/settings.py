"""The settings of a pretraining run: the flags given, over the recipe for its size, and what contradicts what."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from bert.config import BertConfig
from bert.errors import InputError
from bert.training import settings as shared
from bert.training.optimizer import WEIGHT_DECAY
from bert.training.settings import TrainingSettings
from data.pretraining.masking import Masking
from data.pretraining.sentence_pairs import check_max_length
from pretraining.flags import make_parser
from pretraining.masking_flags import mask_shares, masking_rate
from pretraining.phases import phases_of
from pretraining.recipes import DEFAULT_SIZE, OF_THE_CHECKPOINT, recipe_of_checkpoint, recipe_of_size


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
    masking_rate: str = "0.15"
    mask_shares: str = "80,10,10"
    mask_copies: int = 0  # 0: masks are drawn anew in each epoch
    join_examples: int = 1
    variant: str = ""  # names of bert.config.VARIANTS
    objective: str = "masked"  # or "next-token", left to right
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
    average: int | None = None  # updates; None: the newest weights are evaluated and saved
    keep_checkpoints: int | None = None  # from the first update to the last; None: none
    plan: int | None = None  # processes to plan for; 0: as many as there are; None: train

    MAY_CHANGE: ClassVar[frozenset[str]] = TrainingSettings.MAY_CHANGE | {
        "workers", "shards", "max_minutes", "schedule_to", "phases", "eval_examples", "plan", "objective",
    }  # fmt: skip
    OLDER_RUNS: ClassVar[dict[str, Any]] = {"schedule_to": 0, "masking_rate": "0.15", "weight_decay": WEIGHT_DECAY}
    OWN_FLAG: ClassVar[str] = "nsp"

    def flag_of(self, max_length: int) -> str:
        """The flag that names this length of examples, for a message."""
        return f"--phases {self.phases}: {max_length}" if self.phases else f"--max-length {max_length}"

    @property
    def masking(self) -> Masking:
        """How examples are masked in training.

        A rate that changes needs to know the last update. A run of minutes learns it on the way, when the next
        examples are masked already. So it has the last rate from its beginning.
        """
        first, last = masking_rate(self.masking_rate)
        rates = (last, last) if self.is_fitted_to_minutes else (first, last)
        return Masking(rates, mask_shares(self.mask_shares), self.mask_copies)

    @property
    def is_fitted_to_minutes(self) -> bool:
        """Whether the clock says which update is the last."""
        return self.max_minutes is not None and self.schedule_to is None

    @property
    def predicts_next(self) -> bool:
        """Whether the model learns to predict the next token, from left to right."""
        return self.objective == "next-token"

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


def read_settings(command_line: list[str] | None, description: str | None = None) -> PretrainingSettings:
    """The run's settings: the flags given, over those of the run that is resumed, over its size's recipe.

    Raises:
        InputError: if flags contradict each other, or if the run's directory holds another run.
    """
    parser = make_parser(description)
    given = vars(parser.parse_args(command_line))
    size = given.get("size", DEFAULT_SIZE)
    defaults = replace(PretrainingSettings(size=size), **recipe_of_size(size, given.get("optimizer")))
    if "checkpoint" in given and not given.get("resume"):
        defaults = replace(PretrainingSettings(), **recipe_of_checkpoint(given["checkpoint"]))
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
    settings = without_positions_to_start(settings, given)
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
    if settings.checkpoint is None:
        check_positions(settings, BertConfig().max_position_embeddings, "BERT")
    _check_limits(settings, given)
    _check_masking(settings, given)
    if settings.predicts_next and settings.nsp:
        raise InputError(
            "--objective next-token: next-sentence prediction reads the whole pair, and this objective reads from left "
            "to right; train without it, --no-nsp"
        )
    return settings


def refuse_what_the_checkpoint_decides(given: dict[str, Any]) -> None:
    """Raises an InputError if a flag was given that means nothing beside --checkpoint."""
    for name in sorted(OF_THE_CHECKPOINT & given.keys()):
        raise InputError(
            f"--{name.replace('_', '-')}: a run with --checkpoint has the checkpoint's; leave one of the two out"
        )


def without_positions_to_start(settings: PretrainingSettings, given: dict[str, Any]) -> PretrainingSettings:
    """The settings of a model with rotary positions, which has no position embeddings that could start as sinusoids.

    Raises an InputError if the flags ask for both.
    """
    if "rotary" not in settings.variant or not settings.sinusoidal_start:
        return settings
    if "sinusoidal_start" in given:
        raise InputError(
            "--sinusoidal-start: a model with rotary positions (--variant rotary) has no position embeddings; leave "
            "one of the two out"
        )
    return replace(settings, sinusoidal_start=False)


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


def check_positions(settings: PretrainingSettings, positions: int, model: str) -> None:
    """Raises an InputError if a sequence may be longer than the positions that the model has embeddings for."""
    longest = max(phase.max_length for phase in phases_of(settings.phases, settings.max_length))
    joined = settings.join_examples
    if longest > positions:
        raise InputError(
            f"{settings.flag_of(longest)} is above the {positions} positions that {model} has embeddings for "
            f"(max_position_embeddings); use at most that"
        )
    if longest * joined > positions:
        raise InputError(
            f"--join-examples {joined}: {joined} examples of up to {longest} tokens are above the {positions} "
            f"positions that {model} has embeddings for (max_position_embeddings); join at most "
            f"{positions // longest}, or use shorter ones"
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


def _check_masking(settings: PretrainingSettings, given: dict[str, Any]) -> None:
    """Raises an InputError if the examples cannot be joined, or if nobody knows how far the masking rate has fallen."""
    if settings.join_examples > 1 and settings.nsp:
        raise InputError(
            f"--join-examples {settings.join_examples}: next-sentence prediction reads one pair in each sequence; "
            f"train without it, --no-nsp"
        )
    first, last = masking_rate(settings.masking_rate)
    if first != last and settings.is_fitted_to_minutes and "masking_rate" in given:
        raise InputError(
            f"--masking-rate {settings.masking_rate} changes until the last update, and --max-minutes alone does not "
            f"say which that is; name it with --schedule-to N, or give a single rate"
        )
