"""What each command does with its flags: calls the function that does the work, and says what came of it.

PyTorch takes seconds to load. So only the functions that run a command import it: --help and errors in the flags come
at once.
"""

import argparse
import os
import shutil
from contextlib import nullcontext
from typing import Any

from bert.errors import InputError
from bert.files.terminal import output_on_stdout, print_error, print_line


def reading_given(given: argparse.Namespace) -> dict[str, Any]:
    """The reading settings; None for each that was not given."""
    names = (
        "text text_column text_pair_column word_column header max_length long_texts summary_sentences null_threshold "
        "beams length_penalty min_output max_output no_repeat_ngram sample temperature top_p seed"
    )
    return {name: getattr(given, name, None) for name in names.split()}


def refuse_to_write_over_input(output: str | None, file: str) -> None:
    """Raises an InputError if the output is the input file."""
    if output is not None and os.path.exists(output) and os.path.exists(file) and os.path.samefile(output, file):
        raise InputError(f"{output} is the file of the texts, which would be lost; name another output")


def run_fill_mask(given: argparse.Namespace) -> None:
    """Prints the five most probable pieces for each blank."""
    from bert.commands.fill_mask import print_fillings

    print_fillings(given.run, given.text)


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
    with start_processes(given.device) as processes, output as file:
        predict_file(source, given.file, file, reading_given(given), processes.device)


def run_predict_with_adapters(given: argparse.Namespace) -> None:
    """Writes the predictions of several adapters, a file for each, and prints the files' names."""
    from bert.commands.predict import output_of, predict_with_adapters
    from bert.training.distributed import start_processes

    if given.output is None:
        raise InputError("--adapter names several, and each writes a file of its own; name their folder: --output DIR")
    for adapter in given.adapter:
        refuse_to_write_over_input(str(output_of(adapter, given.output)), given.file)
    with start_processes(given.device) as processes:
        files = predict_with_adapters(
            given.run, given.adapter, given.file, given.output, reading_given(given), processes.device
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


def run_exercises(given: argparse.Namespace) -> None:
    """Writes a copy for students, and prints which functions are blank."""
    from bert.commands.exercises import write_exercises

    print_line(*write_exercises(given.output, given.only))


def run_grade(given: argparse.Namespace) -> int:
    """Prints how each exercise stands. The exit code is 1 if one is not passed."""
    from bert.commands.grade import grade_copy

    lines, is_passed = grade_copy(given.folder, given.only, given.json, given.seconds)
    print_line(*lines)
    return 0 if is_passed else 1


def run_embed(given: argparse.Namespace) -> None:
    """Writes vectors, and prints the shape of their array."""
    from bert.commands.embed import embed_file
    from bert.training.distributed import start_processes

    refuse_to_write_over_input(given.output, given.file)
    with start_processes(given.device) as processes:
        shape = embed_file(
            given.run,
            given.file,
            given.output,
            reading_given(given),
            given.pooling,
            given.layers,
            processes.device,
            log=print_error,
        )
    print_line(f"{given.output}: {' x '.join(f'{size:,}' for size in shape)} float32")


def run_selftest(given: argparse.Namespace) -> int:
    """Prints the table of errors. Returns the exit code: 1 if a bound is broken."""
    from bert.commands.selftest import selftest
    from bert.training.distributed import start_processes

    with start_processes(given.device) as processes:
        return selftest(given.run, given.against, given.record, given.compile, processes.device)
