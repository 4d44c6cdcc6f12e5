"""RMSNorm: torch's is the oracle."""

import torch

from bert import fast
from bert.layer_norm import LayerNorm
from bert.training.optimizer import parameter_groups
from bert.variants.rms_norm import RMSNorm, rms_norm
from tests.bert.variants.models import model_of


def test_it_computes_what_torchs_does_in_both_forms():
    states, theirs, ours = 3 * torch.randn(4, 9) + 1, torch.nn.RMSNorm(9, eps=0.1), RMSNorm(9, eps=0.1, bias=False)
    torch.nn.init.normal_(theirs.weight)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(states), theirs(states))
    with fast.off():
        torch.testing.assert_close(ours(states), theirs(states))
    assert not ours(states).allclose(torch.nn.functional.layer_norm(states, (9,), ours.weight, eps=0.1), atol=0.1)


def test_gradients_are_right():
    inputs = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 5), (5,))]
    with fast.off():
        assert torch.autograd.gradcheck(lambda *each: rms_norm(*each, 0.1), inputs)


def test_every_layer_norm_of_the_body_becomes_one_and_none_is_decayed():
    bert = model_of("pre-norm,rms-norm")
    norms = [module for module in bert.modules() if isinstance(module, LayerNorm)]
    assert len(norms) == 1 + 2 * 3 + 1
    assert all(type(norm) is RMSNorm and norm.bias is None for norm in norms)
    decayed, not_decayed = ({id(weight) for weight in group["params"]} for group in parameter_groups(bert))
    assert {id(norm.weight) for norm in norms} <= not_decayed
    assert not {id(norm.weight) for norm in norms} & decayed


def test_in_16_bits_the_mean_square_is_of_32():
    states = torch.randn(64, 128)
    norm = RMSNorm(128, eps=1e-12, bias=False)
    for off in (False, True):
        with torch.autocast("cpu", torch.bfloat16), fast.off() if off else torch.no_grad():
            found = norm(states.bfloat16())
        torch.testing.assert_close(found, norm(states.bfloat16().float()), rtol=1e-5, atol=1e-5)
