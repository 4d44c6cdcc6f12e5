"""All rows of the table, in the order of the data: texts, layers, losses, updates, and then what makes them sooner."""

from collections.abc import Iterator

import torch

from bert.selftest.compiled import compiled_rows
from bert.selftest.dropout import dropout_rows
from bert.selftest.gradients import gradient_rows
from bert.selftest.kernels import kernel_rows
from bert.selftest.layers import layer_rows
from bert.selftest.loss_sums import loss_rows
from bert.selftest.optimization import optimization_rows
from bert.selftest.pretraining_data import pretraining_data_rows
from bert.selftest.rows import Section
from bert.selftest.subject import Subject
from bert.selftest.tokenizer import tokenizer_rows
from bert.selftest.whole import whole_rows


def sections(subject: Subject, device: torch.device, compiles: bool) -> Iterator[Section]:
    """The sections of a self-test without ``--against``."""
    name = subject.name
    yield Section(f"tokenizer against its rules ({name})", tokenizer_rows(subject.tokenizer))
    yield Section("pretraining data against the paper's rules", pretraining_data_rows())
    yield Section(f"layers, plain, in float64, against the equations in NumPy ({name})", layer_rows(subject))
    yield Section(f"whole model in float32 against the equations ({name})", whole_rows(subject))
    yield Section("dropout", dropout_rows(subject))
    yield Section("losses against the equations", loss_rows(device))
    yield Section("gradients in float64 against finite differences", gradient_rows(device))
    yield Section("optimizer and schedule against the equations", optimization_rows(device))
    yield Section("kernels of bert/fast against the plain forms", kernel_rows(device))
    yield Section("compiled against eager", compiled_rows(device, compiles))
