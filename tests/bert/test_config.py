"""BertConfig: published sizes, published files, and what cannot be a model."""

import json

import pytest

from bert.config import BertConfig
from bert.errors import InputError


@pytest.mark.parametrize(
    ("size", "layers", "hidden", "heads"),
    [("tiny", 2, 128, 2), ("mini", 4, 256, 4), ("small", 4, 512, 8), ("medium", 8, 512, 8), ("base", 12, 768, 12),
     ("large", 24, 1024, 16)],
)  # fmt: skip
def test_named_sizes_are_the_published_ones(size, layers, hidden, heads):
    config = getattr(BertConfig, size)(vocab_size=7)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (layers, hidden, heads)
    assert config.intermediate_size == 4 * hidden
    assert config.vocab_size == 7


def test_defaults_are_bert_base():
    assert BertConfig() == BertConfig.base()


def test_googles_and_transformers_files_are_read_with_keys_of_no_concern_passed_over(tmp_path):
    path = tmp_path / "bert_config.json"
    values = {"hidden_size": 8, "num_attention_heads": 2, "vocab_size": 9, "layer_norm_eps": 1e-5}
    path.write_text(json.dumps(values | {"architectures": ["X"]}))
    config = BertConfig.from_json_file(path)
    assert (config.hidden_size, config.vocab_size, config.layer_norm_eps) == (8, 9, 1e-5)
    assert config.num_hidden_layers == 12


def test_a_configuration_goes_to_a_dictionary_and_back():
    config = BertConfig.mini(hidden_act="gelu_new", hidden_dropout_prob=0)
    assert BertConfig.from_dict(config.to_dict()) == config


def test_heads_must_share_the_width_evenly():
    with pytest.raises(InputError, match="10 is not a multiple of num_attention_heads 3"):
        BertConfig(hidden_size=10, num_attention_heads=3)


@pytest.mark.parametrize(
    "change", [{"vocab_size": 0}, {"vocab_size": True}, {"initializer_range": -1.0}, {"hidden_act": ""}]
)
def test_values_that_cannot_make_a_model_are_named(change):
    with pytest.raises(InputError, match=next(iter(change))):
        BertConfig(**change)


def test_defaults_are_the_published_base_models():
    """bert_config.json of google-research/bert's uncased_L-12_H-768_A-12, and layer_norm_eps of transformers."""
    assert BertConfig().to_dict() == BertConfig().to_dict() | {
        "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 512, "type_vocab_size": 2,
        "initializer_range": 0.02, "layer_norm_eps": 1e-12,
    }  # fmt: skip
