"""Google's directories are checkpoints like others: heads, tokenizer and commands find what they need."""

import json
import os

import numpy as np
import pytest
import torch

from bert.__main__ import main
from bert.adaptation.loading import load_model
from bert.checkpoints.directory import (
    checkpoint_labels,
    is_checkpoint_of,
    load_checkpoint,
    load_config,
    parts_of_checkpoint,
    save_checkpoint,
)
from bert.checkpoints.google.bundle import Bundle
from bert.checkpoints.google.protos import Entry, write_entry, write_field
from bert.checkpoints.google.table import write_table
from bert.checkpoints.vocabulary import load_tokenizer
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.spans import BertForQuestionAnswering
from bert.model.bert import BertModel
from tests.bert.checkpoints.google.frozen_files import BERT, copied, recorded

DIRECTORY = BERT.parent


def test_each_weight_is_there_and_kernels_are_transposed():
    model, values = load_checkpoint(DIRECTORY, BertForPreTraining), recorded(BERT)
    layer = model.bert.encoder.layers[1]
    for weight, name in [
        (layer.attention.query.weight.T, "bert/encoder/layer_1/attention/self/query/kernel"),
        (layer.feed_forward.intermediate.weight.T, "bert/encoder/layer_1/intermediate/dense/kernel"),
        (layer.feed_forward_norm.weight, "bert/encoder/layer_1/output/LayerNorm/gamma"),
        (model.word_embeddings, "bert/embeddings/word_embeddings"),
        (model.next_sentence.classifier.weight, "cls/seq_relationship/output_weights"),
        (model.masked_language_model.bias, "cls/predictions/output_bias"),
    ]:
        assert np.array_equal(weight.detach().numpy(), values[name]), name
    assert parts_of_checkpoint(DIRECTORY) == {"masked_language_model", "next_sentence", "bert.pooler"}
    assert is_checkpoint_of(DIRECTORY, BertForPreTraining) and not is_checkpoint_of(DIRECTORY, BertModel)


def test_commands_take_the_directory(capsys):
    assert main(["fill-mask", str(DIRECTORY), "The [MASK] sat."]) == 0
    assert capsys.readouterr().out.startswith("[MASK] 1:\n")


def test_what_is_trained_from_it_is_saved_in_the_usual_layout(tmp_path):
    model = load_checkpoint(DIRECTORY, BertForPreTraining)
    save_checkpoint(tmp_path, model, load_tokenizer(DIRECTORY))
    again = load_checkpoint(tmp_path, BertForPreTraining)
    assert all(weight.equal(again.state_dict()[name]) for name, weight in model.state_dict().items())
    assert load_config(tmp_path) == load_config(DIRECTORY)


def with_head(directory, names: dict[str, tuple[int, ...]]):
    """A copy of the checkpoint with further variables of zeros."""
    from bert.checkpoints.google.crc32c import masked_crc32c

    prefix = copied(BERT, directory)
    data = directory / "bert_model.ckpt.data-00000-of-00001"
    table, offset = {b"": write_field(1, 1)}, data.stat().st_size
    table |= {name.encode(): write_entry(entry) for name, entry in Bundle(prefix).entries.items()}
    for name, shape in names.items():
        size = 4 * int(np.prod(shape))
        table[name.encode()] = write_entry(Entry(1, shape, 0, offset, size, masked_crc32c(bytes(size))))
        offset += size
    with open(data, "ab") as file:
        file.write(bytes(offset - data.stat().st_size))
    (directory / "bert_model.ckpt.index").write_bytes(write_table(table))
    return directory


def test_a_fine_tuned_classifier_has_numbered_labels(tmp_path):
    run = with_head(tmp_path / "run", {"output_weights": (3, 10), "output_bias": (3,)})
    assert checkpoint_labels(run, BertForSequenceClassification) == ("LABEL_0", "LABEL_1", "LABEL_2")
    model = load_model(run, BertForSequenceClassification)
    assert model.classifier.weight.equal(torch.zeros(3, 10))
    named = load_checkpoint(run, BertForSequenceClassification, labels=("a", "b", "c"))
    assert named.labels == ("a", "b", "c")
    with pytest.raises(InputError, match=r"of another shape: .*classifier\.weight \(3, 10\), not \(2, 10\)"):
        load_checkpoint(run, BertForSequenceClassification, labels=("a", "b"))


def test_a_model_fine_tuned_on_squad_has_its_head(tmp_path):
    run = with_head(tmp_path / "run", {"cls/squad/output_weights": (2, 10), "cls/squad/output_bias": (2,)})
    assert is_checkpoint_of(run, BertForQuestionAnswering)
    assert load_model(run, BertForQuestionAnswering).qa_outputs.weight.shape == (2, 10)


def test_another_program_s_checkpoint_is_refused_by_what_it_has(tmp_path):
    of_keras = with_head(tmp_path / "keras", {"_CHECKPOINTABLE_OBJECT_GRAPH": (1,)})
    with pytest.raises(InputError, match="TensorFlow 2's model garden"):
        load_checkpoint(of_keras, BertModel)
    other = with_head(tmp_path / "other", {"electra/embeddings/word_embeddings": (2, 10)})
    with pytest.raises(InputError, match=r"unexpected: electra\.embeddings\.word_embeddings"):
        load_checkpoint(other, BertModel)
    twice = with_head(tmp_path / "twice", {"bert/pooler/dense/weight": (10, 10)})
    with pytest.raises(InputError, match=r"holds bert\.pooler\.dense\.weight under two names"):
        load_checkpoint(twice, BertModel)


def test_a_missing_configuration_is_named(tmp_path):
    copied(BERT, tmp_path / "run")
    os.remove(tmp_path / "run" / "bert_config.json")
    with pytest.raises(InputError, match=r"holds no config\.json or bert_config"):
        load_checkpoint(tmp_path / "run", BertModel)


def test_bert_config_json_is_config_json_beside_other_weights_too(tmp_path):
    model = load_checkpoint(DIRECTORY, BertForPreTraining)
    save_checkpoint(tmp_path, model)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").rename(tmp_path / "bert_config.json")
    assert load_checkpoint(tmp_path, BertForPreTraining).config == model.config
    assert config["architectures"] == ["BertForPreTraining"]


@pytest.mark.peers
def test_scores_are_those_of_transformers_with_the_same_weights():
    transformers = pytest.importorskip("transformers")
    values = recorded(BERT)
    theirs = transformers.BertForPreTraining(transformers.BertConfig(**load_config(DIRECTORY).to_dict())).eval()
    rules = [
        ("/", "."), ("layer_", "layer."), (".kernel", ".weight"), ("gamma", "weight"), ("beta", "bias"),
        ("output_bias", "bias"), ("output_weights", "weight"),
    ]  # fmt: skip
    state = {}
    for name, value in values.items():
        if value.dtype != np.float32:
            continue
        tensor = torch.from_numpy(value.T.copy() if name.endswith("kernel") else value)
        for google, huggingface in rules:
            name = name.replace(google, huggingface)
        state[f"{name}.weight" if name.endswith("_embeddings") else name] = tensor
    lacking, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected and all("decoder" in name for name in lacking)  # tied
    theirs.tie_weights()
    batch = {
        "input_ids": torch.tensor([[2, 7, 8, 10, 3, 5], [2, 9, 3, 0, 0, 0]]),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1], [0] * 6]),
        "attention_mask": torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]]),
    }
    with torch.inference_mode():
        ours, expected = load_checkpoint(DIRECTORY, BertForPreTraining)(**batch), theirs(**batch)
    mask = batch["attention_mask"].bool()
    error = (ours.prediction_logits - expected.prediction_logits)[mask].abs().max()
    assert error < 1e-5 < expected.prediction_logits.abs().max()
    assert (ours.next_sentence_logits - expected.seq_relationship_logits).abs().max() < 1e-5
