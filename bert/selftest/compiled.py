"""The compiled model beside the eager one: without dropout their numbers, with dropout its masks."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from bert.errors import InputError
from bert.heads.batch import Batch
from bert.heads.pretraining import BertForPreTraining
from bert.selftest.rows import SINGLE, Row, largest_of, not_tried
from bert.selftest.subject import Subject, random_subject
from bert.training.compilation import compiled_parts
from bert.training.dropout_check import check_compiled_dropout
from bert.training.precision import Precision

FILE = "bert/training/compilation.py"
NAMES = "compiled: losses and gradients", "compiled: dropout"
REASON = "it takes longer than the rest; --compile tries it"


def compiled_rows(device: torch.device, compiles: bool) -> Iterator[Row]:
    """The rows of the compiled model.

    Raises an InputError if the compiler is asked for, and this machine has none.
    """
    if not compiles:
        yield from (not_tried(name, FILE, REASON) for name in NAMES)
        return
    subject = random_subject(device)
    yield Row(NAMES[0], FILE, SINGLE, numbers_error(subject))
    precision = Precision("fp32", device.type, "a test of the compiler")
    config = subject.model.config.replace(hidden_size=129)  # more numbers to count in each mask
    try:
        check_compiled_dropout(config, precision, device, recomputes=False)
    except InputError as error:  # it compiled before, so the masks are wrong
        yield Row(NAMES[1], FILE, 0.0, float("inf"), str(error))
    else:
        yield Row(NAMES[1], FILE, 0.0, 0.0, "shares, repetition and backward passes of its masks")


def numbers_error(subject: Subject) -> float:
    """The losses and all gradients of a batch, in training mode. The model's copy drops nothing."""
    eager = without_dropout(subject.model)
    compiled = copy.deepcopy(eager)
    expected = losses_and_gradients(eager, subject)
    with compiled_parts(compiled):
        found = losses_and_gradients(compiled, subject)
    return largest_of(zip(found, expected, strict=True))


def without_dropout(model: BertForPreTraining) -> BertForPreTraining:
    """A copy that trains, but drops nothing."""
    config = model.config.replace(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    copied = BertForPreTraining(config).to(next(model.parameters()).device)
    copied.load_state_dict(model.state_dict())
    return copied.train()


def losses_and_gradients(model: BertForPreTraining, subject: Subject) -> list[Tensor]:
    """The losses of a batch with some labels, and the gradient of every parameter."""
    ids, types, sequences = subject.inputs.tensors(subject.device)
    selected = torch.arange(1, len(ids), 3, device=ids.device)
    labels = {
        "masked_labels": ids[selected],
        "next_sentence_labels": torch.zeros(len(subject.inputs.lengths), dtype=torch.int64, device=ids.device),
    }
    losses = model.losses(Batch(ids, types, sequences, selected, labels=labels))
    sums = [loss.sum for loss in losses.values()]
    return sums + list(torch.autograd.grad(torch.stack(sums).sum(), list(model.parameters())))
