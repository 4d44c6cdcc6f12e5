"""``python -m bert predict``: a file of texts in, a file of predictions out."""

from pathlib import Path
from typing import IO, Any

import torch

from bert.checkpoints.directory import is_checkpoint_of, load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.commands.reading import check_segments, first_checked, reading_of
from bert.errors import InputError
from bert.files.tables import tsv_line
from bert.tasks.kinds import KINDS
from bert.tasks.prediction import predictions
from bert.tasks.task import Kind


def predict_file(
    run: str | Path,
    path: str | Path,
    output: IO[bytes],
    given: dict[str, Any],
    device: str | torch.device = "cpu",
) -> None:
    """Writes a line of TSV for each text of a file: its prediction. Texts are streamed, in order.

    A tagger writes a line for each word, and an empty line after each sentence. Its file has texts, or a word in each
    line; a warning says how it was read. Spans need questions with their contexts: a table, or SQuAD's JSON.
    Relations, choices and summaries need the form of the training file. Labels are skipped. In ``given``, a flag that
    was not given is None. Raises an InputError if it cannot read the file. Also if a flag would change nothing.
    """
    kind = kind_of_run(run)
    columns, options, trained_on_pairs = reading_of(run, path, given, kind.predict_columns)
    flags = kind.predict_flags(path)
    for name, value in given.items():
        if value is not None and name not in flags:
            raise InputError(
                f"--{name.replace('_', '-')}: it would change nothing for the model in {run}; leave it out"
            )
    if trained_on_pairs and columns.text_pair is None and "text_pair_column" in flags:
        raise InputError(
            f"{path}: holds single texts, and the model in {run} was trained on pairs; give it a table of them"
        )
    check_segments(run, are_pairs=columns.text_pair is not None or kind.has_two_segments)
    examples = first_checked(kind.read(path, columns, False))
    model: Any = load_checkpoint(run, kind.head).to(device)
    tokenizer = load_tokenizer(run)
    check_vocabulary_fits(tokenizer, model.config, run)
    rows = kind.rows(model, predictions(kind, model, tokenizer, examples, options, str(path)), options)
    output.writelines(tsv_line(row).encode() for row in rows)


def kind_of_run(run: str | Path) -> Kind:
    """The kind whose head a checkpoint has. Without one it is single labels."""
    found = (kind for kind in KINDS.values() if is_checkpoint_of(run, kind.head))
    return next(found, KINDS["single-label"])
