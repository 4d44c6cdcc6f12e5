"""A model without values has the shapes of the model, and draws nothing."""

import torch

from bert.checkpoints.shapes import shapes_of
from bert.generation.model import BertForConditionalGeneration
from tests.bert.generation.models import CONFIG, random_model


def test_it_has_the_models_shapes_and_draws_nothing():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model = shapes_of(lambda: BertForConditionalGeneration(CONFIG))
    assert torch.get_rng_state().equal(before)
    assert all(weight.is_meta for weight in model.state_dict().values())
    expected = random_model()
    assert {name: weight.shape for name, weight in model.state_dict().items()} == {
        name: weight.shape for name, weight in expected.state_dict().items()
    }
    model.load_state_dict(expected.state_dict(), assign=True)
    assert not any(buffer.is_meta for buffer in model.buffers())
