"""A directory layer by layer against a second one, or against recorded numbers."""

import os
from collections.abc import Iterator
from dataclasses import replace

from bert.errors import InputError
from bert.selftest.numbers import Numbers, compared_rows, numbers_of
from bert.selftest.recording import read_recording
from bert.selftest.rows import EXACT, Row, check
from bert.selftest.samples import ASCII, OTHERS
from bert.selftest.subject import Subject, read_subject
from bert.tokenization.tokenizer import Tokenizer


def against_rows(subject: Subject, other: str) -> Iterator[Row]:
    """The rows of a subject beside another directory, or beside a file of recorded numbers.

    What the other one is, is read at once: bad input shows before any row.

    Raises an InputError if it is damaged, missing, or of other sizes.
    """
    if not os.path.isdir(other):
        inputs, numbers = read_recording(other, subject.model.config)
        return compared_rows(replace(subject, inputs=inputs), numbers)
    second = read_subject(other, subject.device)
    ours, its = subject.model.config, second.model.config
    for name in ("num_hidden_layers", "hidden_size", "type_vocab_size"):
        if getattr(ours, name) != getattr(its, name):
            raise InputError(
                f"{other}: {name} is {getattr(its, name)}, but {getattr(ours, name)} in {subject.name}; two "
                f"directories of the same sizes can be compared"
            )
    for name, most in (("vocab_size", int(subject.inputs.input_ids.max()) + 1),
                       ("max_position_embeddings", max(subject.inputs.lengths))):  # fmt: skip
        if getattr(its, name) < most:
            raise InputError(f"{other}: {name} is {getattr(its, name)}, and the inputs of {subject.name} need {most}")
    numbers = numbers_of(replace(second, inputs=subject.inputs))
    return directory_rows(subject, second.tokenizer, numbers)


def directory_rows(subject: Subject, tokenizer: Tokenizer, numbers: Numbers) -> Iterator[Row]:
    """The rows of a second directory: its tokenizer on the sample texts, and its numbers."""

    def other_ids() -> float:
        return float(sum(subject.tokenizer.encode(text) != tokenizer.encode(text) for text in ASCII + OTHERS))

    yield check("tokenizer: ids (texts)", "bert/checkpoints/vocabulary.py", EXACT, other_ids)
    yield from compared_rows(subject, numbers)
