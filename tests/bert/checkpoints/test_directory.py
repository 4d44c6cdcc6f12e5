"""A checkpoint's directory: what is written comes back, and damage is named."""

import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bert.checkpoints.directory import checkpoint_labels, load_checkpoint, load_config, save_checkpoint
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from tests.conftest import dies_after, weights_of

CONFIG = BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForPreTraining(CONFIG)


@pytest.fixture
def directory(model, tmp_path):
    save_checkpoint(tmp_path, model)
    return tmp_path


def test_what_is_saved_comes_back(model, directory):
    loaded = load_checkpoint(directory, BertForPreTraining)
    assert loaded.config == CONFIG
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(loaded.state_dict()[name].equal(weight) for name, weight in model.state_dict().items())
    assert not loaded.training
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_the_same_weights_are_saved_bit_for_bit_with_the_same_checksum(model, directory):
    def checksum():
        with safe_open(directory / "model.safetensors", framework="pt") as file:
            return file.metadata()["sha256"]

    weights, before = weights_of(directory), checksum()
    save_checkpoint(directory, model)
    assert (weights_of(directory), checksum()) == (weights, before)
    weight = model.bert.pooler.dense.weight.data
    weight[0, 0] = torch.nextafter(weight[0, 0], weight[0, 1])  # the control: a single bit
    save_checkpoint(directory, model)
    assert weights_of(directory) != weights
    assert checksum() != before


def test_the_encoder_alone_can_be_loaded_saved_and_loaded(model, directory, tmp_path):
    encoder = load_checkpoint(directory, BertModel)
    assert all(encoder.state_dict()[name].equal(weight) for name, weight in model.bert.state_dict().items())
    save_checkpoint(tmp_path / "encoder", encoder)
    again = load_checkpoint(tmp_path / "encoder", BertModel)
    assert all(again.state_dict()[name].equal(weight) for name, weight in encoder.state_dict().items())


def test_a_missing_head_is_named_and_may_start_fresh_by_name_alone(directory, tmp_path, model):
    save_checkpoint(tmp_path / "encoder", load_checkpoint(directory, BertModel))
    with pytest.raises(InputError, match=r"BertForPreTraining: weights missing: masked_language_model\.bias"):
        load_checkpoint(tmp_path / "encoder", BertForPreTraining)
    with pytest.raises(InputError, match=r"missing: next_sentence\.classifier\.bias, next_sentence"):
        load_checkpoint(tmp_path / "encoder", BertForPreTraining, fresh=("masked_language_model",))
    fresh = ("masked_language_model", "next_sentence")
    loaded = load_checkpoint(tmp_path / "encoder", BertForPreTraining, fresh=fresh)
    assert all(loaded.bert.state_dict()[name].equal(weight) for name, weight in model.bert.state_dict().items())
    assert loaded.next_sentence.classifier.weight.std() > 0


def test_a_missing_pooler_is_named_as_what_may_start_fresh(tmp_path):
    save_checkpoint(tmp_path, BertForTokenClassification(CONFIG))
    with pytest.raises(InputError, match=r"missing: pooler\.dense\.bias, pooler.*\(--fresh pooler\)"):
        load_checkpoint(tmp_path, BertModel)
    with pytest.raises(InputError, match=r"missing: bert\.pooler\.dense\.bias.*\(--fresh pooler\)"):
        load_checkpoint(tmp_path, BertForSequenceClassification, fresh=("classifier",))
    with pytest.raises(InputError, match="name a checkpoint of pretraining"):
        load_checkpoint(tmp_path, BertForPreTraining, fresh=("bert.pooler",))


def test_weights_without_names_are_refused(directory):
    (directory / "model.safetensors").unlink()
    torch.save({3: torch.zeros(1)}, directory / "pytorch_model.bin")
    with pytest.raises(InputError, match="does not hold named weights"):
        load_checkpoint(directory, BertModel)
    (directory / "model.safetensors").mkdir()
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be read .it is a directory"):
        load_checkpoint(directory, BertModel)


def test_an_unexpected_or_misshapen_weight_is_named(model, directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    with pytest.raises(InputError, match=r"unexpected: bert\.encoder\.layers\.1.* and 11 more"):
        load_checkpoint(directory, BertForPreTraining)
    (directory / "config.json").write_text(json.dumps(config | {"vocab_size": 12}))
    expected = r"word_embeddings\.weight \(11, 6\), not \(12, 6\)"
    with pytest.raises(InputError, match=expected):
        load_checkpoint(directory, BertForPreTraining)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 10**7}, "too few for 10000000 layers"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is above 16,777,216"),
        ({"hidden_size": 10**30}, "hidden_size is above"),
        ({"initializer_range": 10**400}, "initializer_range is 1"),
        ({"hidden_size": 7}, "not a multiple"),
        ({"hidden_act": "xielu"}, "hidden_act is 'xielu': one of gelu"),
        ({"vocab_size": "11"}, "vocab_size is '11'"),
        ({"position_embedding_type": "relative_key"}, "not a BERT encoder"),
        ({"model_type": "roberta"}, "not a BERT encoder"),
        ({"hidden_dropout_prob": 2}, "probability"),
    ],
)
def test_a_configuration_that_is_no_bert_is_refused_with_its_file(directory, change, message):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(InputError, match=message) as caught:
        load_checkpoint(directory, BertForPreTraining)
    assert str(directory) in str(caught.value)


def test_damaged_weights_are_refused_wherever_the_damage_is(directory):
    path = directory / "model.safetensors"
    whole = path.read_bytes()
    assert load_checkpoint(directory, BertForPreTraining)
    for place in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"model\.safetensors"):
            load_checkpoint(directory, BertForPreTraining)
    for length in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"model\.safetensors.* damaged"):
            load_checkpoint(directory, BertForPreTraining)


def test_a_pytorch_file_loads_but_its_pickle_runs_no_code(model, directory, tmp_path):
    (directory / "model.safetensors").unlink()
    weights = {f"bert.{name}": weight for name, weight in model.bert.state_dict().items()}
    torch.save(weights, directory / "pytorch_model.bin")
    with pytest.raises(InputError, match="missing: masked_language_model"):
        load_checkpoint(directory, BertForPreTraining)
    assert load_checkpoint(directory, BertModel)

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    for hostile in (pickle.dumps(Trap()), b"\x80\x04junk", b""):
        (directory / "pytorch_model.bin").write_bytes(hostile)
        with pytest.raises(InputError, match="cannot be read as weights"):
            load_checkpoint(directory, BertModel)
    torch.save(Trap(), directory / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_checkpoint(directory, BertModel)
    assert not (tmp_path / "sprung").exists()
    torch.save([1, 2], directory / "pytorch_model.bin")
    with pytest.raises(InputError, match="does not hold named weights"):
        load_checkpoint(directory, BertModel)


def test_half_precision_weights_become_float32(model, directory):
    from safetensors.torch import load_file, save_file

    half = {name: weight.half() for name, weight in load_file(directory / "model.safetensors").items()}
    save_file(half, directory / "model.safetensors", metadata={"format": "pt"})
    loaded = load_checkpoint(directory, BertForPreTraining)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_directories_that_are_not_checkpoints_are_named(tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        load_checkpoint(tmp_path / "nowhere", BertModel)
    with pytest.raises(InputError, match=r"holds no config\.json"):
        load_checkpoint(tmp_path, BertModel)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds no model\.safetensors or pytorch_model\.bin"):
        load_checkpoint(tmp_path, BertModel)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(InputError, match="holds a list"):
        load_checkpoint(tmp_path, BertModel)
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="is not JSON"):
        load_checkpoint(tmp_path, BertModel)


def test_a_head_is_saved_with_its_labels(tmp_path):
    model = BertForSequenceClassification(CONFIG, labels=["bad", "good", "ünïcode"])
    save_checkpoint(tmp_path, model)
    loaded = load_checkpoint(tmp_path, BertForSequenceClassification)
    assert loaded.labels == checkpoint_labels(tmp_path, BertForSequenceClassification) == ("bad", "good", "ünïcode")
    assert loaded.problem_type == "single_label_classification"
    assert loaded.classifier.weight.equal(model.classifier.weight)
    assert checkpoint_labels(tmp_path, BertForTokenClassification) is None
    save_checkpoint(tmp_path, BertForSequenceClassification(CONFIG, 1, "regression"))
    assert load_checkpoint(tmp_path, BertForSequenceClassification).problem_type == "regression"


def test_a_head_that_is_missing_or_of_other_labels_is_named_and_may_start_fresh_by_name_alone(directory, tmp_path):
    with pytest.raises(InputError, match=r"missing: classifier\.bias, classifier\.weight; fine-tune it for this task"):
        load_checkpoint(directory, BertForSequenceClassification, num_labels=3)
    fresh = load_checkpoint(directory, BertForSequenceClassification, ("classifier",), num_labels=3)
    save_checkpoint(tmp_path / "three", fresh)
    again = load_checkpoint(tmp_path / "three", BertForSequenceClassification, ("classifier",), num_labels=3)
    assert again.classifier.weight.equal(fresh.classifier.weight)  # what fits is kept
    with pytest.raises(InputError, match=r"of another shape: .*classifier\.weight \(3, 6\), not \(2, 6\)"):
        load_checkpoint(tmp_path / "three", BertForSequenceClassification, labels=["a", "b"])
    two = load_checkpoint(tmp_path / "three", BertForSequenceClassification, ("classifier",), labels=["a", "b"])
    assert two.classifier.weight.shape == (2, 6)
    assert two.labels == ("a", "b")
    assert two.bert.embeddings.word_embeddings.weight.equal(fresh.bert.embeddings.word_embeddings.weight)


def test_a_head_without_a_pooler_leaves_the_pooler_behind(directory, tmp_path):
    model = load_checkpoint(directory, BertForTokenClassification, fresh=("classifier",))
    assert not any("pooler" in name for name in model.state_dict())
    save_checkpoint(tmp_path / "tagger", model)
    with pytest.raises(InputError, match=r"missing: pooler\.dense"):
        load_checkpoint(tmp_path / "tagger", BertModel)
    assert load_checkpoint(tmp_path / "tagger", BertModel, fresh=("pooler",)).pooler is not None


def test_a_configuration_of_the_same_sizes_takes_the_place_of_the_checkpoints(directory):
    config = load_config(directory).replace(hidden_dropout_prob=0.375, attention_probs_dropout_prob=0.25)
    model = load_checkpoint(directory, BertModel, config=config)
    assert model.config == config != load_config(directory)
    layer = model.encoder.layers[0]
    assert (layer.dropout.p, layer.attention.dropout_probability) == (0.375, 0.25)
    with pytest.raises(InputError, match="of another shape"):
        load_checkpoint(directory, BertModel, config=config.replace(intermediate_size=config.intermediate_size + 1))


@pytest.mark.parametrize("spoil", [
    lambda weight: weight.to(torch.int8), lambda weight: weight > 0, lambda weight: weight.to(torch.complex64),
    lambda weight: weight / 0,
])  # fmt: skip
def test_weights_that_are_not_finite_fractions_are_refused(model, directory, spoil):
    weights = load_file(directory / "model.safetensors")
    weights["bert.pooler.dense.weight"] = spoil(weights["bert.pooler.dense.weight"])
    save_file(weights, directory / "model.safetensors")
    with pytest.raises(InputError, match=r"pooler\.dense\.weight (is of torch|holds numbers that are not finite)"):
        load_checkpoint(directory, BertForPreTraining)


def test_a_weight_under_two_names_is_refused(model, directory):
    weights = load_file(directory / "model.safetensors")
    weights["pooler.dense.weight"] = weights["bert.pooler.dense.weight"].clone()
    save_file(weights, directory / "model.safetensors")
    with pytest.raises(InputError, match=r"holds bert\.pooler\.dense\.weight under two names"):
        load_checkpoint(directory, BertForPreTraining)


def test_the_same_weights_are_the_same_bytes(model, tmp_path):
    written = set()
    for number in range(8):  # in a random order of two, one in 128 such tests would pass
        save_checkpoint(tmp_path / str(number), model)
        written.add((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert len(written) == 1


def test_a_crash_at_any_instant_leaves_no_model_with_another_s_configuration(tmp_path, monkeypatch):
    """Two taggers of the same sizes, whose labels differ: weights of one under labels of the other would load."""
    config = BertConfig.tiny(vocab_size=9)
    old, new = (BertForTokenClassification(config, labels=labels) for labels in (["O", "B-X"], ["O", "B-Y"]))
    for changes in range(10):
        directory = tmp_path / str(changes)
        save_checkpoint(directory, old)
        died = dies_after(changes, monkeypatch, lambda: save_checkpoint(directory, new))  # noqa: B023
        try:
            loaded = load_checkpoint(directory, BertForTokenClassification)
        except InputError as error:
            assert "config.json" in str(error)
        else:
            whole = old if loaded.labels == old.labels else new
            assert all(weight.equal(whole.state_dict()[name]) for name, weight in loaded.state_dict().items())
        if not died:
            break
    assert changes >= 3
    assert loaded.labels == new.labels
