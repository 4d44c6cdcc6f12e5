"""How many floating-point operations the model's matrix products take: the M and F of MFU."""

from collections.abc import Sequence

from bert.config import BertConfig


def encoder_operations(
    config: BertConfig, lengths: Sequence[int], read_of_each: float | None = None, device_type: str = "cpu"
) -> float:
    """Operations, additions and multiplications, of a forward pass of the encoder; training takes three times as many.

    A token takes 2 for each weight that it meets, and 4 hidden_size in each layer for each token that it looks at.
    Padding is not counted, whether it is computed or not.

    Args:
        lengths: how many tokens each text has.
        read_of_each: how many tokens of a text a head reads: the last layer is computed for these alone, but for its
            keys and values, and on a GPU its queries and attention (``BertModel.read``). None: all are.
    """
    hidden, tokens, pairs = config.hidden_size, sum(lengths), sum(length**2 for length in lengths)
    weights = 4 * hidden**2 + 2 * hidden * config.intermediate_size
    whole_layer = 2 * weights * tokens + 4 * hidden * pairs
    if read_of_each is None:
        return config.num_hidden_layers * whole_layer
    projections, looked_at = (2, read_of_each * tokens) if device_type == "cpu" else (3, pairs)
    everywhere = projections * hidden**2
    read = read_of_each * len(lengths)
    last_layer = 2 * (everywhere * tokens + (weights - everywhere) * read) + 4 * hidden * looked_at
    return (config.num_hidden_layers - 1) * whole_layer + last_layer


def pretraining_operations(
    config: BertConfig, batch_size: int, length: int, masked: int, device_type: str = "cpu"
) -> float:
    """Operations of a pretraining step, forward and backward, on full rows with ``masked`` labels in all of them."""
    encoder = encoder_operations(config, [length] * batch_size, masked / batch_size + 1, device_type)
    head = 2 * masked * config.hidden_size * (config.vocab_size + config.hidden_size)
    return 3 * (encoder + head)
