"""Every method around every head: what is trained, what is frozen, and what does not matter."""

import copy

import pytest
import torch
from torch._dynamo.exc import Unsupported

from bert import fast
from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import adapt, adaptation_of, merge, sizes, unmerge
from bert.adaptation.bitfit import BitFit, HeadAlone
from bert.adaptation.files import load_adapter, save_adapter
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.errors import InputError
from bert.heads.batch import sequences_of
from bert.heads.loss import Loss
from bert.training.optimizer import make_optimizer
from bert.training.recomputation import recomputed_layers
from tests.bert.adaptation.models import CONFIG, INPUTS, logits_of, make_model, shaken
from tests.bert.heads.test_every_head import HEADS, assert_near, loss_and_gradients
from tests.bert.heads.test_every_head import make_model as make_head
from tests.ragged import ragged

METHODS = {
    "lora": Lora(3),
    "lora-all": Lora(3, targets=ALL),
    "adalora": AdaLora(5, 3),
    "ia3": IA3(),
    "houlsby": Houlsby(7),
    "pfeiffer": Pfeiffer(7),
    "prefix": Prefix(5),
    "prefix-mlp": Prefix(5, projection_size=7),
    "bitfit": BitFit(),
    "head": HeadAlone(),
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_head = pytest.mark.parametrize("head", HEADS)


def adapted(method, head=None):
    model = make_model() if head is None else make_head(head)
    adapt(model, method)
    return shaken(model, by=0.1)


def bytes_of(model):
    return {name: weight.numpy().tobytes() for name, weight in model.state_dict().items()}


@each_method
@each_head
def test_every_trained_parameter_gets_a_gradient_and_no_other(method, head):
    model, batch = adapted(method, head).train(), ragged(HEADS[head][1])
    if not adaptation_of(model).trained:  # vectors have no head of their own; a run refuses that
        return
    sum(loss.sum for loss in model.losses(batch).values()).backward()
    trained = set(adaptation_of(model).trained)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in trained), name
        # Mathematically neither a key's bias nor what all choices have in common has a gradient.
        is_nothing = name.endswith(".key.bias") or (head, name) == ("choices", "classifier.bias")
        assert name not in trained or parameter.grad.any() or is_nothing, name
    assert {name for name in trained if not name.startswith("bert.")} == {
        name for name, _ in make_head(head).named_parameters() if not name.startswith("bert.")
    }


@each_method
def test_updates_leave_the_frozen_body_as_it_was_to_the_byte(method):
    model, batch = adapted(method, "sequence").train(), ragged(HEADS["sequence"][1])
    before, optimizer = bytes_of(model), make_optimizer("bert-adamw", model, 1e-2)
    for _ in range(3):
        sum(loss.sum for loss in model.losses(batch).values()).backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = {name for name, content in bytes_of(model).items() if content != before[name]}
    assert changed == set(adaptation_of(model).trained)


@each_method
def test_it_learns_a_batch(method):
    model, batch = make_model().train(), ragged(HEADS["sequence"][1])
    adapt(model, method)
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=0.02)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        by_name = model.losses(batch)
        sum(loss.sum for loss in by_name.values()).backward()
        optimizer.step()
        losses.append(by_name["classification"].sum.item())
    assert losses[-1] < 0.5 * losses[0]


@each_method
@each_head
def test_kernels_and_recomputation_give_what_the_plain_forms_give(method, head):
    model, batch = adapted(method, head).train(), ragged(HEADS[head][1])
    if not adaptation_of(model).trained:  # vectors have no head of their own; a run refuses that
        return
    with fast.off():
        expected = loss_and_gradients(model, batch)
    assert_near(loss_and_gradients(model, batch), expected, 1e-5)
    with recomputed_layers(model):
        assert_near(loss_and_gradients(model, batch), expected, 1e-5)


@each_method
def test_how_much_padding_there_is_does_not_matter(method):
    model = adapted(method)
    expected = logits_of(model)
    longer = {name: torch.nn.functional.pad(values, (0, 4)) for name, values in INPUTS.items()}
    with torch.no_grad():
        torch.testing.assert_close(model(**longer).logits, expected, rtol=0, atol=1e-5)
        alone = {name: values[1:2, :5] for name, values in INPUTS.items()}  # the second sequence
        torch.testing.assert_close(model(**alone).logits, expected[1:2], rtol=0, atol=1e-5)
        longer["attention_mask"] = torch.ones_like(longer["attention_mask"])
        assert (model(**longer).logits - expected).abs().max() > 0.01


@each_method
def test_under_autocast_it_computes_in_16_bits_and_nearly_the_same(method):
    model, batch = adapted(method, "sequence").train(), ragged(HEADS["sequence"][1])
    expected = loss_and_gradients(model, batch)
    found = loss_and_gradients(model, batch, dtype=torch.bfloat16)
    assert found[0].item() == pytest.approx(expected[0].item(), rel=0.03)
    assert all(each.isfinite().all() for each in found)
    states = []
    model.bert.encoder.layers[1].attention.register_forward_hook(
        lambda module, inputs, output: states.append(output[0])
    )
    with torch.autocast("cpu", torch.bfloat16):
        model.losses(batch)
    assert states[0].dtype == torch.bfloat16


@each_method
def test_a_saved_adapter_is_small_and_gives_the_same_bit_for_bit(method, tmp_path):
    model = adapted(method)
    save_adapter(tmp_path, model)
    other = make_model()
    load_adapter(tmp_path, other)
    assert (logits_of(other) - logits_of(model)).abs().max() < 2e-6  # AdaLoRA leaves out what is 0
    assert not other.training
    assert not any(module.training for module in other.modules())
    size = (tmp_path / "adapter_model.safetensors").stat().st_size
    assert size < 4 * sizes(model).trained + 20_000
    first = (tmp_path / "adapter_model.safetensors").read_bytes()
    save_adapter(tmp_path, other)
    assert (tmp_path / "adapter_model.safetensors").read_bytes() == first


@each_method
@each_head
def test_a_saved_adapter_fits_every_head(method, head, tmp_path):
    model, batch = adapted(method, head).eval(), ragged(HEADS[head][1])
    save_adapter(tmp_path, model)
    other = make_head(head).eval()
    load_adapter(tmp_path, other)
    for name, loss in model.losses(batch).items():
        assert other.losses(batch)[name].sum.item() == pytest.approx(loss.sum.item(), abs=1e-5)


def test_weights_that_were_gathered_are_saved_instead_of_the_models_own(tmp_path):
    model = adapted(AdaLora(5, 3))
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    expected = logits_of(model)
    save_adapter(tmp_path, shaken(model), weights=weights)
    other = make_model()
    load_adapter(tmp_path, other)
    torch.testing.assert_close(logits_of(other), expected, rtol=0, atol=2e-6)


@each_method
def test_a_merged_model_is_plain_and_computes_the_same_and_unmerging_gives_the_bytes_back(method):
    model = adapted(method).double()
    expected, before = logits_of(model), bytes_of(model)
    if not method.merges:
        with pytest.raises(InputError, match=f"an adapter of {method.name} cannot be merged"):
            merge(model)
        assert bytes_of(model) == before
        return
    kept = merge(model)
    assert (logits_of(model) - expected).abs().max() < 1e-12
    assert {type(module) for module in model.modules()} & {type(each) for each in kept.modules.values()} == set()
    assert model.state_dict().keys() == make_model().state_dict().keys()
    unmerge(model, kept)
    assert bytes_of(model) == before
    assert logits_of(model).equal(expected)


def test_merged_equals_unmerged_in_float32_as_well():
    model = make_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 0.2
    adapt(model, Lora(3, targets=ALL))
    expected = logits_of(shaken(model, by=0.05))
    merge(model)
    torch.testing.assert_close(logits_of(model), expected, rtol=0, atol=1e-6)


@each_method
def test_a_copy_is_a_model_of_its_own(method):
    model = adapted(method)
    twin = copy.deepcopy(model)
    shaken(twin)
    assert (logits_of(twin) - logits_of(model)).abs().max() > 0.01
    losses = twin.train().losses(ragged(HEADS["sequence"][1]))
    sum(loss.sum for loss in losses.values()).backward()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", ["adalora", "ia3", "houlsby", "pfeiffer", "prefix"])
def test_the_compiler_can_trace_a_layer_as_one_graph_but_not_with_a_prefix(name):
    """A prefix makes sequences of other lengths, whose padding a graph cannot know."""
    fast.load()
    layer = adapted(METHODS[name]).bert.encoder.layers[1]
    states, sequences = torch.randn(7, CONFIG.hidden_size), sequences_of([3, 4])
    _ = sequences.padding
    expected = layer(states, states, sequences, sequences)[0]
    torch.compiler.reset()
    traced = torch.compile(layer.forward, fullgraph=True, backend="eager")
    if name == "prefix":
        with pytest.raises(Unsupported):
            traced(states, states, sequences, sequences)
    else:
        torch.testing.assert_close(traced(states, states, sequences, sequences)[0], expected)


def test_sizes_are_counted():
    model = make_model()
    whole = sum(parameter.numel() for parameter in model.parameters())
    adapt(model, Lora(3))
    added = CONFIG.num_hidden_layers * 2 * 3 * (22 + 22)
    assert sizes(model) == (added + 3 * 22 + 3, whole - 3 * 22 - 3)


def test_the_pooler_is_frozen_unless_it_is_asked_for(tmp_path):
    model = make_model()
    adapt(model, Lora(3), also=["bert.pooler"])
    trained = set(adaptation_of(model).trained)
    assert {"bert.pooler.dense.weight", "bert.pooler.dense.bias"} <= trained
    assert "bert.pooler.dense.weight" not in adaptation_of(adapted(Lora(3))).trained
    save_adapter(tmp_path, shaken(model))
    other = make_model()
    load_adapter(tmp_path, other)
    assert logits_of(other).equal(logits_of(model))


def test_a_model_is_adapted_once():
    model = adapted(Lora())
    with pytest.raises(InputError, match="adapted with lora already; load it again"):
        adapt(model, IA3())


def test_an_unknown_part_is_named():
    for part in ("bert.poler", "classifier"):
        with pytest.raises(InputError, match=f"'{part}' is no part of the model's body"):
            adapt(make_model(), Lora(), also=[part])


def test_a_model_that_is_not_adapted_cannot_be_saved_or_merged(tmp_path):
    for do in (merge, lambda model: save_adapter(tmp_path / "adapter", model)):
        with pytest.raises(InputError, match="not adapted; call adapt or load_adapter first"):
            do(make_model())
    assert not (tmp_path / "adapter").exists()


def test_orthogonality_is_a_loss_of_adalora_alone():
    batch = ragged(HEADS["sequence"][1])
    for name, method in METHODS.items():
        found = adapted(method, "sequence").train().losses(batch)
        assert all(isinstance(loss, Loss) for loss in found.values())
        assert ("orthogonality" in found) == (name == "adalora")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 1e-4), (torch.bfloat16, 3e-2)])
@each_method
def test_on_a_gpu_it_is_the_cpus(method, dtype, tolerance):
    model, batch = adapted(method, "token").train(), ragged(HEADS["token"][1])
    expected = loss_and_gradients(model, batch)
    assert_near(loss_and_gradients(model, batch, "cuda", dtype), expected, tolerance)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@each_method
def test_on_a_gpu_a_model_is_adapted_in_place_and_saved(method, tmp_path):
    model = make_model().to("cuda")
    adapt(model, method)
    assert {parameter.device.type for parameter in model.parameters()} == {"cuda"}
    save_adapter(tmp_path, model)
    other = make_model().to("cuda")
    load_adapter(tmp_path, other)
    save_adapter(tmp_path / "again", other)
    names = ["adapter_model.safetensors", "adapter_config.json"]
    assert all((tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
