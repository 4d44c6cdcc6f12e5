"""A trace as an HTML page that opens offline: a table for each module, with a small picture of each tensor."""

import io
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional as F

from bert.errors import InputError
from bert.tasks.page import WIDE, Section, page, picture, shown
from bert.trace.record import Step, Trace
from bert.trace.text import code_of, numbers_of, summary

MOST_ROWS, MOST_COLUMNS = 16, 64  # of a tensor's picture; larger tensors are averaged
HEADER = ("tensor", "values", "shape", "mean", "deviation", "operations", "bytes", "made by", "in")


def trace_page(trace: Trace, title: str, pieces: Sequence[tuple[str, int]]) -> str:
    """The page.

    Args:
        pieces: (piece, id) of what the model read.
    """
    most = max((step.operations for step in trace.steps), default=0)
    sections = [Section("From characters to ids of pieces", _pieces(pieces), WIDE)]
    for module, steps in groupby(trace.steps, key=lambda step: step.module):
        rows = "".join(_row(step, most) for step in steps)
        sections.append(Section(module or "the model", _table(rows), WIDE))
    return page(title, sections, summary(trace))


def _pieces(pieces: Sequence[tuple[str, int]]) -> str:
    each = (f'<div><dt>{token_id}</dt><dd dir="auto">{shown(piece)}</dd></div>\n' for piece, token_id in pieces)
    return f'<dl class="facts">{"".join(each)}</dl>\n'


def _table(rows: str) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in HEADER)
    table = f'<table class="trace"><tr>{names}</tr>\n{rows}</table>'
    return f'<div class="scroll" role="region" aria-label="table" tabindex="0">{table}</div>'


def _row(step: Step, most_operations: int) -> str:
    shape, mean, deviation, operations, memory = map(shown, numbers_of(step))
    name = step.output or step.name
    share = 100 * step.operations / max(most_operations, 1)
    return (
        f'<tr><th scope="row">{shown(name)}</th><td>{picture(draw_values(step.tensor), f"values of {name}")}</td>'
        f'<td>{shape}</td><td>{mean}</td><td>{deviation}</td><td class="share" style="--share:{share:.1f}">{operations}'
        f"</td><td>{memory}</td><td><code>{shown(code_of(step))}</code></td>"
        f"<td>{shown(step.where)}<br>{shown(step.where.function)}</td></tr>\n"
    )


def draw_values(tensor: Tensor) -> bytes:
    """A PNG of a tensor's numbers: the last dimension across, all others down. Red is above 0, and blue below."""
    try:
        from matplotlib.image import imsave
    except ImportError:
        raise InputError("a picture needs the package matplotlib, which is missing; pip install matplotlib") from None
    numbers = tensor.float().nan_to_num(posinf=0.0, neginf=0.0)
    numbers = numbers.reshape(-1, numbers.shape[-1] if numbers.dim() > 1 else numbers.numel())
    size = min(len(numbers), MOST_ROWS), min(numbers.shape[1], MOST_COLUMNS)
    small = F.adaptive_avg_pool2d(numbers[None], size)[0]
    largest = max(small.abs().max().item(), torch.finfo(torch.float32).tiny)
    content = io.BytesIO()
    imsave(content, small.numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest, format="png")
    return content.getvalue()
