"""An encoder with a decoder on disk: there and back, beside transformers, and damaged."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from bert.checkpoints.directory import (
    is_checkpoint_of,
    load_checkpoint,
    load_config,
    load_encoder_config,
    save_checkpoint,
)
from bert.checkpoints.encoder_decoder import from_encoder_decoder, to_encoder_decoder_name
from bert.errors import InputError
from bert.generation.model import BertForConditionalGeneration
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from tests.bert.generation.models import (
    CONFIG,
    ENCODER,
    SHARED,
    SOURCE_MASK,
    SOURCES,
    TARGETS,
    WIDER,
    random_model,
)

CONFIGS = pytest.mark.parametrize("config", [CONFIG, WIDER, SHARED], ids=["one size", "two sizes", "shared"])


def logits_of(model):
    with torch.no_grad():
        return model(SOURCES, TARGETS, SOURCE_MASK).logits


@CONFIGS
def test_a_model_is_the_same_after_its_directory(config, tmp_path):
    model = random_model(config)
    save_checkpoint(tmp_path, model)
    loaded = load_checkpoint(tmp_path, BertForConditionalGeneration, label_smoothing=0.1)
    assert logits_of(loaded).equal(logits_of(model)) and loaded.config == config and not loaded.training
    assert len(list(loaded.parameters())) == len(list(model.parameters()))  # what was shared is shared again
    assert is_checkpoint_of(tmp_path, BertForConditionalGeneration)
    assert not is_checkpoint_of(tmp_path, BertForPreTraining)


def test_every_name_has_a_way_back():
    weights = random_model(WIDER).state_dict()
    theirs = {to_encoder_decoder_name(name): weight for name, weight in weights.items()}
    assert from_encoder_decoder(theirs, "here").keys() == weights.keys() and len(theirs) == len(weights)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Version v4.12.0")
@CONFIGS
def test_transformers_reads_ours_and_computes_the_same_loss_and_scores(config, tmp_path):
    transformers = pytest.importorskip("transformers")
    model = random_model(config)
    save_checkpoint(tmp_path, model)
    theirs = transformers.EncoderDecoderModel.from_pretrained(tmp_path).eval()
    labels = torch.where(torch.arange(9) < torch.tensor([5, 9, 1, 8])[:, None], TARGETS, -100)
    with torch.no_grad():
        expected = theirs(input_ids=SOURCES, attention_mask=SOURCE_MASK, labels=labels)
    read = torch.cat([torch.full((4, 1), 2), labels[:, :-1].where(labels[:, :-1] >= 0, 0)], dim=1)
    logits = model(SOURCES, read, SOURCE_MASK).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    is_label = labels >= 0  # theirs hides padding from padding, which nobody reads
    torch.testing.assert_close(logits[is_label], expected.logits[is_label], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss, expected.loss, rtol=1e-5, atol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("config", [CONFIG, WIDER], ids=["one size", "two sizes"])
def test_ours_reads_what_transformers_writes(config, tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    values = config.to_dict()
    theirs = transformers.EncoderDecoderModel(
        transformers.EncoderDecoderConfig(
            encoder=transformers.BertConfig(**values["encoder"]),
            decoder=transformers.BertConfig(**values["decoder"]),
            decoder_start_token_id=2,
            eos_token_id=3,
            pad_token_id=0,
        )
    ).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        expected = theirs(input_ids=SOURCES, attention_mask=SOURCE_MASK, decoder_input_ids=TARGETS).logits
    theirs.save_pretrained(tmp_path)
    model = load_checkpoint(tmp_path, BertForConditionalGeneration)
    assert model.config == config
    torch.testing.assert_close(logits_of(model), expected, rtol=1e-5, atol=1e-5)


def test_a_shared_weight_may_be_in_the_file_once(tmp_path):
    model = random_model(SHARED)
    save_checkpoint(tmp_path, model)
    weights = load_file(tmp_path / "model.safetensors")
    ours = [name for name in weights if name.startswith("decoder.bert.") and "crossattention" not in name]
    save_file({name: weight for name, weight in weights.items() if name not in ours}, tmp_path / "model.safetensors")
    assert logits_of(load_checkpoint(tmp_path, BertForConditionalGeneration)).equal(logits_of(model))


def test_damaged_and_foreign_weights_are_refused_in_one_sentence(tmp_path):
    model = random_model(SHARED)
    path = tmp_path / "model.safetensors"
    cross = "decoder.bert.encoder.layer.1.crossattention.self.key.weight"
    embeddings = "decoder.bert.embeddings.word_embeddings.weight"
    query = "decoder.bert.encoder.layer.0.attention.self.query.weight"
    cases = [
        (lambda weights: weights.pop(cross), "missing: decoder.layers.1.cross_attention.key.weight"),
        (lambda weights: weights.update({cross: torch.zeros(3, 5)}), "cross_attention.key.weight .3, 5., not .15, 15."),
        (lambda weights: weights.update({"decoder.lm": torch.zeros(3)}), "unexpected: decoder.lm"),
        (
            lambda weights: weights.update({query: torch.zeros(15, 15)}),
            "differ, but config.json says that they are one",
        ),
        (
            lambda weights: weights.update({"decoder.cls.predictions.decoder.weight": 1 + weights[embeddings]}),
            "do not come from the decoder's word embeddings",
        ),
        (
            lambda weights: weights.update({cross: torch.full((15, 15), torch.nan)}),
            "holds numbers that are not finite",
        ),
    ]
    for damage, message in cases:
        save_checkpoint(tmp_path, model)
        weights = load_file(path)
        damage(weights)
        save_file(weights, path)
        with pytest.raises(InputError, match=message) as error:
            load_checkpoint(tmp_path, BertForConditionalGeneration)
        assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_a_configuration_of_a_million_layers_builds_none(tmp_path):
    save_checkpoint(tmp_path, random_model())
    values = json.loads((tmp_path / "config.json").read_text())
    values["decoder"]["num_hidden_layers"] = 1_000_000
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="too few for 1000002 layers"):
        load_checkpoint(tmp_path, BertForConditionalGeneration)


def test_neither_kind_of_directory_is_read_as_the_other(tmp_path):
    save_checkpoint(tmp_path / "generation", random_model())
    save_checkpoint(tmp_path / "bert", BertForPreTraining(ENCODER))
    with pytest.raises(InputError, match="model_type is 'bert', which is not an encoder with a decoder"):
        load_checkpoint(tmp_path / "bert", BertForConditionalGeneration)
    with pytest.raises(InputError, match="model_type is 'encoder-decoder', which is not a BERT encoder"):
        load_config(tmp_path / "generation")
    with pytest.raises(InputError, match=r"weights missing: .*masked_language_model"):
        load_checkpoint(tmp_path / "generation", BertForPreTraining)


@pytest.mark.parametrize("config", [CONFIG, WIDER, SHARED], ids=["apart", "wider", "shared"])
def test_a_model_without_a_decoder_takes_the_encoder(config, tmp_path):
    before = random_model(config)
    save_checkpoint(tmp_path, before)
    expected = before.bert.state_dict()
    head = load_checkpoint(tmp_path, BertForSequenceClassification, fresh=("classifier", "bert.pooler"))
    for found in (load_checkpoint(tmp_path, BertModel, with_pooler=False), head.bert):
        assert found.config == config.encoder
        weights = found.state_dict()
        assert all(weights[name].equal(weight) for name, weight in expected.items())


def test_a_decoders_weights_without_a_place_are_named(tmp_path):
    model = random_model()
    save_checkpoint(tmp_path, model)
    decoder = model.config.decoder.replace(num_hidden_layers=2)
    with pytest.raises(InputError, match=r"weights unexpected: decoder\.layers\.2\."):
        load_checkpoint(tmp_path, BertForConditionalGeneration, config=replace(model.config, decoder=decoder))


def test_the_encoders_sizes_are_read_from_either_kind_of_directory(tmp_path):
    save_checkpoint(tmp_path / "both", random_model())
    save_checkpoint(tmp_path / "bert", random_model().bert)
    assert load_encoder_config(tmp_path / "both") == load_encoder_config(tmp_path / "bert") == ENCODER
    with pytest.raises(InputError, match="is not a BERT encoder"):
        load_config(tmp_path / "both")
    file = tmp_path / "both/config.json"
    for part, message in ((None, "encoder is None; an object"), ({"is_decoder": True}, "encoder: is_decoder is True")):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"encoder": part}))
        with pytest.raises(InputError, match=rf"config\.json: {message}"):
            load_encoder_config(tmp_path / "both")
