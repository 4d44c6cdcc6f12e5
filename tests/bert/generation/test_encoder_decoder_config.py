"""The configuration, there and back, and what is refused."""

import json

import pytest

from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from tests.bert.generation.models import CONFIG, DECODER, ENCODER, SHARED, WIDER


@pytest.mark.parametrize("config", [CONFIG, WIDER, SHARED])
def test_it_is_the_same_after_a_file(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert EncoderDecoderConfig.from_json_file(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert', which is not an encoder with a decoder"),
        ({"encoder": None}, "encoder is None; an object with a BERT's sizes was expected"),
        ({"decoder": [1]}, r"decoder is \[1\]; an object"),
        ({"decoder.model_type": "gpt2"}, "decoder: model_type is 'gpt2'"),
        ({"encoder.is_decoder": True}, "encoder: is_decoder is True, which is not a BERT encoder"),
        ({"decoder.is_decoder": False}, "the decoder's is_decoder is False; expected True"),
        ({"decoder.add_cross_attention": None}, "the decoder's add_cross_attention is None"),
        ({"decoder.hidden_size": "15"}, "decoder: hidden_size is '15'"),
        ({"decoder_start_token_id": None}, "decoder_start_token_id is None: the number of a piece"),
        ({"eos_token_id": 31}, "eos_token_id is 31: .* from 0 to 30"),
        ({"pad_token_id": True}, "pad_token_id is True"),
        ({"tie_encoder_decoder": 1}, "tie_encoder_decoder is 1: true or false"),
        ({"tie_encoder_decoder": True}, "the encoder's vocab_size is 37 and the decoder's 31"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_one_sentence_that_names_it(changes, message, tmp_path):
    values = json.loads(json.dumps(CONFIG.to_dict()))
    for key, value in changes.items():
        part, _, inner = key.rpartition(".")
        (values[part] if part else values)[inner] = value
    path = tmp_path / "config.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=message) as error:
        EncoderDecoderConfig.from_json_file(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_start_end_and_padding_are_three_pieces():
    with pytest.raises(InputError, match="are one piece"):
        EncoderDecoderConfig(ENCODER, DECODER, start_id=2, end_id=2, padding_id=0)
