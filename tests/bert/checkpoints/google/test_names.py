"""Google's names and transformers' name the same weights."""

import pytest

from bert.checkpoints.google.names import from_google_name, is_weight, to_google_name
from bert.checkpoints.huggingface import from_huggingface_name
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from tests.bert.checkpoints.google.frozen_files import BERT, recorded


def test_the_variables_of_a_published_checkpoint_are_our_model_s_parameters():
    names = {name for name in recorded(BERT) if is_weight(name)}
    ours = {from_huggingface_name(from_google_name(name)) for name in names}
    model = BertForPreTraining(BertConfig(29, 10, 2, 2, 14, max_position_embeddings=17))
    assert ours == model.state_dict().keys()
    assert len(ours) == len(names)
    assert {to_google_name(from_google_name(name)) for name in names} == names


@pytest.mark.parametrize("name", ["output_weights", "output_bias", "cls/squad/output_weights", "cls/squad/output_bias"])
def test_the_heads_of_fine_tuned_models_have_a_name_in_both(name):
    assert to_google_name(from_google_name(name)) == name


@pytest.mark.parametrize("name", [
    "global_step", "beta1_power", "bert/pooler/dense/bias/adam_v", "bert/pooler/dense/bias/adam_m_1",
    "loss_scale/good_steps",
    "bert/embeddings/word_embeddings/AdamWeightDecayOptimizer", "output_weights/Adam_1", "signal_early_stopping/STOP",
])  # fmt: skip
def test_what_training_keeps_is_no_weight(name):
    assert not is_weight(name)


@pytest.mark.parametrize("name", [
    "adapter.weight", "masked_language_model.bias", "cls.predictions.decoder.weight", "bert.pooler.dense.lora_A.weight",
    "bert.pooler.lora",
])  # fmt: skip
def test_a_parameter_that_google_s_code_lacks_has_no_name_there(name):
    assert to_google_name(name) is None
