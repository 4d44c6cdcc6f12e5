"""What we write is what we read; TensorFlow reads it in ``test_with_tensorflow.py``."""

import json

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.google.bundle import Bundle
from bert.checkpoints.google.write import save_google_checkpoint, write_bundle
from bert.checkpoints.vocabulary import load_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.checkpoints.google.frozen_files import BERT, recorded
from tests.conftest import dies_after

CONFIG = BertConfig(29, 10, 2, 2, 14, max_position_embeddings=17)
TOKENIZER = WordPieceTokenizer((BERT.parent / "vocab.txt").read_text().split())


@pytest.mark.parametrize(("model_class", "labels"), [
    (BertModel, {}), (BertForPreTraining, {}), (BertForSequenceClassification, {"labels": ("no", "yes", "?")}),
    (BertForQuestionAnswering, {}),
])  # fmt: skip
def test_a_model_comes_back_with_its_labels_and_its_tokenizer(tmp_path, model_class, labels, recwarn):
    model = model_class(CONFIG, **labels)
    save_google_checkpoint(tmp_path, model, TOKENIZER)
    again = load_checkpoint(tmp_path, model_class)
    assert again.config == CONFIG
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(weight.equal(again.state_dict()[name]) for name, weight in model.state_dict().items())
    assert getattr(again, "labels", ()) == labels.get("labels", getattr(model, "labels", ()))
    assert load_tokenizer(tmp_path).fingerprint == TOKENIZER.fingerprint
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert settings["model_max_length"] == CONFIG.max_position_embeddings  # other programs cut texts there
    assert not recwarn


def test_the_variables_are_those_of_google_s_own_file(tmp_path):
    """Tied weights once; kernels (input, output)."""
    save_google_checkpoint(tmp_path, load_checkpoint(BERT.parent, BertForPreTraining), TOKENIZER)
    bundle, expected = Bundle(tmp_path / "bert_model.ckpt"), recorded(BERT)
    assert bundle.entries.keys() == expected.keys() - {"global_step", "signal_early_stopping/STOP"}
    assert all(bundle.read(name).equal(torch.from_numpy(expected[name])) for name in bundle.entries)
    theirs = json.loads((BERT.parent / "bert_config.json").read_text())
    assert theirs.items() <= json.loads((tmp_path / "bert_config.json").read_text()).items()


def test_every_format_of_numbers_comes_back(tmp_path):
    formats = (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool)
    values = {str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in formats} | {"scalar": torch.tensor(2.5)}
    write_bundle(tmp_path / "x.ckpt", values)
    bundle = Bundle(tmp_path / "x.ckpt")
    assert all(bundle.read(name).equal(value) and bundle.dtype(name) == value.dtype for name, value in values.items())


@pytest.mark.parametrize(("model", "message"), [
    (BertForTokenClassification(CONFIG, labels=("O", "B")), "has no BertForTokenClassification; it has"),
    (BertForSequenceClassification(CONFIG, pool="mean"), "has no BertForSequenceClassification over a mean of tokens"),
])  # fmt: skip
def test_a_model_that_google_s_code_lacks_is_refused(tmp_path, model, message):
    with pytest.raises(InputError, match=message):
        save_google_checkpoint(tmp_path / "out", model, TOKENIZER)
    assert not (tmp_path / "out").exists()


def test_weights_and_vocabularies_that_google_s_code_lacks_are_refused(tmp_path):
    model = BertModel(CONFIG)
    model.pooler.register_parameter("lora", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(InputError, match=r"no place for the weight pooler\.lora; if it is an adapter's"):
        save_google_checkpoint(tmp_path / "out", model, TOKENIZER)
    untied = BertForPreTraining(CONFIG.replace(tie_word_embeddings=False))
    with pytest.raises(InputError, match=r"no place for the weight masked_language_model\.\w+"):
        save_google_checkpoint(tmp_path / "out", untied, TOKENIZER)
    with pytest.raises(InputError, match="has a SentencePiece vocabulary"):
        save_google_checkpoint(tmp_path / "out", model, object.__new__(SentencePieceTokenizer))
    assert not (tmp_path / "out").exists()


def test_what_google_s_code_would_compute_otherwise_is_said(tmp_path):
    model = BertModel(CONFIG.replace(hidden_act="gelu_new", layer_norm_eps=1e-6))
    tokenizer = WordPieceTokenizer(TOKENIZER.vocabulary, strip_accents=False)
    with pytest.warns(
        UserWarning, match="does not know the activation gelu_new; LayerNorm's epsilon 1e-06; texts whose"
    ):
        save_google_checkpoint(tmp_path, model, tokenizer)


def test_a_crash_at_any_instant_leaves_whole_variables_or_none(tmp_path, monkeypatch):
    old, new = ({"w": torch.full((2, 3), value)} for value in (1.0, 2.0))
    for changes in range(12):
        prefix = tmp_path / str(changes) / "x.ckpt"
        write_bundle(prefix, old)
        died = dies_after(changes, monkeypatch, lambda: write_bundle(prefix, new))  # noqa: B023
        try:
            found = Bundle(prefix).read("w")
        except InputError:
            assert died
        else:
            assert found.equal(old["w"]) or found.equal(new["w"])
        if not died:
            break
    assert changes >= 3
    assert found.equal(new["w"])
