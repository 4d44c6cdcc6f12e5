"""The settings of a fine-tuning run: the flags given, over the paper's recipe, and what contradicts what."""

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import ClassVar

from bert.errors import InputError
from bert.tasks.kinds import KINDS, SEARCH_COLUMNS, TAG_COLUMNS, TRAINING_COLUMNS
from bert.tasks.options import MASKED_LM_WEIGHT, SUMMARY_SENTENCES
from bert.tasks.task import Kind
from bert.training import settings as shared
from bert.training.settings import TrainingSettings
from finetuning.adaptation_flags import METHODS, AdaptationSettings, check_adaptation_flags
from finetuning.continuing_flags import ADAPTERS, check_continuing_flags
from finetuning.flags import make_parser
from finetuning.generation_flags import GenerationSettings, check_generation_flags, generation_defaults
from finetuning.known_tasks import KNOWN_TASKS
from finetuning.next_adapter import settings_of_adapter, settings_of_model
from finetuning.vector_flags import VectorSettings, check_vector_flags, makes_vectors, vector_defaults


@dataclass(frozen=True)
class FinetuningSettings(AdaptationSettings, GenerationSettings, VectorSettings, TrainingSettings):
    """The settings of a fine-tuning run, one for each flag.

    The defaults are the paper's recipe (appendix A.3). As in google-research/bert ``run_classifier.py``, the first
    tenth of a run warms up.
    """

    output: str = "runs/finetune"
    checkpoint: str = "runs/pretrain"
    task: str | None = None
    data: str | None = None
    train: str | None = None
    dev: str | None = None
    test: str | None = None
    text_column: str | None = None
    text_pair_column: str | None = None
    label_column: list[str] | None = None
    bad_rows: str | None = None
    header: bool | None = None
    label_separator: str = ","
    word_column: str | None = None
    tag_column: str | None = None
    problem: str | None = None
    patterns: str | None = None
    zero_shot: bool = False
    unlabelled: str | None = None
    masked_lm_weight: float = MASKED_LM_WEIGHT
    distil_from: list[str] | None = None
    temperature: float = 2.0
    continue_from: str | None = None
    method: str | None = None
    keep: float | None = None
    task_known: bool = False
    replay_every: int | None = None
    ewc_strength: float | None = None
    ewc_decay: float | None = None
    fisher_examples: int | None = None
    lwf_weight: float | None = None
    old_train: str | None = None
    old_dev: str | None = None
    measure_test: bool = True
    metric: str | None = None
    long_texts: str = "head"
    null_threshold: float = 0.0
    summary_sentences: int = SUMMARY_SENTENCES
    text: bool = True
    class_weights: list[str] | None = None
    pool: str = "cls"
    fresh: list[str] | None = None
    random_start: bool = False
    compare: bool = False
    seeds: int = 1
    dropout: float | None = None
    reinitialize_layers: int = 0
    layer_decay: float = 1.0
    early_stopping: int | None = None
    stop_if_worse: list[str] | None = None
    epochs: int | None = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    workers: int = 1

    MAY_CHANGE: ClassVar[frozenset[str]] = TrainingSettings.MAY_CHANGE - {"batch_size", "max_length"} | {
        "workers",
        "early_stopping",
        "measure_test",
        "text",
    }
    OWN_FLAG: ClassVar[str] = "random_start"

    @property
    def takes_model_over(self) -> bool:
        """Whether the model of another run learns on. With adapters, a new one is trained beside it."""
        return self.continue_from is not None and self.method != ADAPTERS


# The small model of train_pretrain.py's defaults stands larger learning rates, and needs them.
BUILT_IN = {"learning_rate": 3e-4, "epochs": 4, "compare": True}
IDLE_IN_ZERO_SHOT = frozenset({"max_steps", "epochs", "unlabelled", "early_stopping", "reinitialize_layers"})


def read_settings(command_line: list[str] | None, description: str | None = None) -> FinetuningSettings:
    """The run's settings: the flags given, over those of the run that is resumed, over the recipe.

    Raises:
        InputError: if flags contradict each other, or if the run's directory holds another run.
    """
    parser = make_parser(description)
    given = vars(parser.parse_args(command_line))
    defaults = FinetuningSettings()
    kind = kind_of(given.get("problem"), given.get("task"))
    built_in = not given.keys() & {"task", "data", "train", "zero_shot", "distil_from", "resume"}
    if built_in:
        chooses = {"problem"} if kind in (KINDS["generation"], KINDS["retrieval"]) else set()
        about_files = TRAINING_COLUMNS | TAG_COLUMNS | SEARCH_COLUMNS | {"problem", "label_separator"}
        for name in sorted(given.keys() & about_files - chooses):
            raise InputError(f"--{name.replace('_', '-')} is about a file: name it, --train, or --task and --data")
        defaults = replace(defaults, **BUILT_IN)
    defaults = replace(defaults, max_length=kind.max_length or defaults.max_length)
    if given.get("continue_from") is not None:
        run = given["continue_from"]
        start = settings_of_adapter(run, given) if given.get("method") == ADAPTERS else settings_of_model(run)
        defaults = replace(defaults, **start, compare=False)
    if method := given.get("adapt", defaults.adapt):
        # Its learning rates are torch's AdamW's. BERT's, without bias correction, makes steps several times as large.
        defaults = replace(defaults, learning_rate=METHODS[method].learning_rate, optimizer="adamw", compare=False)
    if kind is KINDS["generation"]:
        defaults = generation_defaults(given, defaults)
    if makes_vectors(kind):
        defaults = vector_defaults(given, defaults, built_in)
    settings = shared.settings_of_run(given, defaults, parser)
    shared.check_plain(settings)
    check_flags(given.keys(), kind_of(settings.problem, settings.task), settings.long_texts)
    check_cloze_flags(given.keys(), settings)
    check_distillation_flags(given.keys(), settings)
    check_continuing_flags(given.keys(), settings)
    check_adaptation_flags(given.keys(), settings)
    check_generation_flags(given.keys(), settings)
    check_vector_flags(given.keys(), settings, kind_of(settings.problem, settings.task))
    if settings.compare and settings.random_start:
        raise InputError("--random-start is one of the two that --compare compares; leave one of them out")
    if settings.random_start and (settings.fresh or settings.reinitialize_layers):
        raise InputError("--random-start leaves every weight untrained; leave --fresh and --reinitialize-layers out")
    if settings.task is not None and settings.data is None and settings.train is None:
        raise InputError(f"--task {settings.task} needs --data, the directory with its files")
    if settings.data is not None and settings.task is None:
        raise InputError(f"--data {settings.data} is a known task's directory: name the --task, or files: --train")
    return settings


def kind_of(problem: str | None, task: str | None) -> Kind:
    """The kind that --problem names, else the known task's, else one label of several."""
    return KINDS[problem or (KNOWN_TASKS[task].problem if task else "single-label")]


def check_flags(given: Set[str], kind: Kind, long_texts: str = "head") -> None:
    """Checks that a kind heeds the flags that were given. Raises InputError if only other kinds heed one of them."""
    of_some_kinds = frozenset[str]().union(*(other.flags for other in KINDS.values()))
    for name in sorted(given & of_some_kinds - kind.flags):
        heeding = ", ".join(problem for problem, other in KINDS.items() if name in other.flags)
        raise InputError(
            f"--{name.replace('_', '-')}: it would change nothing in this kind of task; leave it out, or give a "
            f"--problem that heeds it: {heeding}"
        )
    if "long_texts" in given and kind.long_text_handling is not None:
        raise InputError(f"--long-texts: in this kind of task, texts too long {kind.long_text_handling}; leave it out")
    if long_texts == "windows" and not kind.may_have_windows:
        raise InputError(
            "--long-texts windows: in this kind of task an example is read at once; use head, tail or head+tail"
        )


def check_cloze_flags(given: Set[str], settings: FinetuningSettings) -> None:
    """Checks the flags about cloze questions. Raises InputError if one has no use, or two contradict each other."""
    if "masked_lm_weight" in given and settings.unlabelled is None:
        raise InputError("--masked-lm-weight is about unlabelled texts: name their file as well, --unlabelled FILE")
    if settings.zero_shot:
        for name in sorted(given & IDLE_IN_ZERO_SHOT):
            raise InputError(
                f"--zero-shot trains nothing, so --{name.replace('_', '-')} is idle; leave one of them out"
            )


def check_distillation_flags(given: Set[str], settings: FinetuningSettings) -> None:
    """Checks the flags about teachers. Raises InputError if one is missing, or two contradict each other."""
    if settings.distil_from is None:
        if "temperature" in given and settings.method != "lwf" and settings.problem != "retrieval":
            raise InputError(
                "--temperature is about teachers: name their runs as well, --distil-from RUN (or --method lwf)"
            )
        if settings.unlabelled is not None and settings.problem != "cloze":
            raise InputError("--unlabelled texts need --problem cloze, or teachers that label them: --distil-from RUN")
        return
    if settings.unlabelled is None or (settings.dev is None and settings.task is None):
        raise InputError("--distil-from needs texts for the teachers, --unlabelled FILE, and labelled ones, --dev FILE")
    for name in sorted(given & {"train", "class_weights"}):
        raise InputError(
            f"--distil-from learns from the --unlabelled texts alone; leave --{name.replace('_', '-')} out"
        )
