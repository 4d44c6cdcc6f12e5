"""The whole: ids -> embeddings -> layers -> pooler and heads (Devlin et al. 2018, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert.selftest.equations.embeddings import embeddings
from bert.selftest.equations.encoder_layer import encoder_layer
from bert.selftest.equations.masked_language_model import piece_scores
from bert.selftest.equations.next_sentence import next_sentence_scores
from bert.selftest.equations.parameters import Parameters, part
from bert.selftest.equations.pooler import pooler


@dataclass(frozen=True)
class Sizes:
    """What the parameters' shapes do not tell. The names are a configuration's."""

    num_hidden_layers: int
    num_attention_heads: int
    hidden_act: str
    layer_norm_eps: float


@dataclass(frozen=True)
class Numbers:
    """All that the model computes for sequences end to end."""

    states: list[np.ndarray]  # (tokens, hidden_size): the embeddings, then each layer's
    pooled: np.ndarray  # (sequences, hidden_size)
    piece_scores: np.ndarray  # (tokens, vocab_size)
    next_sentence_scores: np.ndarray  # (sequences, 2)


def bert(
    input_ids: np.ndarray, token_type_ids: np.ndarray, lengths: Sequence[int], parameters: Parameters, sizes: Sizes
) -> Numbers:
    """Two of (tokens,) of sequences end to end, and the parameters of a BERT with its two pretraining heads."""
    table = part(parameters, "bert.embeddings")
    states = [embeddings(input_ids, token_type_ids, lengths, table, sizes.layer_norm_eps)]
    for layer in range(sizes.num_hidden_layers):
        its_parameters = part(parameters, f"bert.encoder.layers.{layer}")
        states.append(
            encoder_layer(
                states[-1], lengths, its_parameters, sizes.num_attention_heads, sizes.hidden_act, sizes.layer_norm_eps
            )
        )
    pooled = pooler(states[-1], lengths, part(parameters, "bert.pooler"))
    head = part(parameters, "masked_language_model")
    decoder = head.get("decoder.weight", table["word_embeddings.weight"])  # tied, but in a few published models
    return Numbers(
        states,
        pooled,
        piece_scores(states[-1], decoder, head, sizes.hidden_act, sizes.layer_norm_eps),
        next_sentence_scores(pooled, part(parameters, "next_sentence")),
    )
