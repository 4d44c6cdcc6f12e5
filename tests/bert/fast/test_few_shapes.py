"""Rows that fill up a product change no result, and leave few shapes."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bert import BertConfig, BertForPreTraining, BertModel, fast
from bert.fast import few_shapes, vocabulary_loss
from bert.fast.few_shapes import ROWS_TOGETHER, fill_sequences, multiply_in_few_shapes
from bert.heads.batch import Batch, sequences_of
from bert.training.precision import choose_precision

CPU = torch.device("cpu")
CONFIG = BertConfig.of_size(2, 128, vocab_size=70, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def batch_of(lengths, masked=5):
    generator = torch.Generator().manual_seed(1)
    tokens = sum(lengths)
    return Batch(
        torch.randint(70, (tokens,), generator=generator),
        torch.randint(2, (tokens,), generator=generator),
        sequences_of(lengths),
        torch.randperm(tokens, generator=generator)[:masked].sort().values,
        labels={
            "masked_labels": torch.randint(70, (masked,), generator=generator),
            "next_sentence_labels": torch.randint(2, (len(lengths),), generator=generator),
        },
    )


def model_of(seed=0):
    torch.manual_seed(seed)
    return BertForPreTraining(CONFIG)


@pytest.fixture
def always(monkeypatch):
    """Fills up in float32 too, so that equal results show up as equal."""
    for module in (few_shapes, vocabulary_loss):
        monkeypatch.setattr(module, "is_needed", lambda states: True)


@pytest.mark.parametrize("lengths", [(9, 30, 20), (64,), (3, 2, 1), (65, 65), (1,)])
def test_losses_and_gradients_stay(always, lengths):
    plain, filled = model_of(), model_of()
    multiply_in_few_shapes(filled)
    found = []
    for model in (plain, filled):
        losses = model.losses(batch_of(lengths, masked=min(5, sum(lengths))))
        sum(loss.sum for loss in losses.values()).backward()
        found.append((
            {name: (loss.sum.detach(), loss.count, loss.correct) for name, loss in losses.items()},
            {name: parameter.grad for name, parameter in model.named_parameters()},
        ))  # fmt: skip
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("selected", [False, True])
def test_what_an_encoder_returns_has_no_filling(always, selected):
    torch.manual_seed(0)
    plain, filled = BertModel(CONFIG).eval(), BertModel(CONFIG).eval()
    filled.load_state_dict(plain.state_dict())
    multiply_in_few_shapes(filled)
    inputs = batch_of((9, 30, 20)).inputs
    if not selected:
        del inputs["selected"]
    expected, found = (model(**inputs, return_attention=True, return_hidden_states=True) for model in (plain, filled))
    assert found.last_hidden_state.shape == expected.last_hidden_state.shape
    torch.testing.assert_close(
        (found.last_hidden_state, found.pooler_output, found.hidden_states, found.attentions),
        (expected.last_hidden_state, expected.pooler_output, expected.hidden_states, expected.attentions),
    )


def test_a_padded_batch_keeps_the_positions_of_its_tokens(always):
    torch.manual_seed(0)
    plain, filled = BertModel(CONFIG).eval(), BertModel(CONFIG).eval()
    filled.load_state_dict(plain.state_dict())
    multiply_in_few_shapes(filled)
    ids, mask = torch.randint(70, (3, 11)), torch.ones(3, 11)
    mask[1, 4:] = mask[2, 2:5] = 0
    torch.testing.assert_close(filled(ids, None, mask).last_hidden_state, plain(ids, None, mask).last_hidden_state)


def test_further_sequences_are_no_longer_than_the_longest():
    states, sequences = fill_sequences(torch.ones(5, 2), sequences_of((2, 3)))
    assert len(states) == ROWS_TOGETHER
    assert not states[5:].any()
    assert sequences.boundaries[:3].tolist() == [0, 2, 5]
    assert sequences.boundaries[-1] == ROWS_TOGETHER
    assert sequences.lengths.max() == sequences.longest == 3
    assert sequences.lengths.min() > 0


class Shapes(TorchDispatchMode):
    """Notes the sizes of all matrices that are multiplied."""

    def __init__(self):
        super().__init__()
        self.sizes = set()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        if function in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            self.sizes |= {size for matrix in arguments[-2:] for size in matrix.shape}
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("plain", [False, True])
def test_products_in_16_bits_have_few_shapes(plain):
    model, precision = model_of(), choose_precision("bf16", CPU)
    precision.prepare(model)
    with fast.off() if plain else nullcontext(), Shapes() as shapes, precision.autocast():
        for lengths in ((9, 30, 20), (61, 7), (50, 50, 50)):
            sum(loss.sum for loss in model.losses(batch_of(lengths)).values()).backward()
    of_weights = {2, 128, 512, 70}
    assert any(size % ROWS_TOGETHER for size in shapes.sizes - of_weights) == plain


def test_other_inputs_of_a_dense_layer_stay():
    layer = nn.Linear(3, 2)
    multiply_in_few_shapes(layer)
    states = torch.randn(2, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(states).shape == (2, 4, 2)
        assert layer(states[0]).shape == (4, 2)
        assert layer(states[0, :0]).shape == (0, 2)
