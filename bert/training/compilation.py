"""``--compile``: torch.compile for each part of a model, while it trains.

All layers share a layer's graphs, so compiling takes seconds. The code between the parts stays Python.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from bert import fast
from bert.errors import InputError
from bert.heads.pretraining import MaskedLanguageModelHead
from bert.model.embeddings import Embeddings
from bert.model.encoder import EncoderLayer

COMPILED = (Embeddings, EncoderLayer, MaskedLanguageModelHead)
MOST_GRAPHS = 64  # of a part. PyTorch's limit of 8 is for one graph that is compiled again and again by mistake


@contextlib.contextmanager
def compiled_parts(model: nn.Module) -> Iterator[None]:
    """Inside the block the model's parts are compiled, each when it is first called.

    The first batch compiles graphs for its own shapes. A second one with other shapes compiles graphs for any shape of
    that kind. There are several kinds, for example batches of one sequence.

    Raises:
        InputError: if a graph cannot be compiled, for example without a C++ compiler.
    """
    # These take seconds to import, and only compiled runs need them.
    from torch._dynamo import config
    from torch._dynamo.exc import FailOnRecompileLimitHit, ShortenTraceback

    fast.load()
    parts = [part for part in model.modules() if isinstance(part, COMPILED)]
    for part in parts:
        part.forward = torch.compile(part.forward, fullgraph=True)
    try:
        with config.patch(
            recompile_limit=MOST_GRAPHS, accumulated_recompile_limit=4 * MOST_GRAPHS,
            optimize_ddp=False,  # it would split graphs to send gradients early; ours are single layers already
        ):  # fmt: skip
            yield
    except FailOnRecompileLimitHit as error:
        raise InputError(
            f"--compile: these batches need more than {MOST_GRAPHS} graphs of a part; leave --compile out"
        ) from error
    except ShortenTraceback as error:  # the compiler failed, or a GPU has no Triton
        cause = _first_error(str(getattr(error, "inner_exception", error)))
        raise InputError(
            f"--compile: the model's parts cannot be compiled here ({cause}); leave --compile out, or mend the compiler"
        ) from error
    finally:
        for part in parts:
            del part.forward  # the class's own forward is visible again


def eager() -> contextlib.AbstractContextManager:
    """Inside the block compiled parts run eagerly. Evaluations do: their shapes would need more graphs."""
    return torch.compiler.set_stance("force_eager")


def _first_error(message: str) -> str:
    """The first line of a compiler's message that names an error, or else its first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "error: " in line), lines[0] if lines else "it gives no reason")
