"""Which inputs go through a model together when it predicts: those of about one length, and not too many."""

from collections.abc import Iterator, Sequence

from torch import nn

TEXTS_AT_A_TIME = 1_024  # tokenized and sorted by length together; the results of so many are held
CACHE = 8 * 2**20  # bytes: a part of the last cache of most processors
TOKENS_ON_A_GPU = 16_384


def tokens_at_once(model: nn.Module) -> int:
    """How many tokens a model is fastest with.

    A GPU wants many. On a CPU the widest tensor of a layer, (tokens, intermediate_size) float32, should stay in the
    cache from one layer's product to the next: 2,048 tokens of mini at a time take a fifth less time than 8,192.
    """
    if next(model.parameters()).device.type != "cpu":
        return TOKENS_ON_A_GPU
    return max(1, CACHE // (4 * model.config.intermediate_size))


def batches_by_length(
    lengths: Sequence[int], most_tokens: int, rows: Sequence[int] | None = None
) -> Iterator[list[int]]:
    """The inputs' numbers, batch by batch, from the shortest to the longest; each is in one batch.

    Args:
        lengths: of the inputs, in tokens.
        most_tokens: in a batch, with its padding; only an input that is longer goes alone.
        rows: how many sequences of up to that length an input is; those of as many are neighbours. None: one each.

    >>> list(batches_by_length([5, 2, 9, 4], most_tokens=10))
    [[1, 3], [0], [2]]
    """
    shapes = list(zip(rows or [1] * len(lengths), lengths))
    batch, most_rows, longest = [], 0, 0
    for number in sorted(range(len(shapes)), key=shapes.__getitem__):
        input_rows, length = shapes[number]
        most_rows, longest = max(most_rows, input_rows), max(longest, length)
        if batch and (len(batch) + 1) * most_rows * longest > most_tokens:
            yield batch
            batch, most_rows, longest = [], input_rows, length
        batch.append(number)
    if batch:
        yield batch
