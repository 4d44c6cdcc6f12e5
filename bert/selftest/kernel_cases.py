"""Arguments on which each kernel is compared with its plain form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bert.activations import gelu
from bert.fast.eight_bits import pack
from bert.generation import cache, stepwise
from bert.heads import loss
from bert.heads.batch import sequences_of
from bert.layer_norm import layer_norm
from bert.model import attention
from bert.model.sequences import Sequences
from bert.quantization.linear import dense
from bert.quantization.rows import quantize_rows
from bert.training import muon, optimizer
from bert.variants.rms_norm import rms_norm

Form = Callable[..., Any]
NEVER = 1e-9  # a probability that drops nothing: the kernels go the same way as with dropout


@dataclass(frozen=True)
class Case:
    """Arguments of a kernel and of its plain form. Some forms change their arguments in place."""

    plain: Form
    arguments: tuple
    in_place: bool = False

    def values(self, form: Form, dtype: torch.dtype) -> list[Tensor] | None:
        """What a form gives, and the gradients of a weighted sum of it. None: it declines these arguments.

        Args:
            dtype: of the arguments that are float tensors.
        """
        arguments = [copied(each, dtype) for each in self.arguments]
        result = form(*arguments)
        if result is NotImplemented:
            return None
        if self.in_place:
            return [each for group in arguments if isinstance(group, list) for each in group]
        values = [
            each for each in (result if isinstance(result, tuple | list) else (result,)) if isinstance(each, Tensor)
        ]
        inputs = [each for each in arguments if isinstance(each, Tensor) and each.requires_grad]
        total = sum(weighted(each) for each in values if each.requires_grad)
        return values + (list(torch.autograd.grad(total, inputs)) if isinstance(total, Tensor) else [])


def copied(argument: Any, dtype: torch.dtype) -> Any:
    """An argument of its own for each form, since some change it."""
    if isinstance(argument, list):
        return [copied(each, dtype) for each in argument]
    if not isinstance(argument, Tensor):
        return argument
    copy = argument.detach().clone()
    return (copy.to(dtype) if copy.is_floating_point() else copy).requires_grad_(argument.requires_grad)


def weighted(values: Tensor) -> Tensor:
    """The sum of values, each with another weight."""
    weights = torch.arange(values.numel(), device=values.device, dtype=torch.float32).cos()
    return (values.float() * weights.view(values.shape)).sum()


def cases_of(name: str, device: torch.device, dtype: torch.dtype) -> list[Case]:
    """The cases of a kernel; none if nobody wrote any."""
    if name == "attention:attend":
        return attention_cases(device, dim=7 if dtype == torch.float32 else 8)  # 16 bits need a multiple of 8
    makers = {
        "built_in:layer_norm": layer_norm_cases,
        "built_in:gelu": gelu_cases,
        "built_in:rms_norm": rms_norm_cases,
        "attention:attend_in_rows": attention_in_rows_cases,
        "largest:largest": largest_cases,
        "eight_bits:dense": eight_bits_cases,
        "vocabulary_loss:vocabulary_cross_entropy": vocabulary_loss_cases,
        "optimizer:fused_update": update_cases,
        "muon:in_batches": muon_cases,
    }
    return makers[name](device) if name in makers else []


def normal(device: torch.device, *shape: int) -> Tensor:
    """Random numbers, the same ones for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(device)


def layer_norm_cases(device: torch.device) -> list[Case]:
    """An eps that shows."""
    parameters = (normal(device, *shape).requires_grad_() for shape in ((3, 5, 7), (7,), (7,)))
    return [Case(layer_norm, (*parameters, 0.1))]


def rms_norm_cases(device: torch.device) -> list[Case]:
    """An eps that shows."""
    parameters = (normal(device, *shape).requires_grad_() for shape in ((3, 5, 7), (7,)))
    return [Case(rms_norm, (*parameters, 0.1))]


def gelu_cases(device: torch.device) -> list[Case]:
    """Numbers on both sides of 0, up to where it is 0 or the number itself."""
    return [Case(gelu, (torch.linspace(-7, 7, 53, device=device).requires_grad_(),))]


def attention_cases(device: torch.device, dim: int) -> list[Case]:
    """Unequal and equal lengths, selected queries, queries of other sequences, a causal mask, and dropout's way."""

    def sequences(*lengths: int) -> Sequences:
        made = sequences_of(lengths)
        return Sequences(made.boundaries.to(device), made.longest)

    unequal, equal = sequences(5, 1, 9), sequences(5, 5, 5)
    some = unequal.select(torch.tensor([0, 3, 4, 5, 6, 14], device=device))
    kinds = [
        (unequal, unequal, 0.0, False), (equal, equal, 0.0, False), (some, unequal, 0.0, False),
        (equal, unequal, 0.0, False), (unequal, unequal, 0.0, True), (sequences(2, 1, 3), unequal, 0.0, True),
        (unequal, unequal, NEVER, False), (equal, equal, NEVER, False), (unequal, unequal, NEVER, True),
    ]  # fmt: skip
    cases = []
    for queries, keys, probability, causal in kinds:
        shapes = (int(each.boundaries[-1]) for each in (queries, keys, keys))
        tensors = [normal(device, tokens, 3, dim).requires_grad_() for tokens in shapes]
        cases.append(Case(attention.attend, (*tensors, queries, keys, probability, causal)))
    return cases


def attention_in_rows_cases(device: torch.device) -> list[Case]:
    """A decoder's steps: without padding, and with."""
    cases = []
    for rows, keys, is_padded in ((2, 5, False), (4, 6, True)):
        tensors = (normal(device, rows, 3, length, 7).requires_grad_() for length in (2, keys, keys))
        mask = torch.arange(keys) < torch.arange(1, rows + 1)[:, None, None, None]
        cases.append(Case(cache.attend, (*tensors, mask.to(device) if is_padded else None)))
    return cases


def largest_cases(device: torch.device) -> list[Case]:
    """Whole blocks of scores, and some left over at the end."""
    return [Case(stepwise.largest, (normal(device, 5, columns), count)) for columns, count in ((256, 1), (831, 3))]


def eight_bits_cases(device: torch.device) -> list[Case]:
    """Weights as this CPU reads them; with a bias, and without. Other devices leave the product to the plain form."""
    states, weight = (quantize_rows(normal(device, rows, 131)) for rows in (7, 13))
    layer = *states, pack(weight[0]), weight[1]
    return [Case(dense, (*layer, bias)) for bias in (normal(device, 13), None)]


def vocabulary_loss_cases(device: torch.device) -> list[Case]:
    """More pieces than two slices hold, and a token without a label."""
    labels = torch.randint(2_051, (11,), generator=torch.Generator().manual_seed(1))
    labels[2] = loss.IGNORE_INDEX
    parameters = [normal(device, *shape).requires_grad_() for shape in ((11, 5), (2_051, 5), (2_051,))]
    return [Case(loss.vocabulary_cross_entropy, (*parameters, labels.to(device)))]


def update_cases(device: torch.device) -> list[Case]:
    """Two parameters with averages from earlier updates, and constants that show each term."""
    group = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}
    shapes = ((3, 5), (7,))
    lists = [[normal(device, *shape) + offset for shape in shapes] for offset in (0.0, 0.5, 1.0)]
    v = [normal(device, *shape).square() for shape in shapes]
    return [Case(optimizer.update, (*lists, v, group), in_place=True)]


def muon_cases(device: torch.device) -> list[Case]:
    """Matrices of two shapes, wide and tall, not in order."""
    matrices = [normal(device, *shape) for shape in ((5, 11), (3, 3), (11, 5), (5, 11))]
    return [Case(muon.orthogonalized, (matrices, muon.ITERATIONS))]
