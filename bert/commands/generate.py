"""``python -m bert generate``: a file of sources in, a plain file of outputs out, line by line."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import torch

from bert.adaptation.loading import Source, source_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.reading import first_checked, reading_of
from bert.errors import InputError
from bert.generation.model import BertForConditionalGeneration
from bert.tasks.generation.inputs import source_inputs
from bert.tasks.generation.predict import write_outputs
from bert.tasks.generation.read import Pair, has_columns, read_pairs
from bert.tasks.options import Options
from bert.tasks.prediction import EXAMPLES_AT_A_TIME
from bert.tokenization.tokenizer import Tokenizer

TEXTS = "--text"  # instead of a file's name, in messages


@dataclass(frozen=True)
class Writer:
    """A model that writes.

    Attributes:
        tokenizer: of sources.
        options: how sources become inputs, and how outputs are written.
    """

    model: BertForConditionalGeneration
    tokenizer: Tokenizer
    options: Options

    @classmethod
    def of(cls, source: Source, options: Options, device: str | torch.device) -> "Writer":
        """Loads a run's model. Raises an InputError if a file is damaged, or the vocabulary is another model's."""
        tokenizer = source.tokenizer()
        check_vocabulary_fits(tokenizer, source.config(), str(source))
        return cls(source.load(BertForConditionalGeneration).to(device), tokenizer, options)

    def write(self, pairs: Sequence[Pair]) -> tuple[list[str], int]:
        """The output for each source, and how many sources were cut. White space in an output becomes a space."""
        windows, too_long = source_inputs(self.tokenizer, pairs, self.options)
        outputs = write_outputs(self.model, windows, self.options)
        return [" ".join(written.text.split()) for written in outputs], too_long


def generation_run(run: str | Path) -> Source:
    """Where the parts of a generation run are. Raises an InputError if it is another run."""
    source = source_of(run)
    if not source.is_of(BertForConditionalGeneration):
        raise InputError(
            f"{run}: its model has no decoder that writes; name a run of train_finetune.py --problem generation, or "
            f"use python -m bert predict"
        )
    return source


def generate_file(
    run: str | Path, path: str | Path, output: IO[bytes], given: dict[str, Any], device: str | torch.device = "cpu"
) -> None:
    """Writes a line with the output for each source of a file. Sources are streamed, in order.

    An empty line of a plain file stays empty. In ``given``, a flag that was not given is None.

    Raises:
        InputError: if it is no generation run, the file cannot be read, a flag would change nothing, or two contradict
            each other.
    """
    source = generation_run(run)
    if not has_columns(path):
        _refuse_columns(given, f"{path} is no table")
    reading = reading_of(source, path, given)
    pairs = first_checked(read_pairs(path, reading.columns, labelled=False))
    output.writelines(_lines(Writer.of(source, reading.options, device), pairs))


def generate_texts(
    run: str | Path, texts: Sequence[str], output: IO[bytes], given: dict[str, Any], device: str | torch.device = "cpu"
) -> None:
    """Writes a line with the output for each text. Raises an InputError as ``generate_file`` does."""
    source = generation_run(run)
    _refuse_columns(given, f"{TEXTS} gives texts")
    writer = Writer.of(source, reading_of(source, TEXTS, given).options, device)
    output.writelines(_lines(writer, (Pair(line, (text,), None) for line, text in enumerate(texts, start=1))))


def _refuse_columns(given: dict[str, Any], because: str) -> None:
    for name in ("text_column", "header"):
        if given.get(name) is not None:
            raise InputError(f"--{name.replace('_', '-')} is about the columns of a table, and {because}; leave it out")


def _lines(writer: Writer, pairs: Iterable[Pair]) -> Iterator[bytes]:
    """The outputs as lines. A warning at the end says how many sources were cut."""
    pairs, count, cut = iter(pairs), 0, 0
    while chunk := list(islice(pairs, EXAMPLES_AT_A_TIME)):
        outputs, too_long = writer.write(chunk)
        count, cut = count + len(chunk), cut + too_long
        yield from (f"{output}\n".encode() for output in outputs)
    if cut:
        warnings.warn(
            f"{cut:,} of the {count:,} sources are longer than {writer.options.max_length} tokens and were cut; see "
            f"--max-length and --long-texts",
            stacklevel=2,
        )
