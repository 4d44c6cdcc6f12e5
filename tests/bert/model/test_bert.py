"""BertModel: invariances that hold for trained weights as for random ones, each with its negative control."""

import pytest
import torch
from torch import nn

from bert.config import BertConfig
from bert.heads.batch import sequences_of
from bert.model.bert import BertModel

CONFIG = BertConfig(
    vocab_size=23, hidden_size=15, num_attention_heads=5, intermediate_size=19, num_hidden_layers=2,
    max_position_embeddings=29,
)  # fmt: skip
LENGTH = 7


def scaled_up(model: nn.Module) -> nn.Module:
    """Weights of 0.02 hide differences: make them large enough to show."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter *= 10
    return model


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return scaled_up(BertModel(CONFIG)).eval()


@pytest.fixture
def input_ids():
    return torch.randint(1, 23, (3, LENGTH), generator=torch.Generator().manual_seed(5))


def close(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(model, input_ids):
    mask = torch.tensor([[1] * 5 + [0] * 2] * 3)
    other = input_ids.clone()
    other[:, 5:] = (other[:, 5:] + 7) % 23
    a, b = (model(ids, attention_mask=mask).last_hidden_state[:, :5] for ids in (input_ids, other))
    assert close(a, b)
    a, b = (model(ids).last_hidden_state[:, :5] for ids in (input_ids, other))
    assert not close(a, b)


def test_the_length_of_the_padding_does_not_matter(model, input_ids):
    padded = torch.cat([input_ids, torch.zeros(3, 4, dtype=torch.int64)], dim=1)
    mask = torch.arange(LENGTH + 4)[None] < LENGTH
    short, long = model(input_ids), model(padded, attention_mask=mask.expand(3, -1))
    assert close(short.last_hidden_state, long.last_hidden_state[:, :LENGTH])
    assert close(short.pooler_output, long.pooler_output)
    assert not close(short.last_hidden_state, model(padded).last_hidden_state[:, :LENGTH])


def test_the_order_of_the_batch_does_not_matter(model, input_ids):
    order = torch.tensor([2, 0, 1])
    assert close(model(input_ids).last_hidden_state[order], model(input_ids[order]).last_hidden_state)
    assert not close(model(input_ids).last_hidden_state, model(input_ids[order]).last_hidden_state)


def test_the_order_of_tokens_matters_through_positions_alone(input_ids):
    torch.manual_seed(3)
    model = scaled_up(BertModel(CONFIG)).eval()
    order = torch.tensor([3, 1, 0, 6, 2, 5, 4])
    plain, shuffled = (model(ids).last_hidden_state for ids in (input_ids, input_ids[:, order]))
    assert not close(plain[:, order], shuffled)
    with torch.no_grad():
        model.embeddings.position_embeddings.weight.zero_()
    plain, shuffled = (model(ids).last_hidden_state for ids in (input_ids, input_ids[:, order]))
    assert close(plain[:, order], shuffled)


@pytest.mark.parametrize("shape", [(1, LENGTH), (3, LENGTH - 1), (3, 1, LENGTH)])
def test_a_mask_of_another_shape_is_refused(shape, model, input_ids):
    mask = torch.ones(shape, dtype=torch.long)
    mask[..., 2:] = 0
    with pytest.raises(ValueError, match=r"but input_ids \(3, 7\)"):
        model(input_ids, attention_mask=mask)


def test_token_types_are_broadcast_and_another_shape_is_refused(model, input_ids):
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1]])
    expected = model(input_ids, types.repeat(3, 1)).last_hidden_state
    assert close(model(input_ids, types).last_hidden_state, expected)
    for shape in ((3, LENGTH + 2), (4, LENGTH), (2, LENGTH)):
        with pytest.raises(RuntimeError, match="expanded size"):
            model(input_ids, torch.zeros(shape, dtype=torch.int64))


def test_arguments_of_a_padded_batch_and_of_sequences_are_not_mixed(model, input_ids):
    with pytest.raises(ValueError, match="selected is for sequences end to end"):
        model(input_ids, selected=torch.tensor([1]))
    with pytest.raises(ValueError, match="attention_mask for a padded batch"):
        model(input_ids[0], attention_mask=torch.ones(LENGTH), sequences=sequences_of([LENGTH]))


def test_a_batch_of_no_sequences_has_no_states(model, input_ids):
    output = model(input_ids[:0], return_attention=False)
    assert output.last_hidden_state.shape == (0, LENGTH, 15)
    assert output.pooler_output.shape == (0, 15)


def test_without_segments_all_is_segment_a(model, input_ids):
    states = model(input_ids).last_hidden_state
    assert states.equal(model(input_ids, torch.zeros_like(input_ids)).last_hidden_state)
    assert not close(states, model(input_ids, torch.ones_like(input_ids)).last_hidden_state)


def test_too_long_a_sequence_is_refused_with_both_numbers(model):
    model(torch.ones(1, 29, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"30 tokens .* 29 position"):
        model(torch.ones(1, 30, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"30 tokens .* 29 position"):
        model(torch.ones(30, dtype=torch.int64), sequences=sequences_of([30]))


def test_padding_may_stand_on_the_left_and_its_states_are_zero(model, input_ids):
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1] * 7, [0, 1, 1, 0, 1, 1, 0]])
    states = model(input_ids, attention_mask=mask).last_hidden_state
    assert (states[mask == 0] == 0).all()
    other = torch.where(mask == 1, input_ids, 0)
    assert close(model(other, attention_mask=mask).last_hidden_state, states)


def test_a_row_without_a_token_is_finite_and_harms_no_other(model, input_ids):
    mask = torch.tensor([[1] * 7, [0] * 7, [1] * 5 + [0] * 2])
    output = model(input_ids, attention_mask=mask)
    assert output.last_hidden_state.isfinite().all()
    assert output.pooler_output.isfinite().all()
    others = model(input_ids[[0, 2]], attention_mask=mask[[0, 2]])
    assert close(output.last_hidden_state[[0, 2]], others.last_hidden_state)
    assert close(output.pooler_output[[0, 2]], others.pooler_output)


LENGTHS = (3, 7, 1, 5)


def tokens_of(input_ids):
    """Four sequences end to end, and the same in a padded batch with its mask."""
    padded = torch.cat([input_ids, input_ids[:1].flip(1)])
    mask = torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None]
    return padded[mask], padded, mask


def test_sequences_end_to_end_have_the_states_of_a_padded_batch(model, input_ids):
    tokens, padded, mask = tokens_of(input_ids)
    ragged = model(tokens, sequences=sequences_of(LENGTHS), return_attention=True, return_hidden_states=True)
    expected = model(padded, attention_mask=mask, return_attention=True, return_hidden_states=True)
    assert close(ragged.last_hidden_state, expected.last_hidden_state[mask])
    assert close(ragged.pooler_output, expected.pooler_output)
    for states, padded_states in zip(ragged.hidden_states, expected.hidden_states, strict=True):
        assert close(states, padded_states[mask])
    for weights, padded_weights in zip(ragged.attentions, expected.attentions, strict=True):
        for row, each in enumerate(weights):
            assert close(each, padded_weights[row, :, : LENGTHS[row], : LENGTHS[row]])


@pytest.mark.parametrize("with_pooler", [True, False])
def test_the_last_states_of_selected_tokens_alone_are_those_that_all_have(with_pooler, input_ids):
    tokens, *_ = tokens_of(input_ids)
    selected = torch.tensor([9, 2, 4, 15, 4])  # in no order, and one of them twice
    torch.manual_seed(1)
    model = scaled_up(BertModel(CONFIG, with_pooler)).eval()

    def gradients(selected):
        model.zero_grad()
        output = model(tokens, sequences=sequences_of(LENGTHS), selected=selected)
        states = output.last_hidden_state if selected is not None else output.last_hidden_state[[9, 2, 4, 15, 4]]
        pooled = output.pooler_output if with_pooler else torch.zeros(1)
        (states.square().sum() + pooled.sum()).backward()
        return states, pooled, [parameter.grad.clone() for parameter in model.parameters()]

    rows = []
    hook = model.encoder.layers[-1].feed_forward.register_forward_hook(lambda _, inputs, out: rows.append(len(out)))
    some, everywhere = gradients(selected), gradients(None)
    torch.testing.assert_close(some, everywhere, rtol=1e-4, atol=1e-4)
    assert rows == [5 + 4 * with_pooler, 16]
    hook.remove()
    assert not close(some[0], model(tokens, sequences=sequences_of(LENGTHS)).last_hidden_state[selected - 1])


def test_every_token_sees_every_other(model, input_ids):
    changed = input_ids.clone()
    changed[0, -1] = (changed[0, -1] + 1) % 23
    before, after = model(input_ids).last_hidden_state, model(changed).last_hidden_state
    assert (before[0] - after[0]).abs().amax(dim=-1).min() > 1e-4
    assert close(before[1:], after[1:])


def test_the_pooler_is_a_dense_layer_and_tanh_over_the_first_token(model, input_ids):
    output = model(input_ids)
    dense = model.pooler.dense
    expected = torch.tanh(output.last_hidden_state[:, 0] @ dense.weight.T + dense.bias)
    torch.testing.assert_close(output.pooler_output, expected)


def test_intermediates_come_back_on_request_and_change_nothing(model, input_ids):
    mask = torch.tensor([[1] * 5 + [0] * 2, [1] * 7, [1] + [0] * 6])
    plain = model(input_ids, attention_mask=mask)
    full = model(input_ids, attention_mask=mask, return_attention=True, return_hidden_states=True)
    assert plain.attentions is None
    assert plain.hidden_states is None
    assert close(plain.last_hidden_state, full.last_hidden_state)
    assert [tuple(weights.shape) for weights in full.attentions] == [(3, 5, LENGTH, LENGTH)] * 2
    assert [tuple(states.shape) for states in full.hidden_states] == [(3, LENGTH, 15)] * 3


def test_weights_start_truncated_normal_biases_zero_and_layer_norms_as_the_identity():
    torch.manual_seed(0)
    model = BertModel(BertConfig.tiny(vocab_size=5_000))
    table = model.embeddings.word_embeddings.weight
    assert table.abs().max() <= 0.04
    deviation = 0.02 * 0.8796  # of a normal distribution that is cut at two deviations
    assert abs(table.std().item() - deviation) < 1e-4
    assert abs(table.mean().item()) < 5 * deviation / table.numel() ** 0.5
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std() > 0.015
            assert (module.bias == 0).all()
        if isinstance(module, nn.LayerNorm):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
            assert module.eps == 1e-12


def test_sizes_have_the_published_numbers_of_parameters():
    published = {"base": 109_482_240, "large": 335_141_888, "tiny": 4_385_920, "mini": 11_170_560}
    for size, expected in published.items():
        with torch.device("meta"):
            model = BertModel(getattr(BertConfig, size)())
        assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_every_parameter_but_the_keys_biases_gets_a_gradient(input_ids):
    torch.manual_seed(3)
    model = scaled_up(BertModel(CONFIG)).train()
    output = model(input_ids, torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 3))
    (output.last_hidden_state.square().sum() + output.pooler_output.sum()).backward()
    for name, parameter in model.named_parameters():
        if name.endswith("attention.key.bias"):  # the same number added to all scores of a row: softmax takes it out
            assert parameter.grad.abs().max() < 1e-4
        else:
            assert parameter.grad.abs().max() > 1e-6, name
