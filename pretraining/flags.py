"""The flags of ``train_pretrain.py``."""

import argparse

from bert.config import VARIANTS, checked_variant
from bert.errors import InputError
from bert.training import flags
from bert.training.flags import add_number, add_switch
from pretraining.masking_flags import checked_mask_shares, checked_masking_rate
from pretraining.phases import checked_phases
from pretraining.recipes import RECIPES, checked_size


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
    model.add_argument(
        "--size", type=checked_size, metavar="NAME",
        help=f"the model's size, with the recipe for it: {', '.join(RECIPES)}, or LAYERSxWIDTH such as 4x128 (tiny)",
    )  # fmt: skip
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
    model.add_argument(
        "--masking-rate", type=checked_masking_rate, metavar="R[:S]",
        help="the share of the tokens that is masked (0.15); R:S falls from R to S, as the learning rate does",
    )  # fmt: skip

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
        training, "--average", averaged_updates,
        "updates, about, whose mean of the weights is evaluated and saved (the newest weights)",
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
    _add_departures(parser)
    return parser


def _add_departures(parser: argparse.ArgumentParser) -> None:
    """The flags that show what the paper's choices are worth, by other ones."""
    departures = parser.add_argument_group("departures from the paper")
    departures.add_argument(
        "--mask-shares", type=checked_mask_shares, metavar="M,R,K",
        help="of 100 masked tokens, how many become [MASK], a random token, or stay as they are (80,10,10)",
    )  # fmt: skip
    add_number(
        departures, "--mask-copies", flags.whole,
        "epochs with examples and masks of their own, which then come again; 1: static masks (0: all epochs)",
    )  # fmt: skip
    add_number(
        departures, "--join-examples", flags.positive,
        "neighbours in a batch that become one sequence without separation, for --no-nsp (1)",
    )  # fmt: skip
    departures.add_argument(
        "--variant", type=names, metavar="NAME,...",
        help=f"another model than the paper's: of {', '.join(VARIANTS)} one or several (none)",
    )  # fmt: skip
    departures.add_argument(
        "--objective", choices=("masked", "next-token"),
        help="predict masked tokens, or each next token from left to right. A resumed run may change it. Flags about "
        "masks then hold from there on (masked)",
    )  # fmt: skip


def names(text: str) -> str:
    """The names of a variant of the model."""
    try:
        return checked_variant(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def several(text: str) -> int:
    """An integer of at least 2: the first and the last."""
    number = flags.positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text} is not at least 2, for the initial weights and the last ones")
    return number


def averaged_updates(text: str) -> int:
    """An integer of at least 2. The average over one update is the newest weights."""
    number = flags.positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text} is not at least 2; leave the flag out to save the newest weights")
    return number
