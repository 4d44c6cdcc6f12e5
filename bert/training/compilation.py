"""``torch.compile``, where a run asks for it: a program for each part of the model, in training alone.

A layer's program serves all layers, so that it is made in seconds. What is between the parts, the counting of tokens
and places on the host, stays Python.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def compiled_parts(model: nn.Module) -> Iterator[None]:
    """Inside the block the model's parts are programs, each made when it is first called.

    A part is a module that names a method of its own as ``compiled_method``. The first batch makes programs for its
    own shapes. Where a second has others, one is made that takes any.
    """
    parts = [(part, part.compiled_method) for part in model.modules() if hasattr(part, "compiled_method")]
    for part, method in parts:
        setattr(part, method, torch.compile(getattr(part, method), fullgraph=True))
    try:
        yield
    finally:
        for part, method in parts:
            delattr(part, method)  # and the class's own is seen again


def as_written() -> contextlib.AbstractContextManager:
    """Inside the block, compiled parts are computed as they are written: for evaluations, which have other shapes."""
    return torch.compiler.set_stance("force_eager")
