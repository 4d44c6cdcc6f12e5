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

    Source: Vaswani et al. 2017, equation 1. Dropout on the attention weights as in google-research/bert
    ``modeling.py``, ``attention_layer``: it drops whole tokens to attend to.

    Args:
        query: (heads, queries, dim)
        key, value: (heads, keys, dim)
        dropout_probability: of each weight.
        causal: whether a query attends to no key after its own; the last query is at the last key.

    Returns:
        (heads, queries, dim), and the weights (heads, queries, keys): row i is what query i takes from each key.
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (heads, queries, keys)
    if causal:
        queries, keys = scores.shape[-2:]
        is_later = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(1 + keys - queries)
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
    lengths = [from_sequences.lengths.tolist(), to_sequences.lengths.tolist(), to_sequences.lengths.tolist()]
    parts = (states.transpose(0, 1).split(each, dim=1) for states, each in zip((query, key, value), lengths))
    for sequence in zip(*parts, strict=True):
        its_attended, its_weights = scaled_dot_product_attention(*sequence, dropout_probability, causal)
        attended.append(its_attended)
        weights.append(its_weights)
    return torch.cat(attended, dim=1).transpose(0, 1), weights if return_attention else None


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
        causal: bool = False, return_attention: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """
        Args:
            from_states: (queries, hidden_size), the tokens that attend.
            to_states: (keys, hidden_size), the tokens that they attend to.
            from_sequences, to_sequences: which of them belong together.
            causal: whether a token attends to no later one.

        Returns:
            (queries, hidden_size); and of each sequence the weights (heads, queries, keys), if asked for.
        """
        query, key, value = (
            rearrange(states, "tokens (heads dim) -> tokens heads dim", heads=self.num_attention_heads)
            for states in (self.query(from_states), self.key(to_states), self.value(to_states))
        )
        dropout_probability = self.dropout_probability if self.training else 0.0
        attended, weights = attend(
            query, key, value, from_sequences, to_sequences, dropout_probability, causal, return_attention
        )
        return self.output(rearrange(attended, "tokens heads dim -> tokens (heads dim)")), weights
