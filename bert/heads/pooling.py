"""One vector for a whole text: the state of [CLS], the mean of the tokens' last states, or their maximum."""

import torch
from torch import Tensor

from bert.model.sequences import Padding, Sequences

POOLS = ("cls", "mean")  # of a classifier, which takes the pooled [CLS]
VECTOR_POOLS = (*POOLS, "max")  # of a vector, which takes the state of [CLS] as it is


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
    return pooled_states(states, input_ids, attention_mask, sequences, "mean")


def pooled_states(
    states: Tensor, input_ids: Tensor, attention_mask: Tensor | None, sequences: Sequences | None, pool: str
) -> Tensor:
    """A vector of each sequence, in float32: (sequences, hidden_size). Padding never counts.

    Source: Reimers & Gurevych 2019 (Sentence-BERT), section 3.

    Args:
        states, input_ids, attention_mask, sequences: as ``mean_states`` takes them.
        pool: one of ``VECTOR_POOLS``. "max" takes the largest of each number over the tokens.
    """
    if sequences is None:
        padding = Padding.of_mask(attention_mask, input_ids)
        states, sequences = padding.unpad(states), padding.sequences
    if pool == "cls":
        return states.index_select(0, sequences.first).float()
    # unsafe: it does not check the lengths, for which a GPU would synchronise
    return torch.segment_reduce(states.float(), pool, lengths=sequences.lengths, unsafe=True)
