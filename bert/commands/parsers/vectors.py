"""Texts as vectors."""

import argparse

from bert.commands.flags import (
    add_eight_bits_argument,
    add_reading_arguments,
    device_of,
    reading_given,
    refuse_to_write_over_input,
)
from bert.files.terminal import print_error, print_line


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    embed = commands.add_parser("embed", help="a vector for each text of a file, as a NumPy array")
    embed.add_argument("run", help="a directory with a checkpoint")
    add_reading_arguments(embed)
    embed.add_argument("output", help="the .npy file to write")
    embed.add_argument("--pooling", choices=("mean", "cls"), help="of tokens (as the directory says, else mean)")
    embed.add_argument(
        "--layers", nargs="+", type=int, default=[-1], metavar="N", help="0: embeddings, 1: first layer, -1: last"
    )
    add_eight_bits_argument(embed)
    embed.set_defaults(function=run_embed)


def run_embed(given: argparse.Namespace) -> None:
    """Writes vectors, and prints the shape of their array."""
    from bert.commands.embed import embed_file
    from bert.training.distributed import start_processes

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
            int8=given.int8,
        )
    print_line(f"{given.output}: {' x '.join(f'{size:,}' for size in shape)} float32")
