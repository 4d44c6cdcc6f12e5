"""``--compile``: torch.compile for each part of a model, while it trains.

All layers share a layer's graphs, so compiling takes seconds. The code between the parts stays Python.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bert import fast
from bert.errors import InputError
from bert.heads.pretraining import MaskedLanguageModelHead
from bert.model.embeddings import Embeddings
from bert.model.encoder import EncoderLayer
from bert.model.sequences import Sequences

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
    parts: list[Any] = [part for part in model.modules() if isinstance(part, COMPILED)]
    hooks = [part.register_forward_pre_hook(_prepare) for part in parts if isinstance(part, EncoderLayer)]
    options = random_options(model)
    for part in parts:
        part.forward = torch.compile(part.forward, fullgraph=True, options=options)
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
        for hook in hooks:
            hook.remove()
        for part in parts:
            del part.forward  # the class's own forward is visible again


def eager() -> contextlib.AbstractContextManager:
    """Inside the block compiled parts run eagerly. Evaluations do: their shapes would need more graphs."""
    return torch.compiler.set_stance("force_eager")


def random_options(model: nn.Module) -> dict[str, Any] | None:
    """The compiler's options for a model with dropout on a GPU: masks are drawn as without the compiler.

    Since 2.13 PyTorch draws four random numbers at once, but in some kernels only. Masks may repeat then, and backward
    passes may have others than forward passes (https://github.com/pytorch/pytorch/issues/198333). The option turns that
    off. (It breaks ``randn`` in 2.13, issue 193938. No part has it.) A version without the option is without the fault.
    ``config.patch`` would not do: it holds in this thread, and backward passes may be compiled in another one.
    """
    from torch._inductor import config

    drops = any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())
    on_gpu = any(parameter.is_cuda for parameter in model.parameters())
    return {"align_random_eager": True} if drops and on_gpu and hasattr(config, "align_random_eager") else None


def _prepare(layer: Any, inputs: tuple) -> tuple:
    """What a graph cannot do for attention, since it depends on the data: see ``bert.fast.attention``.

    A GPU's kernel takes the longest length. Bounds that are powers of two are few, so graphs are few. Elsewhere
    attention needs the padding, which the sequences cache.
    """
    from bert.fast.attention import takes_varlen

    states, to_states, from_sequences, to_sequences, *others = inputs
    attention, device = layer.attention, states.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
    query = states.new_empty(0, attention.query.out_features // attention.num_attention_heads, dtype=dtype)
    is_causal = getattr(layer, "is_causal", False)  # a decoder's layer
    if takes_varlen(query, attention.dropout_probability, is_causal):
        return states, to_states, _rounded_up(from_sequences), _rounded_up(to_sequences), *others
    _ = from_sequences.padding, to_sequences.padding
    return inputs


def _rounded_up(sequences: Sequences) -> Sequences:
    return replace(sequences, longest=1 << (sequences.longest - 1).bit_length())


def _first_error(message: str) -> str:
    """The first line of a compiler's message that names an error, or else its first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "error: " in line), lines[0] if lines else "it gives no reason")
