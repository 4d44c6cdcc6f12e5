"""Looking into a model: its pieces, its attention, every tensor, an update, a page in which it runs."""

import argparse
import shutil

from bert.files.terminal import print_line
from bert.training.flags import above_zero, positive


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    tokenize = commands.add_parser("tokenize", help="a text's pieces, ids and offsets, aligned below it")
    tokenize.add_argument("run", help="a directory with a vocabulary")
    tokenize.add_argument("text")
    tokenize.set_defaults(function=run_tokenize)
    attention = commands.add_parser("attention", help="a picture of which tokens attend to which")
    attention.add_argument("run", help="a directory with a checkpoint")
    attention.add_argument("text")
    attention.add_argument("second", nargs="?", help="the second text of a pair")
    attention.add_argument("--layer", type=int, metavar="N", help="one layer, counted from 1 (default: all)")
    attention.add_argument("--head", type=int, metavar="N", help="one head; with --layer, tokens stand beside it")
    attention.add_argument("-o", "--output", metavar="FILE", default="attention.png", help="(%(default)s)")
    attention.set_defaults(function=run_attention)
    trace = commands.add_parser("trace", help="every tensor from characters to scores, and the code that makes it")
    trace.add_argument("run", help="a directory with a checkpoint, with any head or without")
    trace.add_argument("text")
    trace.add_argument("second", nargs="?", help="the second text of a pair; of a target, what is written so far")
    trace.add_argument(
        "-o", "--output", metavar="FILE", help="a picture: .html or .svg (default: text, in the terminal)"
    )
    trace.set_defaults(function=run_trace)
    replay = commands.add_parser(
        "replay", help="an update of a pretraining run, computed again: batch, masks, gradients"
    )
    replay.add_argument("run", help="the directory of a run of train_pretrain.py; nothing in it changes")
    replay.add_argument("--update", type=positive, required=True, metavar="N", help="which, from 1, as in its log")
    replay.add_argument("--text", action="store_true", help="with each example's text, masks and predictions")
    replay.add_argument("--json", metavar="FILE", help="all of it, as a file")
    replay.add_argument(
        "--check", action=argparse.BooleanOptionalAction, default=True,
        help="go on, if it is near, to the next report or checkpoint of the run, and compare (on)",
    )  # fmt: skip
    replay.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto: as the run had)")
    replay.set_defaults(function=run_replay)
    explore = commands.add_parser("explore", help="a page in which the model runs, to watch it at work")
    explore.add_argument("run", help="the directory of a pretraining or fine-tuning run, or of a Hugging Face BERT")
    explore.add_argument("-o", "--output", metavar="FILE", default="page.html", help="(%(default)s)")
    explore.add_argument("--replay", action="store_true", help="with the checkpoints of --keep-checkpoints: a slider")
    explore.add_argument("--text", metavar="TEXT", help="the text that the page begins with (an example)")
    explore.add_argument("--second", metavar="TEXT", help="the second text")
    explore.add_argument("--max-length", type=positive, metavar="N", default=128, help="most tokens (%(default)s)")
    explore.add_argument("--max-megabytes", type=above_zero, metavar="X", default=50, help="of the page (%(default)s)")
    explore.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    explore.set_defaults(function=run_explore)


def run_tokenize(given: argparse.Namespace) -> None:
    """Prints the pieces of a text, aligned with it."""
    from bert.checkpoints.vocabulary import load_tokenizer
    from bert.commands.alignment import aligned_pieces

    print(aligned_pieces(load_tokenizer(given.run), given.text, width=shutil.get_terminal_size().columns))


def run_attention(given: argparse.Namespace) -> None:
    """Writes a picture, and prints what is in it."""
    from bert.commands.attention import draw_attention

    drawn = draw_attention(given.run, given.text, given.second, given.output, given.layer, given.head)
    layers, heads, tokens, _ = drawn.weights.shape
    print_line(f"{given.output}: layers x heads {layers} x {heads}, tokens {tokens}")


def run_trace(given: argparse.Namespace) -> None:
    """Prints every tensor, or writes a picture of them and prints how many there are."""
    from bert.commands.trace import print_trace, write_trace

    if given.output is None:
        print_trace(given.run, given.text, given.second)
    else:
        print_line(f"{given.output}: {write_trace(given.run, given.text, given.second, given.output)}")


def run_explore(given: argparse.Namespace) -> None:
    """Writes a page, and prints how large it is."""
    from bert.commands.explore import explore

    written = explore(
        given.run, given.output, given.text, given.second, given.replay, given.max_length, given.max_megabytes,
        given.overwrite,
    )  # fmt: skip
    print_line(
        f"{given.output}: {written.megabytes:.1f} megabytes, checkpoints {written.checkpoints}; open it in a browser"
    )


def run_replay(given: argparse.Namespace) -> int:
    """Prints an update. The exit code is 1 if a number differs from what the run has kept."""
    from bert.commands.replay import replay

    return replay(given.run, given.update, given.text, given.json, given.check, given.device)
