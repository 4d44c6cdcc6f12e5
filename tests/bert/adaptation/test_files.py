"""An adapter's files: what does not fit is refused in a sentence, and leaves the model as it was."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from bert.adaptation.adapt import adapt
from bert.adaptation.bitfit import BitFit
from bert.adaptation.files import load_adapted, load_adapter, read_adapter, save_adapter
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.lora import Lora
from bert.checkpoints.directory import save_checkpoint
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.relations import BertForRelationExtraction
from bert.heads.tagging import BertForTokenClassification
from tests.bert.adaptation.models import CONFIG, logits_of, make_model, scaled_up, shaken
from tests.conftest import dies_after


@pytest.fixture
def adapter(tmp_path):
    """The directory of a LoRA."""
    save(tmp_path / "adapter", Lora(3))
    return tmp_path / "adapter"


def save(directory, method, model=None):
    model = model or make_model()
    adapt(model, method)
    save_adapter(directory, shaken(model), checkpoint="runs/body")
    return model


def change(adapter, **values):
    """Changes keys of the configuration; None removes one."""
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def refusal(adapter, model=None):
    """The sentence with which an adapter is refused. The model stays as it was."""
    model = model or make_model()
    names, before = list(model.state_dict()), [each.clone() for each in model.state_dict().values()]
    trainable = [parameter.requires_grad for parameter in model.parameters()]
    with pytest.raises(InputError) as caught:
        load_adapter(adapter, model)
    assert list(model.state_dict()) == names
    assert all(one.equal(other) for one, other in zip(before, model.state_dict().values()))
    assert [parameter.requires_grad for parameter in model.parameters()] == trainable
    assert not hasattr(model, "adaptation")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("use_rslora", True),
        ("lora_bias", True),
        ("bias", "all"),
        ("alpha_pattern", {"query": 4}),
        ("rank_pattern", {"query": 4}),
        ("layers_to_transform", [0, 1]),
        ("init_lora_weights", "pissa"),
        ("fan_in_fan_out", True),
        ("trainable_token_indices", [3]),
        ("something_of_tomorrow", 7),
    ],
)
def test_what_we_do_not_have_is_refused_by_name(adapter, key, value):
    load_adapter(adapter, make_model())
    change(adapter, **{key: value})
    message = refusal(adapter)
    assert f"adapter_config.json: {key} is " in message
    assert "is not supported here" in message


def test_keys_without_a_meaning_here_and_empty_ones_are_read_over(adapter):
    change(adapter, use_dora=False, alpha_pattern={}, loftq_config={}, megatron_core="megatron.core", peft_version="9")
    load_adapter(adapter, make_model())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"peft_type": "LOHA"}, "peft_type is 'LOHA'; one of LORA, ADALORA, IA3, PREFIX_TUNING, HOULSBY"),
        ({"peft_type": ["LORA"]}, "peft_type is ['LORA']; one of"),
        ({"r": 0}, "adapter_config.json: rank is 0; a whole number"),
        ({"r": None}, "adapter_config.json: has no r; fetch the adapter again"),
        ({"lora_alpha": "8"}, "adapter_config.json: alpha is '8'; a positive number"),
        ({"r": 4}, "weights of another shape: bert.encoder.layers.0.attention.query.lora_A (3, 22), not (4, 22)"),
    ],
)
def test_a_wrong_configuration_is_refused(adapter, values, message):
    change(adapter, **values)
    assert message in refusal(adapter)


def test_an_own_configuration_is_checked_too(tmp_path):
    save(tmp_path, Houlsby(5))
    change(tmp_path, size=0)
    assert "adapter_config.json: size is 0; a whole number" in refusal(tmp_path)
    change(tmp_path, size=5, reduction=16)
    assert "reduction is unknown; it comes from another version" in refusal(tmp_path)


def changed_weights(adapter, do):
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    do(weights)
    save_file(weights, path, {"format": "pt"})


def test_weights_that_do_not_fit_are_named(adapter):
    name = "base_model.model.bert.encoder.layer.1.attention.self.query.lora_A.weight"
    changed_weights(adapter, lambda weights: weights.pop(name))
    assert "weights missing: bert.encoder.layers.1.attention.query.lora_A;" in refusal(adapter)
    changed_weights(adapter, lambda weights: weights.update({name: torch.full((3, 22), torch.nan)}))
    assert "numbers that are not finite" in refusal(adapter)
    pooler = "base_model.model.bert.pooler.dense.lora_A.weight"
    changed_weights(adapter, lambda weights: weights.update({name: torch.ones(3, 22), pooler: torch.ones(3, 22)}))
    assert "weights unexpected: bert.pooler.dense.lora_A;" in refusal(adapter)
    changed_weights(adapter, lambda weights: weights.update({"lora": torch.ones(3)}))
    assert "has 'lora'; names that begin with base_model. were expected" in refusal(adapter)


def test_damaged_files_are_refused(adapter):
    path = adapter / "adapter_model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert "is damaged" in refusal(adapter)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "do not have the checksum in it" in refusal(adapter)
    path.unlink()
    assert "adapter_model.safetensors" in refusal(adapter)
    (adapter / "adapter_config.json").write_text("[]")
    assert "a JSON object was expected" in refusal(adapter)
    (adapter / "adapter_config.json").unlink()
    assert "holds no adapter_config.json, so it is not an adapter" in refusal(adapter)


def test_metadata_that_are_not_ours_are_refused(adapter):
    path = adapter / "adapter_model.safetensors"
    save_file(load_file(path), path, {"bert": '{"body": 3}'})
    assert "its metadata: body is 3; checksums by name was expected" in refusal(adapter)


def test_another_body_is_refused_and_the_differing_part_named(adapter):
    for part, name in (("bert.encoder", "bert.encoder.layers.2.feed_forward.output.bias"),
                       ("bert.embeddings", "bert.embeddings.layer_norm.weight"),
                       ("bert.pooler", "bert.pooler.dense.bias")):  # fmt: skip
        other = make_model()
        with torch.no_grad():
            other.get_parameter(name)[3] += 1e-6
        assert f"was trained on another body (other weights in {part})" in refusal(adapter, other)
    load_adapter(adapter, make_model())


def test_what_a_method_trains_of_the_body_need_not_be_the_same(tmp_path):
    """BitFit's biases are in the file. They replace whatever biases the model has."""
    model = save(tmp_path, BitFit())
    other = make_model()
    with torch.no_grad():
        other.bert.pooler.dense.bias += 1
    load_adapter(tmp_path, other)
    assert logits_of(other).equal(logits_of(model))


def test_a_body_of_another_size_is_refused(adapter):
    message = refusal(adapter, make_model(CONFIG.replace(hidden_size=26)))
    assert "of another shape" in message and "name the checkpoint that it was trained on" in message
    message = refusal(adapter, make_model(CONFIG.replace(num_hidden_layers=2)))
    assert "weights unexpected: bert.encoder.layers.2" in message


def test_another_head_or_other_labels_are_refused(adapter):
    tagger = scaled_up(BertForTokenClassification(CONFIG, labels=["no", "perhaps", "yes"]))
    assert "is an adapter of a BertForSequenceClassification, and this model is a BertForToken" in refusal(
        adapter, tagger
    )
    turned = BertForSequenceClassification(CONFIG, labels=["yes", "perhaps", "no"])
    assert "its labels are no, perhaps, yes, and the model's are yes, perhaps, no; make the" in refusal(adapter, turned)


def test_an_adapted_model_takes_no_second_adapter(adapter):
    model = make_model()
    load_adapter(adapter, model)
    before = logits_of(model)
    with pytest.raises(InputError, match="adapted with lora already"):
        load_adapter(adapter, model)
    assert logits_of(model).equal(before)


def test_body_and_adapter_are_loaded_together_with_the_adapters_labels(tmp_path):
    plain = scaled_up(BertForSequenceClassification(CONFIG))  # of two labels
    save_checkpoint(tmp_path / "body", plain)
    model = make_model()
    model.bert.load_state_dict(plain.bert.state_dict())
    save(tmp_path / "adapter", Lora(3), model)
    found = load_adapted(tmp_path / "body", tmp_path / "adapter", BertForSequenceClassification)
    assert found.labels == ("no", "perhaps", "yes")
    assert logits_of(found).equal(logits_of(model))


def test_a_head_that_peft_does_not_know_is_saved_too(tmp_path):
    model = save(tmp_path / "adapter", Lora(3), BertForRelationExtraction(CONFIG, labels=["a", "b"]))
    save_checkpoint(tmp_path / "body", BertForRelationExtraction(CONFIG))
    other = BertForRelationExtraction(CONFIG, labels=["a", "b"])
    other.bert.load_state_dict({name: each for name, each in model.bert.state_dict().items() if "lora" not in name})
    load_adapter(tmp_path / "adapter", other)
    assert other.classifier.weight.equal(model.classifier.weight)
    assert read_adapter(tmp_path / "adapter").head == "BertForRelationExtraction"


def test_the_configuration_names_the_body_and_comes_last(adapter, monkeypatch):
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "runs/body"
    for changes in range(4):
        if not dies_after(changes, monkeypatch, lambda: save(adapter, Houlsby(5))):
            break
        if (adapter / "adapter_config.json").exists():
            assert read_adapter(adapter).method == Lora(3)
        save(adapter, Lora(3))
    else:
        pytest.fail("it never came to an end")
    assert changes > 1
    assert read_adapter(adapter).method == Houlsby(5)


def test_an_older_file_of_peft_is_read(adapter):
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    expected = make_model()
    load_adapter(adapter, expected)
    (adapter / "adapter_model.safetensors").unlink()
    found = make_model()
    load_adapter(adapter, found)
    assert logits_of(found).equal(logits_of(expected))
