"""The same numbers, sooner: kernels, each beside the plain form that it replaces.

The plain form is the equation. It stands in the room that needs it, such as ``bert.model``, and is marked with
``@sooner``. A kernel takes the same arguments. If it cannot compute them, it returns NotImplemented, and the plain form
runs. Inside ``with fast.off():`` plain forms always run, as in a run of the scripts with ``--plain``.

Gains over the plain forms, forward and backward, on two cores in float32 (``python -m benchmarks.kernels``):

    attention.py          1.1 times as fast; 1.2 with dropout          attend
    dropout.py            2.0                                          dropout
    vocabulary_loss.py    1.7, and no table of all scores in memory    vocabulary_cross_entropy
    optimizer.py          3.3                                          fused_update

Two serve bf16 on a CPU with AMX. On two cores, for updates of the size 2x256 (before, bf16 was as fast as float32):

    few_shapes.py         1.4, by hooks (``Precision.prepare``)
    attention.py          1.3 more, by the equation                    attend

Three are PyTorch's own. On one thread of a busy core:

    built_in.py           3.9                                          layer_norm
    built_in.py           3.3                                          gelu
    built_in.py           2.3; 1.1 from hidden_size 256 on             rms_norm

One serves Muon. On one thread of a busy core, for ``tiny``'s matrices in bfloat16:

    muon.py               1.8; 1.1 in float32                          in_batches

Two serve decoding, which has no backward pass. On one thread of a busy core (benchmarks/RESULTS.md, "Writing"):

    attention.py          1.4 with four rows                           attend_in_rows
    largest.py            2.5 for 8 of 8,000 scores; 4.4 for the first largest

One serves models in 8 bits, with 1,024 tokens on a CPU with AMX (beside float32: ``python -m benchmarks.int8``):

    eight_bits.py         4.0                                          dense
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_on = True
_names: list[str] = []  # of the kernels that plain forms have
_kernels: dict[str, Callable] = {}  # those that are imported


def is_on() -> bool:
    """Whether kernels run."""
    return _on


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Inside the block, the plain forms run."""
    global _on
    before, _on = _on, False
    try:
        yield
    finally:
        _on = before


def sooner(kernel: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Marks a plain form: calls go to its kernel, if that can compute them.

    Args:
        kernel: the function, as ``module:name`` in this folder. Its first call imports it, since a kernel may itself
            import the plain form's module.
    """

    def mark(plain: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @functools.wraps(plain)
        def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
            if _on:
                if kernel not in _kernels:
                    load(kernel)
                result = _kernels[kernel](*arguments, **named)
                if result is not NotImplemented:
                    return result
            return plain(*arguments, **named)

        _names.append(kernel)
        return call

    return mark


def kernels() -> dict[str, Callable]:
    """The kernels of all plain forms that are imported, by ``module:name``."""
    load()
    return {name: _kernels[name] for name in _names}


def load(*names: str) -> None:
    """Imports kernels, by default all. A compiler cannot trace an import, so it needs this first."""
    for kernel in names or _names:
        module, name = kernel.split(":")
        _kernels[kernel] = getattr(import_module(f"bert.fast.{module}"), name)
