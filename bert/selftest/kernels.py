"""Every kernel of bert/fast against the plain form that it replaces: values, and gradients if it has any.

The registry of ``bert.fast`` names the kernels. One without a case here breaks the table, so none can be forgotten.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

import bert
from bert import fast
from bert.selftest.dropout import LEVELS_ERROR, MOST_SIGMAS, scale_error, share_error
from bert.selftest.kernel_cases import cases_of
from bert.selftest.rows import Row, check, largest_of, not_tried

BOUND = 1e-5  # in float32
BOUND_16_BITS = 0.02  # in bfloat16, beside the plain form in float32
DECLINED = "on this device it leaves the work to the plain form"


def kernel_rows(device: torch.device) -> Iterator[Row]:
    """The rows of all kernels, and on a GPU of attention in 16 bits, which has kernels of its own there."""
    import_plain_forms()
    for name, kernel in fast.kernels().items():
        module, function = name.split(":")
        file, title = f"bert/fast/{module}.py", f"{module}: {function}"
        if name == "dropout:dropout":
            yield from dropout_rows(title, file, kernel, device)
        else:
            yield kernel_row(title, file, name, kernel, device)
    yield from attention_rows_in_16_bits(device)


def import_plain_forms() -> None:
    """Imports every module with a plain form: being imported puts its kernel into the registry."""
    package = Path(bert.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if "\n@fast.sooner(" in path.read_text(encoding="utf-8"):
            import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))


def kernel_row(
    title: str, file: str, name: str, kernel: Callable, device: torch.device, dtype: torch.dtype = torch.float32,
    bound: float = BOUND,
) -> Row:  # fmt: skip
    """The row of a kernel. Its plain form always gets float32."""
    tried = 0

    def error() -> float:
        nonlocal tried
        cases = cases_of(name, device, dtype)
        if not cases:
            raise LookupError("no case in bert/selftest/kernel_cases.py checks this kernel")
        errors = [0.0]
        for case in cases:
            found = case.values(kernel, dtype)
            if found is not None:
                tried += 1
                with fast.off():
                    errors.append(largest_of(zip(found, case.values(case.plain, torch.float32) or (), strict=True)))
        return max(errors, key=lambda each: (each != each, each))  # what is no number counts as largest

    row = check(title, file, bound, error)
    return row if tried or row.is_broken else not_tried(title, file, DECLINED)


def dropout_rows(title: str, file: str, kernel: Callable, device: torch.device) -> Iterator[Row]:
    """The rows of the dropout kernel: its masks are random, so they are counted."""
    if kernel(torch.ones(4, device=device), 0.5) is NotImplemented:
        yield not_tried(title, file, DECLINED)
        return
    share = f"{title}, share (standard deviations)"
    yield check(share, file, MOST_SIGMAS, lambda: share_error(kernel, device))
    yield check(f"{title}, what is kept", file, LEVELS_ERROR, lambda: scale_error(kernel, device))


def attention_rows_in_16_bits(device: torch.device) -> Iterator[Row]:
    """FlashAttention's rows: it needs a GPU. With dropout the operator has a check of its own."""
    file, name = "bert/fast/attention.py", "attention:attend"
    if device.type != "cuda":
        yield not_tried("attention: 16 bits", file, "it needs a GPU: --device cuda")
        return
    from bert.fast.packed_dropout import find_fault

    dtype = torch.bfloat16
    fault: Any = find_fault(device, dtype)  # first: attention then does without an operator that is wrong
    yield kernel_row("attention: 16 bits", file, name, fast.kernels()[name], device, dtype, BOUND_16_BITS)
    file = "bert/fast/packed_dropout.py"
    if fault is None:
        yield Row("attention: 16 bits, dropout", file, 0.0, 0.0)
    else:
        yield not_tried("attention: 16 bits, dropout", file, f"PyTorch's operator: {fault}")
