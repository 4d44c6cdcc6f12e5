"""Using a trained model from the command line.

python -m bert fill-mask RUN "Paris is the [MASK] of France."
python -m bert tokenize RUN "Unaffable!"
python -m bert attention RUN "The cat sat." "It slept." --layer 2 --head 1 -o attention.png
python -m bert trace RUN "The cat sat." "It slept." -o trace.html
python -m bert explore RUN -o page.html --replay
python -m bert predict RUN reviews.tsv > predictions.tsv
python -m bert generate RUN sources.txt -o outputs.txt
python -m bert generate RUN --text "A dog runs."
python -m bert chat RUN
python -m bert embed RUN texts.txt texts.npy
python -m bert predict BODY reviews.tsv --adapter RUN RUN2 --output predictions
python -m bert merge RUN merged
python -m bert exercises OUT
python -m bert grade OUT --json results.json
python -m bert selftest
"""

import argparse
import os
import sys
from typing import Any

from bert.commands import running
from bert.commands.flags import add_decoding_arguments, add_length_arguments, add_reading_arguments
from bert.errors import InputError
from bert.files.shortage import shortage
from bert.files.terminal import (
    orderly,
    print_error,
    printing_failed,
    silence_stdout,
)
from bert.files.whole import is_disk_full
from bert.tasks.options import LONG_TEXTS
from bert.training.flags import above_zero, finite, positive


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
    fill_mask = commands.add_parser("fill-mask", help="the most probable pieces for each [MASK] in a text")
    fill_mask.add_argument("run", help="the directory of a pretraining run or of a Hugging Face BERT")
    fill_mask.add_argument("text", help="with [MASK] for each blank")
    fill_mask.set_defaults(function=running.run_fill_mask)
    tokenize = commands.add_parser("tokenize", help="a text's pieces, ids and offsets, aligned below it")
    tokenize.add_argument("run", help="a directory with a vocabulary")
    tokenize.add_argument("text")
    tokenize.set_defaults(function=running.run_tokenize)
    attention = commands.add_parser("attention", help="a picture of which tokens attend to which")
    attention.add_argument("run", help="a directory with a checkpoint")
    attention.add_argument("text")
    attention.add_argument("second", nargs="?", help="the second text of a pair")
    attention.add_argument("--layer", type=int, metavar="N", help="one layer, counted from 1 (default: all)")
    attention.add_argument("--head", type=int, metavar="N", help="one head; with --layer, tokens stand beside it")
    attention.add_argument("-o", "--output", metavar="FILE", default="attention.png", help="(%(default)s)")
    attention.set_defaults(function=running.run_attention)
    trace = commands.add_parser("trace", help="every tensor from characters to scores, and the code that makes it")
    trace.add_argument("run", help="a directory with a checkpoint, with any head or without")
    trace.add_argument("text")
    trace.add_argument("second", nargs="?", help="the second text of a pair; of a target, what is written so far")
    trace.add_argument(
        "-o", "--output", metavar="FILE", help="a picture: .html or .svg (default: text, in the terminal)"
    )
    trace.set_defaults(function=running.run_trace)
    explore = commands.add_parser("explore", help="a page in which the model runs, to watch it at work")
    explore.add_argument("run", help="the directory of a pretraining or fine-tuning run, or of a Hugging Face BERT")
    explore.add_argument("-o", "--output", metavar="FILE", default="page.html", help="(%(default)s)")
    explore.add_argument("--replay", action="store_true", help="with the checkpoints of --keep-checkpoints: a slider")
    explore.add_argument("--text", metavar="TEXT", help="the text that the page begins with (an example)")
    explore.add_argument("--second", metavar="TEXT", help="the second text")
    explore.add_argument("--max-length", type=positive, metavar="N", default=128, help="most tokens (%(default)s)")
    explore.add_argument("--max-megabytes", type=above_zero, metavar="X", default=50, help="of the page (%(default)s)")
    explore.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    explore.set_defaults(function=running.run_explore)
    predict = commands.add_parser("predict", help="a fine-tuned model's prediction for each text of a file, as TSV")
    predict.add_argument("run", help="the directory of a fine-tuning run or of a Hugging Face BERT classifier")
    predict.add_argument(
        "--adapter", nargs="+", metavar="RUN", help="adapted runs, whose body the first directory is then"
    )
    add_reading_arguments(predict)
    predict.add_argument(
        "--output", metavar="FILE", help="the file to write (default: the terminal); of several adapters a folder"
    )
    predict.add_argument("--summary-sentences", type=positive, metavar="N", help="most sentences of a summary")
    predict.add_argument("--null-threshold", type=finite, metavar="X", help="by how much 'no answer' must lead")
    predict.add_argument("--word-column", metavar="N", help="of a file with a word in each line: the words' column")
    predict.add_argument("--text", action=argparse.BooleanOptionalAction, help="texts beside predictions (they are)")
    add_decoding_arguments(predict)
    predict.set_defaults(function=running.run_predict)
    generate = commands.add_parser("generate", help="the output that a model writes for each source, a line for each")
    generate.add_argument("run", help="the directory of a run of --problem generation")
    generate.add_argument(
        "file", nargs="?", help="sources: a text in each line, a table (.tsv .csv .jsonl), or dialogues (.jsonl)"
    )
    generate.add_argument("--text", action="append", metavar="TEXT", help="a source, instead of a file; may come again")
    generate.add_argument("-o", "--output", metavar="FILE", help="the file to write (default: the terminal)")
    generate.add_argument("--text-column", metavar="NAME", help="of a table: the sources' column (source)")
    generate.add_argument("--header", action=argparse.BooleanOptionalAction, help="the first row names the columns")
    add_length_arguments(generate, [name for name in LONG_TEXTS if name != "windows"])
    add_decoding_arguments(generate)
    generate.set_defaults(function=running.run_generate)
    chat = commands.add_parser("chat", help="a dialogue with a model")
    chat.add_argument("run", help="the directory of a run of --problem generation, trained on dialogues")
    chat.add_argument("--history", type=positive, metavar="N", help="the last turns that a reply sees (the run's)")
    add_length_arguments(chat)
    decoding = add_decoding_arguments(chat, may_sample=False)
    decoding.add_argument("--greedy", action="store_true", help="the most probable piece each time, not a random one")
    chat.set_defaults(function=running.run_chat)
    embed = commands.add_parser("embed", help="a vector for each text of a file, as a NumPy array")
    embed.add_argument("run", help="a directory with a checkpoint")
    add_reading_arguments(embed)
    embed.add_argument("output", help="the .npy file to write")
    embed.add_argument("--pooling", choices=("mean", "cls"), help="of tokens (as the directory says, else mean)")
    embed.add_argument(
        "--layers", nargs="+", type=int, default=[-1], metavar="N", help="0: embeddings, 1: first layer, -1: last"
    )
    embed.set_defaults(function=running.run_embed)
    merge = commands.add_parser("merge", help="a whole model of an adapter and its body")
    merge.add_argument("run", help="the directory of an adapted run")
    merge.add_argument("output", help="the directory to write")
    merge.add_argument("--body", metavar="DIR", help="the body's directory (default: as the run names it)")
    merge.set_defaults(function=running.run_merge)
    exercises = commands.add_parser("exercises", help="a copy of the project with functions to fill in")
    exercises.add_argument("output", help="the directory to write")
    exercises.add_argument("--only", nargs="+", metavar="NAME", help="these are blank, and the others are solved")
    exercises.set_defaults(function=running.run_exercises)
    grade = commands.add_parser("grade", help="which functions of such a copy are right, and what is wrong")
    grade.add_argument("folder", help="the copy, or a folder with some of its files at their places")
    grade.add_argument("--only", nargs="+", metavar="NAME", help="the exercises to grade (all)")
    grade.add_argument("--json", metavar="FILE", help="the results for an autograder, as Gradescope reads them")
    grade.add_argument("--seconds", type=above_zero, metavar="X", help="the time for each exercise (20)")
    grade.set_defaults(function=running.run_grade)
    selftest = commands.add_parser("selftest", help="the largest error of every part, beside equations in NumPy")
    selftest.add_argument("run", nargs="?", metavar="DIR", help="a checkpoint's directory (default: random weights)")
    selftest.add_argument("--against", metavar="DIR2", help="only compare with it: a directory, or a recorded file")
    selftest.add_argument("--record", metavar="FILE", help="only write DIR's numbers: .safetensors or .json")
    selftest.add_argument("--compile", action="store_true", help="also compiled against eager, in two minutes")
    selftest.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto: a GPU if there is one)"
    )
    selftest.set_defaults(function=running.run_selftest)
    return parser


if __name__ == "__main__":
    sys.exit(main())
