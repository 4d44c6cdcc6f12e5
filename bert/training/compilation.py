"""``torch.compile``, where a run asks for it: a program for each part of the model, in training alone.

A layer's program serves all layers, so that it is made in seconds. What is between the parts, the counting of tokens
and places on the host, stays Python.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from bert.errors import InputError

MOST_PROGRAMS = 64  # of a part; PyTorch's own limit of 8 is for one program that is made again and again by mistake


@contextlib.contextmanager
def compiled_parts(model: nn.Module) -> Iterator[None]:
    """Inside the block the model's parts are programs, each made when it is first called.

    A part is a module that names a method of its own as ``compiled_method``. The first batch makes programs for its
    own shapes. Where a second has others, one is made that takes any shape of that kind; there are kinds with padding
    and without, with one row and with several, and so on: up to two dozen for a layer, where texts differ in length.

    Raises:
        InputError: where a program cannot be made, as on a machine without a C++ compiler.
    """
    # Seconds to import, and for compiled runs alone.
    from torch._dynamo import config
    from torch._dynamo.exc import FailOnRecompileLimitHit, ShortenTraceback

    parts = [(part, part.compiled_method) for part in model.modules() if hasattr(part, "compiled_method")]
    for part, method in parts:
        setattr(part, method, torch.compile(getattr(part, method), fullgraph=True))
    try:
        with config.patch(
            recompile_limit=MOST_PROGRAMS, accumulated_recompile_limit=4 * MOST_PROGRAMS,
            optimize_ddp=False,  # it cuts programs up, to send gradients early; ours are single layers already
        ):  # fmt: skip
            yield
    except FailOnRecompileLimitHit as error:
        raise InputError(
            f"--compile: these batches need more than {MOST_PROGRAMS} programs of a part; leave --compile out"
        ) from error
    except ShortenTraceback as error:  # the compiler failed, or on a GPU there is no Triton for it
        cause = _what_failed(str(getattr(error, "inner_exception", error)))
        raise InputError(
            f"--compile: the model's parts cannot be compiled here ({cause}); leave --compile out, or mend the compiler"
        ) from error
    finally:
        for part, method in parts:
            delattr(part, method)  # and the class's own is seen again


def as_written() -> contextlib.AbstractContextManager:
    """Inside the block, compiled parts are computed as they are written: for evaluations, which have other shapes."""
    return torch.compiler.set_stance("force_eager")


def _what_failed(message: str) -> str:
    """The line of a compiler's message that says it: the first error in its output, where there is one."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "error: " in line), lines[0] if lines else "it does not say why")
