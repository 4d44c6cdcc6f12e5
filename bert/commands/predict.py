"""``python -m bert predict``: a file of texts in, a file of predictions out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from bert.adaptation.loading import Source, source_of
from bert.adaptation.several import AdaptedModel
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.eight_bits import in_eight_bits
from bert.commands.reading import check_segments, first_checked, reading_of
from bert.errors import InputError
from bert.files.tables import tsv_line
from bert.files.whole import atomic_file
from bert.model.bert import BertModel
from bert.tasks.kinds import KINDS
from bert.tasks.options import Columns, Options
from bert.tasks.prediction import predictions
from bert.tasks.task import Kind


@dataclass(frozen=True)
class Prediction:
    """A file that a model can read.

    Attributes:
        source: of the model.
        path: of the file.
        examples: of the file, streamed.
    """

    source: Source
    path: str | Path
    kind: Kind
    options: Options
    examples: Iterator[Any]

    def lines(self, model: Any) -> Iterator[bytes]:
        """The predictions of a loaded model, as lines of TSV."""
        tokenizer = self.source.tokenizer()
        check_vocabulary_fits(tokenizer, model.config, str(self.source))
        found = predictions(self.kind, model, tokenizer, self.examples, self.options, str(self.path))
        return (tsv_line(row).encode() for row in self.kind.rows(model, found, self.options))


def predict_file(
    run: str | Path | Source,
    path: str | Path,
    output: IO[bytes],
    given: dict[str, Any],
    device: str | torch.device = "cpu",
    int8: bool = False,
    log: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Writes a line of TSV for each text of a file: its prediction. Texts are streamed, in order.

    A tagger writes a line for each word, and an empty line after each sentence. Its file has texts, or a word in each
    line; a warning says how it was read. Spans need questions with their contexts: a table, or SQuAD's JSON.
    Relations, choices and summaries need the form of the training file. Labels are skipped. In ``given``, a flag that
    was not given is None. Raises an InputError if it cannot read the file. Also if a flag would change nothing.

    Args:
        int8: whether the model computes in 8 bits (``bert.quantization``), on the CPU.
        log: takes a note on what that saves.
    """
    prediction = _prepare(source_of(run), path, given)
    model = prediction.source.load(prediction.kind.head).to(device)
    output.writelines(prediction.lines(in_eight_bits(model, log) if int8 else model))


def predict_with_adapters(
    body: str | Path,
    adapters: Sequence[str],
    path: str | Path,
    directory: str | Path,
    given: dict[str, Any],
    device: str | torch.device = "cpu",
    int8: bool = False,
    log: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Writes a file of predictions for each adapter, ``directory/NAME.tsv``. The body is in memory once.

    In 8 bits an adapter is part of the body's weights. So each model has its own, and they are made one after another.

    Returns the files. Raises an InputError as ``predict_file`` does, or if two adapters would write the same file. Then
    none is written.
    """
    outputs = [output_of(adapter, directory) for adapter in adapters]
    for adapter, output in zip(adapters, outputs):
        if outputs.count(output) > 1:
            raise InputError(f"--adapter {adapter}: another one writes {output} too; rename one of their directories")
    prepared = [_prepare(source_of(adapter, body), path, given) for adapter in adapters]
    if int8:
        models = (in_eight_bits(each.source.load(each.kind.head), log) for each in prepared)
        return _write_all(outputs, prepared, models)
    # Only adapters that trained a pooler of their own fit a body without one.
    tasks = AdaptedModel(load_checkpoint(body, BertModel, fresh=("pooler",)).to(device))
    for number, prediction in enumerate(prepared):
        model: nn.Module = prediction.source.load(prediction.kind.head)
        tasks.add(str(number), model)
    tasks.eval()
    return _write_all(outputs, prepared, (tasks.use(str(number)) for number in range(len(prepared))))


def _write_all(outputs: list[Path], prepared: Sequence[Prediction], models: Iterable[nn.Module]) -> list[Path]:
    """Writes the predictions of each model. All files or none."""
    with ExitStack() as stack:
        files = [stack.enter_context(atomic_file(output)) for output in outputs]
        for prediction, file, model in zip(prepared, files, models, strict=True):
            file.writelines(prediction.lines(model))
    return outputs


def output_of(adapter: str, directory: str | Path) -> Path:
    """The file for the predictions of one adapter of several."""
    return Path(directory) / f"{Path(adapter).resolve().name}.tsv"


def _prepare(source: Source, path: str | Path, given: dict[str, Any]) -> Prediction:
    """Reads the settings and the first example. So errors in them come before a model is loaded."""
    kind, columns, options = settings_of(source, path, given)
    return Prediction(source, path, kind, options, first_checked(kind.read(path, columns, False)))


def settings_of(source: Source, path: str | Path, given: dict[str, Any]) -> tuple[Kind, Columns, Options]:
    """The kind of a run's task, and how a file is read for it. Raises an InputError if a flag would change nothing."""
    kind = kind_of_run(source)
    columns, options, trained_on_pairs = reading_of(source, path, given, kind.predict_columns)
    flags = kind.predict_flags(path)
    for name, value in given.items():
        if value is not None and name not in flags:
            raise InputError(
                f"--{name.replace('_', '-')}: it would change nothing for the model in {source}; leave it out"
            )
    if trained_on_pairs and columns.text_pair is None and "text_pair_column" in flags:
        raise InputError(
            f"{path}: holds single texts, and the model in {source} was trained on pairs; give it a table of them"
        )
    are_pairs = columns.text_pair is not None and not kind.reads_texts_alone
    check_segments(source, are_pairs=are_pairs or kind.has_two_segments)
    return kind, columns, options


def kind_of_run(run: str | Path | Source) -> Kind:
    """The kind whose head a run's model has. Without one it is single labels."""
    source = source_of(run)
    found = (kind for kind in KINDS.values() if source.is_of(kind.head))
    return next(found, KINDS["single-label"])
