"""Texts as vectors, and the nearest of them."""

import argparse

from bert.commands.flags import (
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
from bert.training.flags import positive

POOLINGS = ("mean", "cls", "max")


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
    add_index_command(commands)
    add_search_command(commands)
    add_recommend_command(commands)


def add_index_command(commands: argparse._SubParsersAction) -> None:
    """The parser of ``index``."""
    index = commands.add_parser("index", help="a directory of texts and vectors, to search in")
    index.add_argument("run", help="a directory with a checkpoint")
    index.add_argument("file", help="texts: .tsv .csv .jsonl, or .txt with a text in each line; also .gz .xz .bz2")
    index.add_argument("-o", "--output", metavar="INDEX", help="the directory to write (the file's name, with .index)")
    add_column_arguments(index)
    index.add_argument("--columns", nargs="+", default=[], metavar="NAME", help="further columns to keep beside texts")
    index.add_argument("--pooling", choices=POOLINGS, help="of tokens (as the model's directory says, else mean)")
    add_length_arguments(index, LONG_TEXTS)
    index.add_argument("--add", action="store_true", help="to the texts of an index that is there")
    index.add_argument(
        "--approximate",
        action=argparse.BooleanOptionalAction,
        help="a graph for approximate search, too (with --add: if there was one); needs usearch",
    )
    index.set_defaults(function=run_index)


def add_search_command(commands: argparse._SubParsersAction) -> None:
    """The parser of ``search``."""
    search = commands.add_parser("search", help="the texts of an index that are nearest to a query")
    search.add_argument("index", help="the directory of an index")
    search.add_argument("query", nargs="*", help="what to look for")
    search.add_argument("--queries", metavar="FILE", help="a file of queries instead")
    add_column_arguments(search)
    add_finding_arguments(search)
    search.add_argument("--approximate", action="store_true", help="look in the graph; its recall is printed")
    search.set_defaults(function=run_search)


def add_recommend_command(commands: argparse._SubParsersAction) -> None:
    """The parser of ``recommend``."""
    recommend = commands.add_parser("recommend", help="the texts of an index that are nearest to those liked")
    recommend.add_argument("index", help="the directory of an index")
    recommend.add_argument("liked", help="a file of texts that somebody likes, or of their numbers in the index")
    add_column_arguments(recommend)
    add_finding_arguments(recommend)
    recommend.set_defaults(function=run_recommend)


def add_column_arguments(parser: argparse.ArgumentParser) -> None:
    """Which column of a file holds texts."""
    parser.add_argument("--text-column", metavar="NAME", help="a column's name, or its number from 1 (text)")
    parser.add_argument("--header", action=argparse.BooleanOptionalAction, help="the first row names the columns")


def add_finding_arguments(parser: argparse.ArgumentParser) -> None:
    """How many texts are found, by which model, and how they are printed."""
    parser.add_argument("--top", type=positive, default=10, metavar="K", help="how many texts (10)")
    parser.add_argument("--model", metavar="RUN", help="the model that made the index (as it was named then)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto: a GPU if there is one)"
    )


def run_index(given: argparse.Namespace) -> None:
    """Writes an index, and prints what it holds."""
    from bert.commands.index import index_file
    from bert.search.index import Index
    from bert.training.distributed import start_processes

    output = given.output or f"{given.file}.index"
    with start_processes(given.device) as processes:
        said = index_file(
            given.run,
            given.file,
            output,
            reading_given(given),
            given.pooling,
            tuple(given.columns),
            given.add,
            given.approximate,
            processes.device,
            log=print_error,
        )
    print_line(f"{output}: {said.texts:,} texts, vectors of {said.vector_size}")
    if said.graph_crc32 is not None:
        print_line(f"{output}: {Index(output, approximate=True).recall_in_words()}")


def run_search(given: argparse.Namespace) -> None:
    """Prints what each query finds."""
    from bert.commands.search import load_model_of, read_queries, search, write_hits
    from bert.search.index import Index
    from bert.training.distributed import start_processes

    if bool(given.query) == (given.queries is not None):
        raise InputError(f"{'both' if given.query else 'neither'} a query and --queries; give one of the two")
    queries = read_queries(given.query, given.queries, vars(given))
    is_one = given.queries is None and len(given.query) == 1
    with start_processes(given.device) as processes:
        index = Index(given.index, given.approximate)
        if index.graph is not None:
            print_error(f"Note: {index.recall_in_words()}.")
        embedder = load_model_of(index, given.model, processes.device)
        source = "query" if given.queries is None else f"{given.queries}: line"
        for query, hits in search(index, embedder, queries, given.top, print_error, source):
            write_hits(output_on_stdout(), hits, None if is_one else query, given.json)


def run_recommend(given: argparse.Namespace) -> None:
    """Prints what is nearest to the liked texts."""
    from bert.commands.recommend import recommend
    from bert.commands.search import write_hits
    from bert.search.index import Index
    from bert.training.distributed import start_processes

    with start_processes(given.device) as processes:
        index = Index(given.index)
        hits = recommend(index, given.liked, given.top, vars(given), given.model, processes.device)
        write_hits(output_on_stdout(), hits, as_json=given.json)


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
