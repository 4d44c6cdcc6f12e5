"""Texts as vectors."""

import argparse

from bert.commands.flags import (
    add_eight_bits_argument,
    add_reading_arguments,
    device_of,
    reading_given,
    refuse_to_write_over_input,
)
from bert.errors import InputError
from bert.files.terminal import print_error, print_line


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    embed = commands.add_parser("embed", help="a vector for each text of a file, as a NumPy array")
    embed.add_argument("run", help="a directory with a checkpoint")
    add_reading_arguments(embed, optional=True)
    embed.add_argument("output", nargs="?", help="the .npy file to write")
    embed.add_argument("--pooling", choices=("mean", "cls", "max"), help="of tokens (as the directory says, else mean)")
    embed.add_argument(
        "--normalize", action=argparse.BooleanOptionalAction, help="vectors of length 1 (as the directory says)"
    )
    embed.add_argument(
        "--layers", nargs="+", type=int, default=[-1], metavar="N", help="0: embeddings, 1: first layer, -1: last"
    )
    embed.add_argument("--export", metavar="DIR", help="write a directory that sentence-transformers loads")
    add_eight_bits_argument(embed)
    embed.set_defaults(function=run_embed)


def run_embed(given: argparse.Namespace) -> None:
    """Writes vectors, and prints the shape of their array. Or writes a directory, and prints its name."""
    from bert.checkpoints.sentence_transformers import as_modules_say
    from bert.commands.embed import embed_file, export_run, recipe_of
    from bert.training.distributed import start_processes

    if given.file is not None and given.output is None:
        raise InputError(f"{given.file}: no file for the vectors is given; name it after the texts: texts.txt out.npy")
    if given.file is None and given.export is None:
        raise InputError("neither texts nor --export is given; name texts and a file for vectors, or --export DIR")
    if given.export is not None:
        if given.layers != [-1]:
            raise InputError("--layers: --export writes the last layer's vectors; leave one of the two out")
        recipe = recipe_of(given.run, reading_given(given), given.pooling, given.normalize, print_error)
        export_run(given.export, recipe)
        print_line(f"{given.export}: a directory of sentence-transformers; {as_modules_say(recipe.modules)}")
    if given.file is None:
        return
    refuse_to_write_over_input(given.output, given.file)
    with start_processes(device_of(given)) as processes:
        shape = embed_file(
            given.run,
            given.file,
            given.output,
            reading_given(given),
            given.pooling,
            given.layers,
            processes.device,
            log=print_error,
            normalize=given.normalize,
            int8=given.int8,
        )
    print_line(f"{given.output}: {' x '.join(f'{size:,}' for size in shape)} float32")
