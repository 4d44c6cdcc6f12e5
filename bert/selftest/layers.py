"""Each layer's plain form in float64, against its equation in NumPy.

A layer is given the equations' states of the layer below. So the error of one layer does not reach the next, and the
row says which layer is wrong. An error inside of a layer shows in the row of its part and in the row of its output.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from bert import fast
from bert.activations import activation
from bert.config import EXACT_GELU, OTHER_ACTIVATIONS, TANH_GELU
from bert.model.sequences import Padding
from bert.selftest.equations.activations import ACTIVATIONS
from bert.selftest.equations.attention import multi_head_attention
from bert.selftest.equations.bert import Numbers, bert
from bert.selftest.equations.embeddings import positions
from bert.selftest.equations.feed_forward import feed_forward
from bert.selftest.equations.layer_norm import layer_norm
from bert.selftest.equations.parameters import Parameters, part
from bert.selftest.rows import DOUBLE, EXACT, Row, check, largest_error, largest_of
from bert.selftest.subject import Subject


def in_plain(module: Any, *arguments: Any, **more: Any) -> Any:
    """What a module's plain form gives in float64."""
    with fast.off():
        return copy.deepcopy(module).double()(*arguments, **more)


@torch.no_grad()
def layer_rows(subject: Subject) -> Iterator[Row]:
    """The rows of all layers, from the bottom to the top."""
    parameters, inputs, model = subject.parameters, subject.inputs, subject.model
    right = bert(inputs.input_ids, inputs.token_type_ids, inputs.lengths, parameters, subject.sizes)
    yield check("positions and padding", "bert/model/sequences.py", EXACT, lambda: positions_error(subject))
    yield check("activations", "bert/activations.py", DOUBLE, lambda: activation_error(subject.device))
    yield check("LayerNorm, of almost equal numbers", "bert/layer_norm.py", 1e-6, lambda: norm_error(subject))

    def embeddings_error() -> float:
        ids, types, _ = inputs.tensors(subject.device)
        its_positions = subject.tensor(positions(inputs.lengths))
        return largest_error(in_plain(model.bert.embeddings, ids, types, its_positions), right.states[0])

    yield check("embeddings", "bert/model/embeddings.py", DOUBLE, embeddings_error)
    for index, layer in enumerate(model.bert.encoder.layers):
        its_parameters = part(parameters, f"bert.encoder.layers.{index}")
        yield from encoder_layer_rows(
            f"layer {index + 1}", layer, its_parameters, right.states[index : index + 2], subject
        )
    yield from head_rows(subject, right)


def encoder_layer_rows(
    name: str, layer: Any, parameters: Parameters, states: list[np.ndarray], subject: Subject
) -> Iterator[Row]:
    """The rows of a layer of the encoder: of its two parts, and of the whole.

    Args:
        states: before the layer, and after it.
    """
    before, after = states
    sizes, lengths = subject.sizes, subject.inputs.lengths
    x, (_, _, sequences) = subject.tensor(before), subject.inputs.tensors(subject.device)

    def attention_error() -> float:
        attention = part(parameters, "attention")
        expected, weights = multi_head_attention(before, lengths, attention, sizes.num_attention_heads)
        found, its_weights = in_plain(layer.attention, x, x, sequences, sequences, return_attention=True)
        if its_weights is None or len(its_weights) != len(weights):
            raise ValueError("there are no attention weights for each sequence")
        return largest_of([(found, expected), *zip(its_weights, weights)])

    def feed_forward_error() -> float:
        expected = feed_forward(before, part(parameters, "feed_forward"), sizes.hidden_act)
        return largest_error(in_plain(layer.feed_forward, x), expected)

    def output_error() -> float:
        return largest_error(in_plain(layer, x, x, sequences, sequences)[0], after)

    yield check(f"{name}: attention", "bert/model/attention.py", DOUBLE, attention_error)
    yield check(f"{name}: feed-forward", "bert/model/feed_forward.py", DOUBLE, feed_forward_error)
    yield check(f"{name}: output", "bert/model/encoder.py", DOUBLE, output_error)


def head_rows(subject: Subject, right: Numbers) -> Iterator[Row]:
    """The rows of the pooler and of both heads."""
    model, head_file = subject.model, "bert/heads/pretraining.py"
    first = np.cumsum([0, *subject.inputs.lengths[:-1]])
    last = subject.tensor(right.states[-1])

    def note(part_name: str) -> str:
        return "new weights: the directory has none" if part_name in subject.new_parts else ""

    def pooler_error() -> float:
        return largest_error(in_plain(model.bert.pooler, last[first]), right.pooled)

    def pieces_error() -> float:
        return largest_error(
            in_plain(model.masked_language_model, last, model.word_embeddings.double()), right.piece_scores
        )

    def next_sentence_error() -> float:
        found = in_plain(model.next_sentence, subject.tensor(right.pooled))
        return largest_error(found, right.next_sentence_scores)

    yield check("pooler", "bert/model/bert.py", DOUBLE, pooler_error, note("bert.pooler"))
    yield check("masked language model's head", head_file, DOUBLE, pieces_error, note("masked_language_model"))
    yield check("next sentence's head", head_file, DOUBLE, next_sentence_error, note("next_sentence"))


def positions_error(subject: Subject) -> float:
    """Positions of sequences end to end, and of a padded batch; and where its padding is."""
    inputs = subject.inputs
    ids, _, sequences = inputs.tensors(subject.device)
    mask = subject.tensor(inputs.attention_mask)
    padding = Padding.of_mask(mask, mask)
    expected = positions(inputs.lengths)
    return largest_of(
        (
            (sequences.positions(ids), expected),
            (padding.sequences.positions(ids), expected),
            (padding.sequences.boundaries, np.cumsum([0, *inputs.lengths])),
            (padding.pad(ids), inputs.padded(inputs.input_ids)),
        )
    )


def activation_error(device: torch.device) -> float:
    """The largest error of the plain form of any activation that a configuration may name."""
    x = np.linspace(-12, 12, 481)
    names = EXACT_GELU + TANH_GELU + OTHER_ACTIVATIONS
    with fast.off():
        found = {name: activation(name)(torch.from_numpy(x).to(device)) for name in names}
    return largest_of((found[name], ACTIVATIONS[name](x)) for name in names)


def norm_error(subject: Subject) -> float:
    """The largest error of any LayerNorm on numbers whose variance is as small as eps."""
    eps, size = subject.sizes.layer_norm_eps, subject.model.config.hidden_size
    x = np.random.default_rng(0).normal(0, np.sqrt(eps), (3, size))
    pairs = []
    for module in subject.model.modules():
        if isinstance(module, nn.LayerNorm):
            own = {name: values.detach().cpu().numpy() for name, values in module.state_dict().items()}
            found = in_plain(module, subject.tensor(x))
            pairs.append((found, layer_norm(x, own, eps)))
    return largest_of(pairs)
