"""A trace as text, for a terminal: two lines for each tensor."""

from collections.abc import Iterator
from itertools import groupby

from bert.trace.record import Step, Trace

COLUMNS = (24, 16, 10, 10, 15, 12)  # their widths


def trace_lines(trace: Trace) -> Iterator[str]:
    """The lines of a table, a block for each module."""
    names = ("tensor", "shape", "mean", "deviation", "operations", "bytes")
    yield _row(names)
    yield "    where: the expression that makes it"
    for module, steps in groupby(trace.steps, key=lambda step: step.module):
        yield ""
        yield module or "(the model)"
        for step in steps:
            yield _row((step.output or step.name, *numbers_of(step)))
            yield f"    {step.where}: {code_of(step)}"
    yield ""
    yield summary(trace)


def numbers_of(step: Step) -> tuple[str, str, str, str, str]:
    """A step's shape, mean, standard deviation, operations and bytes, in words."""
    shape = " × ".join(map(str, step.shape)) or "1"
    memory = f"{step.nbytes:,}" if step.nbytes else "view"
    return shape, f"{step.mean:.4g}", f"{step.deviation:.4g}", f"{step.operations:,}", memory


def code_of(step: Step) -> str:
    """The expression that makes a tensor. If it only calls a function of PyTorch, what that computes."""
    return f"{step.where.code}  =  {step.formula}" if step.formula else step.where.code


def summary(trace: Trace) -> str:
    """What the trace has, and what it leaves out."""
    memory = sum(step.nbytes for step in trace.steps)
    return (
        f"{len(trace.steps)} tensors, {trace.operations:,} operations in matrix products, {memory:,} bytes. "
        f"{trace.left_out} tensors of whole numbers are left out: they say which tokens belong together."
    )


def _row(cells: tuple[str, ...]) -> str:
    name, shape, *numbers = cells
    line = f"  {name:<{COLUMNS[0]}} {shape:<{COLUMNS[1]}}"
    return line + "".join(f" {number:>{width}}" for number, width in zip(numbers, COLUMNS[2:]))
