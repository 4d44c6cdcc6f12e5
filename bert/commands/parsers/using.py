"""What a trained model is for: fill blanks, predict, write, answer; and one model of an adapter and its body."""

import argparse
from contextlib import nullcontext

from bert.commands.flags import (
    add_decoding_arguments,
    add_eight_bits_argument,
    add_length_arguments,
    add_reading_arguments,
    device_of,
    reading_given,
    refuse_to_write_over_input,
)
from bert.errors import InputError
from bert.files.terminal import output_on_stdout, print_error, print_line
from bert.tasks.options import LONG_TEXTS
from bert.training.flags import finite, positive


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    fill_mask = commands.add_parser("fill-mask", help="the most probable pieces for each [MASK] in a text")
    fill_mask.add_argument("run", help="the directory of a pretraining run or of a Hugging Face BERT")
    fill_mask.add_argument("text", help="with [MASK] for each blank")
    fill_mask.set_defaults(function=run_fill_mask)
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
    predict.add_argument("--query-column", metavar="NAME", help="of queries and their texts: the queries' column")
    predict.add_argument("--word-column", metavar="N", help="of a file with a word in each line: the words' column")
    predict.add_argument("--text", action=argparse.BooleanOptionalAction, help="texts beside predictions (they are)")
    add_eight_bits_argument(predict)
    add_decoding_arguments(predict)
    predict.set_defaults(function=run_predict)
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
    generate.set_defaults(function=run_generate)
    chat = commands.add_parser("chat", help="a dialogue with a model")
    chat.add_argument("run", help="the directory of a run of --problem generation, trained on dialogues")
    chat.add_argument("--history", type=positive, metavar="N", help="the last turns that a reply sees (the run's)")
    add_length_arguments(chat)
    decoding = add_decoding_arguments(chat, may_sample=False)
    decoding.add_argument("--greedy", action="store_true", help="the most probable piece each time, not a random one")
    chat.set_defaults(function=run_chat)
    merge = commands.add_parser("merge", help="a whole model of an adapter and its body")
    merge.add_argument("run", help="the directory of an adapted run")
    merge.add_argument("output", help="the directory to write")
    merge.add_argument("--body", metavar="DIR", help="the body's directory (default: as the run names it)")
    merge.set_defaults(function=run_merge)


def run_fill_mask(given: argparse.Namespace) -> None:
    """Prints the five most probable pieces for each blank."""
    from bert.commands.fill_mask import print_fillings

    print_fillings(given.run, given.text)


def run_predict(given: argparse.Namespace) -> None:
    """Writes predictions: to a file as a whole, to the terminal as they come."""
    from bert.adaptation.loading import source_of
    from bert.commands.predict import predict_file
    from bert.files.whole import atomic_file
    from bert.training.distributed import start_processes

    if len(given.adapter or ()) > 1:
        run_predict_with_adapters(given)
        return
    source = source_of(given.adapter[0], given.run) if given.adapter else source_of(given.run)
    refuse_to_write_over_input(given.output, given.file)
    output = nullcontext(output_on_stdout()) if given.output is None else atomic_file(given.output, may_be_pipe=True)
    with start_processes(device_of(given)) as processes, output as file:
        predict_file(source, given.file, file, reading_given(given), processes.device, given.int8, print_error)


def run_predict_with_adapters(given: argparse.Namespace) -> None:
    """Writes the predictions of several adapters, a file for each, and prints the files' names."""
    from bert.commands.predict import output_of, predict_with_adapters
    from bert.training.distributed import start_processes

    if given.output is None:
        raise InputError("--adapter names several, and each writes a file of its own; name their folder: --output DIR")
    for adapter in given.adapter:
        refuse_to_write_over_input(str(output_of(adapter, given.output)), given.file)
    reading = reading_given(given)
    with start_processes(device_of(given)) as processes:
        files = predict_with_adapters(
            given.run, given.adapter, given.file, given.output, reading, processes.device, given.int8, print_error
        )
    for file in files:
        print_line(str(file))


def run_generate(given: argparse.Namespace) -> None:
    """Writes outputs: to a file as a whole, to the terminal as they come."""
    from bert.commands.generate import generate_file, generate_texts
    from bert.files.whole import atomic_file
    from bert.training.distributed import start_processes

    named = [source for source in (given.file, given.text) if source is not None]
    if len(named) != 1:
        found = "both" if named else "neither"
        raise InputError(f"of a file of sources and --text {found} is given; give one of the two")
    if given.file:
        refuse_to_write_over_input(given.output, given.file)
    output = nullcontext(output_on_stdout()) if given.output is None else atomic_file(given.output, may_be_pipe=True)
    with start_processes(given.device) as processes, output as file:
        if given.text is None:
            generate_file(given.run, given.file, file, vars(given), processes.device)
        else:
            generate_texts(given.run, given.text, file, vars(given) | {"text": None}, processes.device)


def run_chat(given: argparse.Namespace) -> None:
    """Answers what is typed."""
    from bert.commands.chat import chat
    from bert.training.distributed import start_processes

    with start_processes(given.device) as processes:
        chat(given.run, vars(given), processes.device)


def run_merge(given: argparse.Namespace) -> None:
    """Writes a whole model, and prints where it is."""
    from bert.commands.merge import merge_run

    method = merge_run(given.run, given.output, given.body)
    print_line(f"{given.output}: a whole model, with the parameters of {method} in its weights")
