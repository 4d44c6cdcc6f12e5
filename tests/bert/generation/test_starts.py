"""What a start takes over and what it leaves new; two learning rates."""

import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.generation.learning_rates import slow_down
from bert.generation.model import BertForConditionalGeneration
from bert.generation.starts import is_new, start_model
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.training.layer_wise import decay_learning_rate_by_layer
from bert.training.optimizer import make_optimizer
from tests.bert.generation.models import CONFIG, DECODER, ENCODER, SHARED, random_model

BERT2BERT = EncoderDecoderConfig(ENCODER, ENCODER, start_id=2, end_id=3, padding_id=0)


def saved(directory, model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.rand_like(parameter)
    save_checkpoint(directory, model)
    return model


@pytest.fixture
def pretrained(tmp_path):
    return saved(tmp_path / "bert", BertForPreTraining(ENCODER))


def same(ours, theirs):
    theirs = dict(theirs.named_parameters())
    return {name: parameter.equal(theirs[name]) for name, parameter in ours.named_parameters() if name in theirs}


def taken_over(model, pretrained):
    """The names of the model's parameters that are the checkpoint's."""
    pairs = [
        ("bert.", model.bert, pretrained.bert),
        ("decoder.embeddings.", model.decoder.embeddings, pretrained.bert.embeddings),
        ("decoder.layers.", model.decoder.layers, pretrained.bert.encoder.layers),
        ("decoder.head.", model.decoder.head, pretrained.masked_language_model),
    ]
    found = {prefix + name for prefix, ours, theirs in pairs for name, is_same in same(ours, theirs).items() if is_same}
    return found & {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize(
    ("start", "config", "same_vocabulary"),
    [
        ("scratch", CONFIG, True), ("bert2rnd", CONFIG, True), ("bert2bert", BERT2BERT, True), ("share", SHARED, True),
        ("bert2bert", EncoderDecoderConfig(ENCODER, ENCODER.replace(vocab_size=31), 2, 3, 0), False),
    ],
)  # fmt: skip
def test_a_start_takes_over_what_it_says(start, config, same_vocabulary, pretrained, tmp_path):
    checkpoint = None if start == "scratch" else tmp_path / "bert"
    model = start_model(start, config, checkpoint, same_vocabulary=same_vocabulary, label_smoothing=0.1)
    found = taken_over(model, pretrained) if start != "scratch" else set()
    for name, parameter in model.named_parameters():
        if not name.startswith("decoder.head."):
            assert (name in found) != is_new(name, start, same_vocabulary), name
        assert parameter.requires_grad
    head = {name for name in found if name.startswith("decoder.head.")}
    assert len(head) == {"scratch": 0, "bert2rnd": 0}.get(start, 5 if same_vocabulary else 4)
    assert model.label_smoothing == 0.1 and isinstance(model, BertForConditionalGeneration)


def test_the_decoder_may_come_from_another_checkpoint_and_without_a_head(pretrained, tmp_path):
    other = saved(tmp_path / "other", BertModel(ENCODER.replace(vocab_size=29), with_pooler=False))
    config = EncoderDecoderConfig(ENCODER, other.config, start_id=2, end_id=3, padding_id=0)
    model = start_model("bert2bert", config, tmp_path / "bert", tmp_path / "other")
    assert all(same(model.bert, pretrained.bert).values())
    assert all(same(model.decoder.embeddings, other.embeddings).values())
    assert all(same(model.decoder.layers, other.encoder.layers).values())
    assert model.decoder.head.bias.eq(0).all()


@pytest.mark.parametrize("config", [CONFIG, SHARED], ids=["apart", "shared"])
def test_a_whole_run_goes_on_with_all_of_its_weights(config, tmp_path):
    before = saved(tmp_path / "run", random_model(config))
    model = start_model("whole", config, tmp_path / "run", label_smoothing=0.1)
    found = same(model, before)
    assert all(found.values()) and found.keys() == dict(model.named_parameters()).keys()
    assert not any(is_new(name, "whole") for name in found)
    assert model.label_smoothing == 0.1 and all(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(InputError, match="does not fit BertForConditionalGeneration"):
        start_model("whole", EncoderDecoderConfig(DECODER, DECODER, 2, 3, 0), tmp_path / "run")


@pytest.mark.parametrize(("start", "config"), [("bert2rnd", CONFIG), ("bert2bert", BERT2BERT), ("share", SHARED)])
def test_of_a_run_the_other_starts_take_the_encoder_alone(start, config, tmp_path):
    before = saved(tmp_path / "run", random_model())
    model = start_model(start, config, tmp_path / "run")
    assert all(same(model.bert, before.bert).values())
    assert not any(same(model.decoder.head, before.decoder.head).values())
    if start != "bert2rnd":
        assert all(same(model.decoder.embeddings, before.bert.embeddings).values())


def test_what_cannot_start_is_refused(pretrained, tmp_path):
    bert, run = tmp_path / "bert", tmp_path / "run"
    save_checkpoint(run, random_model())
    cases = [
        (("bert2gpt", CONFIG, bert), "the start is 'bert2gpt'; one of scratch, bert2rnd, bert2bert, share, whole"),
        (("share", CONFIG, bert), "contradict each other"),
        (("bert2rnd", SHARED, bert), "contradict each other"),
        (("bert2rnd", CONFIG), "name one, or start from scratch"),
        (("bert2rnd", CONFIG, bert, bert), "takes no decoder from a checkpoint"),
        (("share", SHARED, bert, None, False), "needs one vocabulary"),
        (("whole", CONFIG, bert), "does not fit"),
        (("whole", CONFIG), "name one, or start from scratch"),
        (("bert2rnd", CONFIG, tmp_path / "none"), "none"),
        (("bert2bert", CONFIG, bert), "does not fit"),
        (("bert2rnd", EncoderDecoderConfig(DECODER, DECODER, 2, 3, 0), bert), "does not fit"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message) as error:
            start_model(*arguments)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("start", ["bert2rnd", "share"])
def test_weights_that_are_taken_over_learn_at_a_rate_of_their_own(start):
    model = random_model(SHARED if start == "share" else CONFIG)
    optimizer = make_optimizer("bert-adamw", model, 1e-3)
    before = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    slow_down(optimizer, model, lambda name: not is_new(name, start), 0.1)
    rate_of = {id(p): group["learning_rate_factor"] for group in optimizer.param_groups for p in group["params"]}
    decay_of = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay_of == before and sum(len(group["params"]) for group in optimizer.param_groups) == len(before)
    for name, parameter in model.named_parameters():
        assert rate_of[id(parameter)] == (0.1 if name.startswith("bert.") else 1.0)


def test_it_goes_with_learning_rates_by_layer():
    model = random_model()
    optimizer = make_optimizer("bert-adamw", model, 1e-3)
    decay_learning_rate_by_layer(optimizer, model, 0.5)
    slow_down(optimizer, model, lambda name: name.startswith("bert."), 0.1)
    rates = {id(p): group["learning_rate_factor"] for group in optimizer.param_groups for p in group["params"]}
    layer = model.bert.encoder.layers[0].feed_forward.output.weight
    assert rates[id(layer)] == pytest.approx(0.1 * 0.5**2) and rates[id(model.decoder.head.bias)] == 1.0
