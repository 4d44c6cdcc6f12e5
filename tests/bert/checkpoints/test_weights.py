"""The weights of a checkpoint: in several parts, in a pickle, and of kinds that no model has."""

import json
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.weights import read_weights, weight_files
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel

CONFIG = BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7)
DECODER = "cls.predictions.decoder.weight"


@pytest.fixture
def directory(tmp_path):
    torch.manual_seed(0)
    save_checkpoint(tmp_path, BertForPreTraining(CONFIG))
    return tmp_path


def weights_in(directory) -> dict[str, Tensor]:
    return load_file(directory / "model.safetensors")


def in_parts(directory, kind: str) -> None:
    """Takes a checkpoint apart, as transformers does."""
    weights = weights_in(directory)
    (directory / "model.safetensors").unlink()
    stem, ending = ("model", "safetensors") if kind == "safetensors" else ("pytorch_model", "bin")
    names, file_of = sorted(weights), {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"{stem}-0000{number}-of-00002.{ending}"
        chosen = {name: weights[name].clone() for name in part}
        save_file(chosen, directory / file) if kind == "safetensors" else torch.save(chosen, directory / file)
        file_of |= dict.fromkeys(part, file)
    size = sum(weight.numel() * 4 for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": file_of}
    (directory / f"{stem}.{ending}.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_checkpoint_in_parts_is_the_whole(directory, kind):
    whole = load_checkpoint(directory, BertForPreTraining).state_dict()
    in_parts(directory, kind)
    parts = load_checkpoint(directory, BertForPreTraining).state_dict()
    assert parts.keys() == whole.keys()
    assert all(parts[name].equal(weight) for name, weight in whole.items())


def test_the_files_of_the_weights_are_known_in_every_layout(directory):
    assert weight_files(directory) == [directory / "model.safetensors"]
    in_parts(directory, "bin")
    parts = [directory / f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
    assert weight_files(directory) == [directory / "pytorch_model.bin.index.json", *parts]
    (directory / "pytorch_model.bin.index.json").unlink()
    with pytest.raises(InputError, match=r"holds no model\.safetensors or pytorch_model\.bin"):
        weight_files(directory)
    (directory / "bert_model.ckpt.index").touch()
    assert weight_files(directory) == [directory / "bert_model.ckpt.index"]


@pytest.mark.parametrize(("change", "message"), [
    ({"weight_map": []}, "has no weight_map"),
    ({"weight_map": {"bert.pooler.dense.bias": "../model.safetensors"}}, "names the part '../model.safetensors'"),
    ({"weight_map": {"bert.pooler.dense.bias": "/etc/passwd"}}, "a file of the same directory"),
    ({"weight_map": {"bert.pooler.dense.bias": "model-3.safetensors"}}, "the part model-3.safetensors, which is not"),
    ({"weight_map": {"a": "model-00001-of-00002.safetensors"}}, "00001-of-00002.safetensors: lacks a, unlike"),
    ({"metadata": {"total_size": 5}}, "total_size is 5, but the parts hold"),
])  # fmt: skip
def test_an_index_that_does_not_fit_its_parts_is_refused(directory, change, message):
    in_parts(directory, "safetensors")
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    with pytest.raises(InputError, match=message):
        read_weights(directory)


@pytest.mark.parametrize("damage", ["missing", "cut", "more"])
def test_each_part_is_checked(directory, damage):
    in_parts(directory, "safetensors")
    part = directory / "model-00002-of-00002.safetensors"
    if damage == "missing":
        part.unlink()
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:-1])
    else:
        save_file(load_file(part) | {"more": torch.ones(1)}, part)
    with pytest.raises(InputError, match=r"model-00002-of-00002\.safetensors"):
        read_weights(directory)


@pytest.mark.peers
def test_what_transformers_saves_in_parts_loads(tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel(transformers.BertConfig(**CONFIG.to_dict()))
    theirs.save_pretrained(tmp_path, max_shard_size="1KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    ours = load_checkpoint(tmp_path, BertModel)
    assert ours.pooler.dense.weight.equal(theirs.pooler.dense.weight)


def test_a_decoder_that_is_no_copy_of_the_word_embeddings_is_read_by_the_head_alone(directory):
    weights = weights_in(directory)
    embeddings = weights["bert.embeddings.word_embeddings.weight"]
    save_file(weights | {DECODER: embeddings.clone()}, directory / "model.safetensors")
    load_checkpoint(directory, BertForPreTraining)  # a copy does no harm, whatever its precision
    save_file(weights | {DECODER: embeddings.double()}, directory / "model.safetensors")
    load_checkpoint(directory, BertForPreTraining)
    bias = {"cls.predictions.decoder.bias": weights["cls.predictions.bias"] + 1}  # it counts, as in transformers
    save_file(weights | {DECODER: embeddings + 1} | bias, directory / "model.safetensors")
    untied = load_checkpoint(directory, BertForPreTraining)
    save_checkpoint(directory / "saved", untied)
    for model in (untied, load_checkpoint(directory / "saved", BertForPreTraining)):
        head = model.masked_language_model
        assert model.word_embeddings.equal(embeddings) and head.decoder.weight.equal(embeddings + 1)
        assert head.bias.equal(weights["cls.predictions.bias"] + 1)
        assert model.config == CONFIG.replace(tie_word_embeddings=False)
    encoder = load_checkpoint(directory, BertModel)
    tagger = load_checkpoint(directory, BertForTokenClassification, fresh=("classifier",), labels=("O", "B"))
    assert tagger.bert.embeddings.word_embeddings.weight.equal(embeddings)
    assert encoder.config == tagger.config == CONFIG  # nothing there reads a second table
    save_file(weights | {DECODER: embeddings[:5].clone()}, directory / "model.safetensors")
    with pytest.raises(InputError, match=r"of another shape: masked_language_model\.decoder\.weight \(5, "):
        load_checkpoint(directory, BertForPreTraining)


def test_a_file_with_one_table_where_its_configuration_says_two_begins_with_two_equal_ones(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    model = load_checkpoint(directory, BertForPreTraining)
    assert model.masked_language_model.decoder.weight.equal(model.word_embeddings)
    assert model.masked_language_model.decoder.weight.data_ptr() != model.word_embeddings.data_ptr()


@pytest.mark.parametrize("name", ["tf_model.h5", "flax_model.msgpack", "model.onnx"])
def test_weights_of_other_frameworks_are_named_with_the_remedy(tmp_path, name):
    (tmp_path / name).touch()
    for _ in range(2):
        with pytest.raises(InputError, match=f"{name}: holds weights for .* convert them with transformers"):
            load_checkpoint(tmp_path, BertModel)
        (tmp_path / "config.json").write_text("{}")


# ---- pytorch_model.bin ------------------------------------------------------------------------------------


def as_pickle(directory, **changes) -> None:
    weights = weights_in(directory) | changes
    (directory / "model.safetensors").unlink()
    torch.save(weights, directory / "pytorch_model.bin")


def test_a_flipped_bit_of_a_pickle_is_found_wherever_it_changes_a_weight(directory):
    as_pickle(directory)
    path = directory / "pytorch_model.bin"
    whole, weights = path.read_bytes(), read_weights(directory)[1]
    found = 0
    for place in range(0, len(whole), 101):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            read = read_weights(directory)[1]
        except InputError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error)
            found += 1
        else:  # the bit is in the padding between two records
            assert read.keys() == weights.keys() and all(read[name].equal(weights[name]) for name in weights)
    assert found > len(whole) // 101 // 4


def test_an_old_pickle_that_is_no_archive_loads(directory):
    weights = weights_in(directory)
    (directory / "model.safetensors").unlink()
    torch.save(weights, directory / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert read_weights(directory)[1].keys() == weights.keys()


def test_16_bit_weights_become_float32(directory):
    as_pickle(directory, **{name: weight.bfloat16() for name, weight in weights_in(directory).items()})
    model = load_checkpoint(directory, BertForPreTraining)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def strange(kind: str) -> Tensor:
    if kind == "a nested tensor":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    return {
        "a sparse tensor": torch.eye(6).to_sparse(),
        "a tensor without values": torch.empty(6, 6, device="meta"),
        "a quantized tensor": torch.quantize_per_tensor(torch.eye(6), 0.1, 0, torch.qint8),
        "a tensor of complex numbers": torch.eye(6, dtype=torch.complex64),
        "of 10,000,000,000 numbers, but the file holds fewer": torch.ones(1).expand(100_000, 100_000),
    }[kind]


@pytest.mark.parametrize("kind", [
    "a nested tensor", "a sparse tensor", "a tensor without values", "a quantized tensor",
    "a tensor of complex numbers", "of 10,000,000,000 numbers, but the file holds fewer",
])  # fmt: skip
@pytest.mark.parametrize("name", ["bert.pooler.dense.weight", DECODER, "bert.embeddings.word_embeddings.weight"])
def test_what_no_weight_can_be_is_refused_in_a_sentence(directory, kind, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        as_pickle(directory, **{name: strange(kind)})
        with pytest.raises(InputError, match=r"pytorch_model\.bin: ") as caught:
            load_checkpoint(directory, BertModel, fresh=("pooler",))
    assert f"{name} is {kind}" in str(caught.value) or "cannot be read as weights" in str(caught.value)
