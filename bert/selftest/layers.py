"""Each layer's plain form in float64, against its equation in NumPy.

A layer is given the equations' states of the layer below. So the error of one layer does not reach the next, and the
row says which layer is wrong. An error inside of a layer shows in the row of its part and in the row of its output.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
from bert.selftest.equations.parameters import part
from bert.selftest.rows import DOUBLE, EXACT, Row, check, largest_error, largest_of
from bert.selftest.subject import Subject


@torch.no_grad()
def layer_rows(subject: Subject) -> Iterator[Row]:
    """The rows of all layers, from the bottom to the top."""
    parameters, sizes, inputs = subject.parameters, subject.sizes, subject.inputs
    ids, types, sequences = inputs.tensors(subject.device)
    model, device = subject.model, subject.device
    right = bert(inputs.input_ids, inputs.token_type_ids, inputs.lengths, parameters, sizes)
    heads, states = sizes.num_attention_heads, right.states
    its_positions = positions(inputs.lengths)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(device)

    def in_plain(module: Any, *arguments: Any, **more: Any) -> Any:
        with fast.off():
            return copy.deepcopy(module).double()(*arguments, **more)

    def positions_error() -> float:
        mask = tensor(inputs.attention_mask)
        padding = Padding.of_mask(mask, mask)
        found = padding.sequences
        return largest_of(
            (
                (sequences.positions(ids), its_positions),
                (found.positions(ids), its_positions),
                (found.boundaries, np.cumsum([0, *inputs.lengths])),
                (padding.pad(ids), inputs.padded(inputs.input_ids)),
            )
        )

    yield check("positions and padding", "bert/model/sequences.py", EXACT, positions_error)
    yield check("activations", "bert/activations.py", DOUBLE, lambda: activation_error(device))
    yield check("LayerNorm, of almost equal numbers", "bert/model/encoder.py", 1e-6, lambda: norm_error(subject))
    yield check(
        "embeddings",
        "bert/model/embeddings.py",
        DOUBLE,
        lambda: largest_error(in_plain(model.bert.embeddings, ids, types, tensor(its_positions)), states[0]),
    )
    for number, layer in enumerate(model.bert.encoder.layers, start=1):
        below, its_parameters = states[number - 1], part(parameters, f"bert.encoder.layers.{number - 1}")
        module: Any = layer

        def attention_error(module=module, below=below, its_parameters=its_parameters) -> float:
            expected, weights = multi_head_attention(below, inputs.lengths, part(its_parameters, "attention"), heads)
            x = tensor(below)
            found, its_weights = in_plain(module.attention, x, x, sequences, sequences, return_attention=True)
            if its_weights is None or len(its_weights) != len(weights):
                raise ValueError("the attention weights are missing")
            return largest_of([(found, expected), *zip(its_weights, weights)])

        def fed_error(module=module, below=below, its_parameters=its_parameters) -> float:
            expected = feed_forward(below, part(its_parameters, "feed_forward"), sizes.hidden_act)
            return largest_error(in_plain(module.feed_forward, tensor(below)), expected)

        def output_error(module=module, below=below, expected=states[number]) -> float:
            x = tensor(below)
            return largest_error(in_plain(module, x, x, sequences, sequences)[0], expected)

        yield check(f"layer {number}: attention", "bert/model/attention.py", DOUBLE, attention_error)
        yield check(f"layer {number}: feed-forward", "bert/model/feed_forward.py", DOUBLE, fed_error)
        yield check(f"layer {number}: output", "bert/model/encoder.py", DOUBLE, output_error)
    yield from head_rows(subject, right, in_plain)


def head_rows(subject: Subject, right: Numbers, in_plain: Any) -> Iterator[Row]:
    """The rows of the pooler and of both heads."""
    model, device = subject.model, subject.device
    last, first = right.states[-1], np.cumsum([0, *subject.inputs.lengths[:-1]])

    def note(part_name: str) -> str:
        return "new weights: the directory has none" if part_name in subject.new_parts else ""

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(device)

    yield check(
        "pooler",
        "bert/model/bert.py",
        DOUBLE,
        lambda: largest_error(in_plain(model.bert.pooler, tensor(last[first])), right.pooled),
        note("bert.pooler"),
    )
    yield check(
        "masked language model's head",
        "bert/heads/pretraining.py",
        DOUBLE,
        lambda: largest_error(
            in_plain(model.masked_language_model, tensor(last), model.word_embeddings.double()), right.piece_scores
        ),
        note("masked_language_model"),
    )
    yield check(
        "next sentence's head",
        "bert/heads/pretraining.py",
        DOUBLE,
        lambda: largest_error(in_plain(model.next_sentence, tensor(right.pooled)), right.next_sentence_scores),
        note("next_sentence"),
    )


def activation_error(device: torch.device) -> float:
    """The largest error of any activation that a configuration may name."""
    x = np.linspace(-12, 12, 481)
    names = EXACT_GELU + TANH_GELU + OTHER_ACTIVATIONS
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
            found = copy.deepcopy(module).double()(torch.from_numpy(x).to(subject.device))
            pairs.append((found, layer_norm(x, own, eps)))
    return largest_of(pairs)
