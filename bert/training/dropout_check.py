"""Tries dropout on a GPU before anything is trained with it.

A wrong mask stops nothing: the model only learns worse. Two parts of PyTorch may be wrong. Compiled dropout draws its
masks in generated code. PyTorch 2.13 repeated some, and had other masks in the backward pass (issue 198333). Attention
calls a private operator, see ``bert.fast.packed_dropout``.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert import fast
from bert.config import BertConfig
from bert.errors import InputError
from bert.model.embeddings import Embeddings
from bert.model.encoder import EncoderLayer
from bert.model.sequences import Sequences
from bert.training.compilation import compiled_parts
from bert.training.distributed import Processes
from bert.training.precision import DTYPES, Precision
from bert.training.recomputation import recomputed_layers

Log = Callable[[str], None]

SEQUENCE = 32  # tokens of a sequence
NUMBERS = 1 << 16  # of a mask, at least
WRONG_GRADIENT = 0.05  # a relative error. 16 bits make 0.01; another mask makes sqrt(2 * dropout), 0.45 at 0.1


def check_dropout(
    config: BertConfig, precision: Precision, processes: Processes, compiles: bool, recomputes: bool, log: Log
) -> None:
    """Tries what a run needs on its GPU. A CPU has neither of the two. All processes must call it.

    Raises:
        InputError: in one process, if compiled dropout is wrong in any.
        SystemExit: in the others then, with exit code 2.
    """
    device = processes.device
    if config.attention_probs_dropout_prob > 0 and precision.name != "fp32" and fast.is_on():
        check_packed_dropout(precision, device, log)
    if config.hidden_dropout_prob > 0 and compiles:
        processes.on_all(lambda: check_compiled_dropout(config, precision, device, recomputes))


def check_packed_dropout(precision: Precision, device: torch.device, log: Log) -> None:
    """Tells the user if attention with dropout has to be computed on padded batches, and why."""
    from bert.fast.packed_dropout import find_fault

    fault = find_fault(device, DTYPES[precision.name])
    if fault is not None:
        log(
            f"Note: FlashAttention with dropout does not work with PyTorch {torch.__version__} ({fault}): attention is "
            f"computed on padded batches, which takes longer."
        )


def check_compiled_dropout(config: BertConfig, precision: Precision, device: torch.device, recomputes: bool) -> None:
    """Compiles embeddings and layers like the model's, whose outputs show their masks, and checks the masks.

    The run's own random numbers stay as they are.

    Raises:
        InputError: if a mask drops another share than the configuration says, if masks repeat, or if a backward pass
            has another mask than its forward pass.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []), ExitStack() as stack:
        torch.manual_seed(0)
        config = config.replace(vocab_size=8)
        parts: Any = nn.ModuleList([Embeddings(config), EncoderLayer(config), EncoderLayer(config)]).to(device).train()
        precision.prepare(parts)
        stack.enter_context(compiled_parts(parts))
        if recomputes:
            stack.enter_context(recomputed_layers(parts))
        fault = _fault(config.hidden_dropout_prob, list(_masks(parts, config, precision, device)))
    if fault is not None:
        raise InputError(
            f"--compile: with PyTorch {torch.__version__} compiled dropout is wrong on this {device.type} ({fault}); "
            f"leave --compile out, or give --dropout 0, or install another version of PyTorch"
        )


def _fault(probability: float, drawn: list[tuple[Tensor, float]]) -> str | None:
    """What is wrong with masks, (tokens, hidden_size) bool, each with the relative error of its gradient."""
    if repeats(torch.cat([kept.flatten() for kept, _ in drawn])):
        return "masks repeat"
    for kept, error in drawn:
        dropped = 1 - kept.double().mean().item()
        if abs(dropped - probability) > 5 * math.sqrt(probability * (1 - probability) / kept.numel()):
            return f"it drops {dropped:.1%} instead of {probability:.1%}"
        if not error < WRONG_GRADIENT:
            return "a backward pass has another mask than its forward pass"
    return None


def repeats(kept: Tensor) -> bool:
    """Whether a list of independent coin tosses, as it should be, equals itself too often if it is shifted.

    That finds rows, columns, layers and calls that share a mask. For each shift it takes the covariance, the sum of
    x[i] * x[i + shift], with x's mean taken away. A Fourier transform computes all of them at once (Wiener-Khinchin).
    Eight standard deviations are enough for a million shifts. The 20 is for masks that hardly drop anything: then these
    sums are counts of rare events.
    """
    x = kept.double().cpu()
    variance = x.var(correction=0).item()
    covariance = torch.fft.irfft(torch.fft.rfft(x - x.mean()).abs().square(), n=len(x))[1:]
    return covariance.abs().max().item() > 8 * math.sqrt(len(x)) * variance + 20


def _masks(
    parts: Any, config: BertConfig, precision: Precision, device: torch.device
) -> Iterator[tuple[Tensor, float]]:
    """The masks of all places with dropout in two calls, and the relative error of the gradient behind each.

    In front of dropout weights are 0 and biases 1, so dropout gets ones. Behind it is at most LayerNorm. The second
    call has more tokens. It compiles graphs for any number of tokens, which the run then uses.
    """
    embeddings, *layers = parts

    def norm(numbers: Tensor) -> Tensor:
        return F.layer_norm(numbers, numbers.shape[-1:], eps=config.layer_norm_eps)

    def draw(part: Any, inputs: tuple, ones_from: Any, behind: Callable[[Tensor], Tensor]) -> tuple[Tensor, float]:
        _make_ones(ones_from)
        with precision.autocast():
            output = part(*inputs)
        return _read(output[0] if isinstance(output, tuple) else output, ones_from.bias, behind, config)

    fewest = -(-NUMBERS // (config.hidden_size * SEQUENCE))
    for rows in (fewest, fewest + 1):
        ids, types, positions = (torch.zeros(rows * SEQUENCE, dtype=torch.int64, device=device) for _ in range(3))
        sequences = Sequences(torch.arange(rows + 1, device=device) * SEQUENCE, SEQUENCE)
        states = torch.zeros(len(ids), config.hidden_size, dtype=DTYPES[precision.name], device=device)
        inputs = states.requires_grad_(), states, sequences, sequences
        yield draw(embeddings, (ids, types, positions), embeddings.layer_norm, lambda numbers: numbers)
        for layer in layers:
            nn.init.ones_(layer.attention_norm.weight)
            nn.init.zeros_(layer.feed_forward.output.weight)
            nn.init.zeros_(layer.feed_forward.output.bias)
            yield draw(layer, inputs, layer.attention.output, lambda numbers: norm(norm(numbers)))
            nn.init.zeros_(layer.attention_norm.weight)  # takes the first mask out of the residual sum
            yield draw(layer, inputs, layer.feed_forward.output, norm)


def _make_ones(part: Any) -> None:
    """Makes the output of a Linear or LayerNorm 1. The first number is 0: dropout cannot change it."""
    nn.init.zeros_(part.weight)
    nn.init.ones_(part.bias)
    with torch.no_grad():
        part.bias[0] = 0


def _read(
    output: Tensor, bias: nn.Parameter, behind: Callable[[Tensor], Tensor], config: BertConfig
) -> tuple[Tensor, float]:
    """The mask of ones that went through dropout and ``behind``, and the relative error of the gradient of ``bias``.

    LayerNorm moves and scales a row. What was dropped still equals the first number, which is 0 before it, and what was
    kept is above it.
    """
    of_output = torch.randn_like(output)
    (found,) = torch.autograd.grad(output, bias, of_output)
    kept = output.detach() > output.detach()[:, :1] + 0.1
    with torch.enable_grad():
        ones = bias.detach().float().requires_grad_()
        expected = behind(ones * kept / (1 - config.hidden_dropout_prob))
    (right,) = torch.autograd.grad(expected, ones, of_output.float())
    found, right = found.float()[1:], right[1:]
    return kept[:, 1:], ((found - right).norm() / right.norm()).item()
