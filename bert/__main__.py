"""Using a trained model from the command line.

    python -m bert fill-mask RUN "Paris is the [MASK] of France."
    python -m bert tokenize RUN "Unaffable!"
"""

import argparse
import shutil
import sys

from bert.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0, or 2 for bad input, with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m bert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fill_mask = commands.add_parser("fill-mask", help="the most probable pieces for each [MASK] in a text")
    fill_mask.add_argument("run", help="the directory of a pretraining run, or of a Hugging Face BERT")
    fill_mask.add_argument("text", help="with [MASK] for each blank")
    fill_mask.set_defaults(function=run_fill_mask)
    tokenize = commands.add_parser("tokenize", help="a text's pieces, ids and offsets, lined up under it")
    tokenize.add_argument("run", help="a directory with a vocabulary")
    tokenize.add_argument("text")
    tokenize.set_defaults(function=run_tokenize)
    given = parser.parse_args(arguments)
    try:
        given.function(given)
    except InputError as error:
        print(f"python -m bert {given.command}: error: {error}", file=sys.stderr)
        return 2
    return 0


def run_fill_mask(given: argparse.Namespace) -> None:
    """Prints the top five for each blank."""
    from bert.checkpoints.directory import check_vocabulary_fits, load_checkpoint, load_tokenizer
    from bert.fill_mask import fill_mask
    from bert.heads.pretraining import BertForPreTraining

    model = load_checkpoint(given.run, BertForPreTraining)
    tokenizer = load_tokenizer(given.run)
    check_vocabulary_fits(tokenizer, model.config, given.run)
    for number, fillings in enumerate(fill_mask(model, tokenizer, given.text), start=1):
        print(f"[MASK] {number}:")
        for filling in fillings:
            print(f"  {filling.probability:6.1%}  {filling.piece}")


def run_tokenize(given: argparse.Namespace) -> None:
    """Prints how a text is cut."""
    from bert.checkpoints.directory import load_tokenizer
    from bert.tokenization.alignment import aligned_pieces

    print(aligned_pieces(load_tokenizer(given.run), given.text, width=shutil.get_terminal_size().columns))


if __name__ == "__main__":
    sys.exit(main())
