"""Multi-head attention (Vaswani et al. 2017, section 3.2): from some tokens to some tokens.

need                                    from                     to
self-attention                          all tokens               all tokens
the last layer, for selected tokens     the selected tokens      all tokens
a decoder's own attention               its tokens               its tokens, causal
cross-attention                         the decoder's tokens     the encoder's tokens
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from bert import fast
from bert.config import BertConfig
from bert.model.dropout import dropout
from bert.model.sequences import Sequences


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, dropout_probability: float = 0.0, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention of one sequence: softmax(query @ key^T / sqrt(dim)) @ value.

    Source: Vaswani et al. 2017, equation 1. Dropout on the weights drops whole tokens to attend to, as in
    google-research/bert ``modeling.py``, ``attention_layer``.

    Why sqrt(dim): suppose that the components of a query and a key are independent, with mean 0 and variance 1. Their
    product is a sum of dim terms, so its variance is dim. Divided by sqrt(dim), it has variance 1. Larger scores would
    make the softmax nearly one-hot, and its gradients nearly 0 (section 3.2.1, footnote 4).

    Args:
        query, key, value: (heads, queries, dim), and (heads, keys, dim) twice.
        causal: whether a query attends to no key after its own. The last query is at the last key.

    Returns:
        (heads, queries, dim), and the weights (heads, queries, keys): row i is what query i takes from each key.
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (heads, queries, keys)
    if causal:
        queries, keys = scores.shape[-2:]
        is_later = torch.ones_like(scores).triu(1 + keys - queries) > 0
        scores = scores.masked_fill(is_later, -math.inf)
    weights = scores.softmax(dim=-1)
    return dropout(weights, dropout_probability) @ value, weights


@fast.sooner("attention:attend")
def attend(
    query: Tensor, key: Tensor, value: Tensor, from_sequences: Sequences, to_sequences: Sequences,
    dropout_probability: float = 0.0, causal: bool = False, return_attention: bool = False,
) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
    """The equation for each sequence by itself: a query attends to the keys of its own sequence.

    Args:
        query: (queries, heads, dim)
        key, value: (keys, heads, dim)
        from_sequences, to_sequences: which queries, and which keys, belong together.

    Returns:
        (queries, heads, dim); and of each sequence the weights (heads, queries, keys), if asked for.
    """
    attended, weights = [], []
    from_lengths, to_lengths = from_sequences.lengths.tolist(), to_sequences.lengths.tolist()
    for parts in zip(query.split(from_lengths), key.split(to_lengths), value.split(to_lengths), strict=True):
        heads = (rearrange(part, "tokens heads dim -> heads tokens dim") for part in parts)
        its_attended, its_weights = scaled_dot_product_attention(
            *heads, dropout_probability=dropout_probability, causal=causal
        )
        attended.append(rearrange(its_attended, "heads tokens dim -> tokens heads dim"))
        weights.append(its_weights)
    return torch.cat(attended), weights if return_attention else None


class MultiHeadAttention(nn.Module):
    """Attention in several heads, and the projection of the joined heads back to hidden_size.

    Source: Vaswani et al. 2017, section 3.2.2; ``modeling.py``, ``attention_layer``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.num_attention_heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout_probability = config.attention_probs_dropout_prob

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False, causal: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """The tokens from_states (queries, hidden_size) attend to the tokens to_states (keys, hidden_size).

        Returns:
            (queries, hidden_size); and of each sequence the weights (heads, queries, keys), if asked for.
        """
        query, key, value = (
            rearrange(states, "tokens (heads dim) -> tokens heads dim", heads=self.num_attention_heads)
            for states in (self.query(from_states), self.key(to_states), self.value(to_states))
        )
        rate = self.dropout_probability if self.training else 0.0
        attended, weights = attend(query, key, value, from_sequences, to_sequences, rate, causal, return_attention)
        return self.output(rearrange(attended, "tokens heads dim -> tokens (heads dim)")), weights
