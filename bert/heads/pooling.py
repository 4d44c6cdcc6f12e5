"""One vector for a whole text: the pooled [CLS], or the mean of the tokens' last states."""

import torch
from torch import Tensor

from bert.model.sequences import Padding, Sequences

POOLS = ("cls", "mean")


def mean_states(
    states: Tensor, input_ids: Tensor, attention_mask: Tensor | None, sequences: Sequences | None
) -> Tensor:
    """The mean of each sequence's states, [CLS] and [SEP] included, in float32: (sequences, hidden_size).

    Source: Reimers & Gurevych 2019 (Sentence-BERT), section 3, "MEAN-strategy".

    Args:
        states: (tokens, hidden_size) if ``sequences`` says which tokens belong together, else (batch, seq,
            hidden_size).
        input_ids, attention_mask: (batch, seq), of a padded batch.
    """
    if sequences is None:
        padding = Padding.of_mask(attention_mask, input_ids)
        states, sequences = padding.unpad(states), padding.sequences
    # unsafe: it does not check the lengths, for which a GPU would synchronise
    return torch.segment_reduce(states.float(), "mean", lengths=sequences.lengths, unsafe=True)
