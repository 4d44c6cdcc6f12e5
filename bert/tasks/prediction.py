"""The prediction loop of all kinds of tasks. Each window gets its own part of the model's output.

windows -> sorted by length -> batches of a bounded number of tokens -> the head -> split by window
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bert.errors import InputError
from bert.heads.batch import Batch
from bert.tasks.options import Options
from bert.tasks.task import Kind
from bert.tasks.windows import Window, WindowsOfEach, batch_of
from bert.tokenization.tokenizer import Tokenizer

EXAMPLES_AT_A_TIME = 1_024  # read, tokenized and sorted by length together
CACHE = 8 * 2**20  # bytes: a part of the last cache of most processors
TOKENS_ON_A_GPU = 16_384


def predictions(
    kind: Kind, model: nn.Module, tokenizer: Tokenizer, examples: Iterable[Any], options: Options, source: str
) -> Iterator[tuple[Any, Any]]:
    """(example, its prediction) in the order of the examples, streamed.

    Args:
        source: the examples' file, for error messages.
    """
    examples = iter(examples)
    while chunk := list(islice(examples, EXAMPLES_AT_A_TIME)):
        windows = kind.inputs(tokenizer, chunk, options, source).windows
        yield from zip(chunk, kind.predict(model, windows, options), strict=True)


@torch.inference_mode()
def window_scores(
    model: nn.Module,
    examples: WindowsOfEach,
    score: Callable[[Batch], Tensor],
    size: Callable[[Window], int] = lambda window: 1,
) -> list[list[np.ndarray]]:
    """The model's output for each window of each example.

    Args:
        examples: the windows of each.
        score: runs the model on a batch: the scores of its windows, one window after another.
        size: how many rows of the scores belong to a window. ``len``: one for each token.

    Returns:
        For each example and each of its windows: (size, ...) float32.

    Raises:
        InputError: if a score is not a number.
    """
    model.eval()
    device = next(model.parameters()).device
    windows = [window for parts in examples for window in parts]
    scores: list[Any] = [None] * len(windows)
    for indices in batches_by_length(list(map(len, windows)), tokens_at_once(model)):
        chosen = [windows[index] for index in indices]
        output = score(batch_of(chosen).to(device)).float().cpu().numpy()
        if np.isnan(output).any():
            raise InputError("the model's scores are not numbers: its weights are too large; use another checkpoint")
        ends = np.cumsum([size(window) for window in chosen])
        for index, part in zip(indices, np.split(output, ends[:-1])):
            scores[index] = part
    in_order = iter(scores)
    return [list(islice(in_order, len(parts))) for parts in examples]


def tokens_at_once(model: nn.Module) -> int:
    """The number of tokens in a batch with which a model is fastest.

    A GPU wants many. On a CPU the widest tensor of a layer should stay in the cache between two matrix products. It is
    (tokens, intermediate_size) float32. With mini, batches of 2,048 tokens take a fifth less time than of 8,192.
    """
    if next(model.parameters()).device.type != "cpu":
        return TOKENS_ON_A_GPU
    config: Any = model.config
    return max(1, CACHE // (4 * config.intermediate_size))


def batches_by_length(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """The indices of sequences, batch by batch, from the shortest to the longest.

    Args:
        lengths: of the sequences, in tokens.
        most_tokens: in a batch. A longer sequence goes alone.

    >>> list(batches_by_length([5, 2, 9, 4], most_tokens=10))
    [[1, 3], [0], [2]]
    """
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and tokens + lengths[index] > most_tokens:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        yield batch
