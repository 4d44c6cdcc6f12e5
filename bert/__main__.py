"""Using a trained model from the command line.

python -m bert fill-mask RUN "Paris is the [MASK] of France."
python -m bert tokenize RUN "Unaffable!"
python -m bert attention RUN "The cat sat." "It slept." --layer 2 --head 1 -o attention.png
python -m bert trace RUN "The cat sat." "It slept." -o trace.html
python -m bert replay RUN --update 100 --text
python -m bert explore RUN -o page.html --replay
python -m bert predict RUN reviews.tsv > predictions.tsv
python -m bert generate RUN sources.txt -o outputs.txt
python -m bert generate RUN --text "A dog runs."
python -m bert chat RUN
python -m bert embed RUN texts.txt texts.npy --int8
python -m bert embed RUN --export DIR
python -m bert index RUN texts.txt -o INDEX
python -m bert search INDEX "how to sort a list"
python -m bert recommend INDEX liked.txt
python -m bert serve RUN --port 8000
python -m bert predict BODY reviews.tsv --adapter RUN RUN2 --output predictions
python -m bert merge RUN merged
python -m bert track RUN --to wandb --follow
python -m bert export RUN OUT --format onnx
python -m bert exercises OUT
python -m bert grade OUT --json results.json
python -m bert selftest
"""

import argparse
import os
import sys
from typing import Any

from bert.commands.parsers import looking, shipping, teaching, using, vectors
from bert.errors import InputError
from bert.files.shortage import shortage
from bert.files.terminal import (
    orderly,
    print_error,
    printing_failed,
    silence_stdout,
)
from bert.files.whole import is_disk_full


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Returns its exit code: 0, the command's own, or 2 for bad input, with one sentence on stderr."""
    parser = make_parser()
    given = parser.parse_args(arguments)
    with orderly(as_note):
        try:
            code = given.function(given)
            sys.stdout.flush()
            return code or 0
        except InputError as error:
            print_error(f"{parser.prog} {given.command}: error: {error}")
            return 2
        except BrokenPipeError:  # the reader of the output has read enough
            silence_stdout()
            return 0
        except Exception as error:
            reason = shortage(error)
            if isinstance(error, OSError) and is_disk_full(error):
                silence_stdout()
                reason = printing_failed(error)
            if reason is None:
                raise
            print_error(f"{parser.prog} {given.command}: error: {reason}")
            return 2
        except KeyboardInterrupt:
            print_error(f"{parser.prog} {given.command}: interrupted")
            return 130


def as_note(message: Warning | str, *place: Any, **more: Any) -> str:
    """A warning as a line for the user. Which line of the program gave it does not matter."""
    return f"Note: {message}.\n"


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; its result has the command's function as ``function``."""
    is_module = os.path.basename(sys.argv[0]) == "__main__.py"  # else argparse shows the console script's name
    prog = "python -m bert" if is_module else None
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in (using, vectors, shipping, looking, teaching):
        group.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
