"""How many floating-point operations the model's matrix products take: the M and F of MFU."""

from collections.abc import Sequence

from bert.config import BertConfig


def encoder_operations(config: BertConfig, lengths: Sequence[int], selected_of_each: float | None = None) -> float:
    """Operations of a forward pass of the encoder: additions and multiplications. Training takes three times as many.

    A token takes 2 for each weight that it meets. In each layer it takes 4 hidden_size more for each token that it
    attends to. Padding is not counted, even if it is computed.

    Args:
        lengths: the number of tokens of each text.
        selected_of_each: how many tokens of a text are selected (see ``BertModel``). The last layer computes keys and
            values for all tokens, and the rest for the selected ones. None: all tokens.
    """
    hidden, tokens, pairs = config.hidden_size, sum(lengths), sum(length**2 for length in lengths)
    weights = 4 * hidden**2 + 2 * hidden * config.intermediate_size
    whole_layer = 2 * weights * tokens + 4 * hidden * pairs
    if selected_of_each is None:
        return config.num_hidden_layers * whole_layer
    keys_and_values = 2 * hidden**2
    selected, selected_pairs = selected_of_each * len(lengths), selected_of_each * tokens
    products = 2 * (keys_and_values * tokens + (weights - keys_and_values) * selected)
    return (config.num_hidden_layers - 1) * whole_layer + products + 4 * hidden * selected_pairs


def pretraining_operations(config: BertConfig, batch_size: int, length: int, masked: int) -> float:
    """Operations of a pretraining step, forward and backward, on full rows with ``masked`` labels in all of them."""
    encoder = encoder_operations(config, [length] * batch_size, masked / batch_size + 1)
    head = 2 * masked * config.hidden_size * (config.vocab_size + config.hidden_size)
    return 3 * (encoder + head)
