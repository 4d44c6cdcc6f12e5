"""A run's model by its directory: an adapter finds its body, and says so if it does not."""

import json

import pytest
import torch

from bert.adaptation.adapt import adapt, merge
from bert.adaptation.bitfit import BitFit, HeadAlone
from bert.adaptation.files import read_adapter, save_adapter
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.loading import load_model, source_of
from bert.adaptation.lora import Lora
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import load_checkpoint, load_config, save_checkpoint
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from tests.bert.adaptation.runs import TOKENIZER, write_body, write_run
from tests.bert.generation.models import CONFIG, SHARED, random_model

INPUTS = torch.tensor([[2, 9, 12, 7, 3]])


@pytest.fixture
def body(tmp_path):
    return write_body(tmp_path / "body")


@torch.no_grad()
@pytest.mark.parametrize(
    "method", [Lora(3), Houlsby(4), Pfeiffer(4), Prefix(5), IA3(), BitFit(), HeadAlone()], ids=lambda each: each.name
)
@pytest.mark.parametrize("head", [BertForSequenceClassification, BertForTokenClassification])
def test_the_encoder_of_a_run_is_the_one_below_its_head(body, tmp_path, method, head):
    run = write_run(tmp_path / "run", body, method, head)
    whole, encoder = load_model(run, head).bert(INPUTS), source_of(run).load_encoder()(INPUTS)
    assert encoder.last_hidden_state.equal(whole.last_hidden_state)
    plain = load_checkpoint(body, BertModel)(INPUTS)
    assert encoder.last_hidden_state.equal(plain.last_hidden_state) == (method == HeadAlone())


@torch.no_grad()
def test_a_head_that_reads_means_leaves_the_pooler_out(body, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3), pool="mean")
    whole, encoder = load_model(run, BertForSequenceClassification), source_of(run).load_encoder()
    assert whole.pool == "mean"
    assert encoder.pooler is None
    assert encoder(INPUTS).last_hidden_state.equal(whole.bert(INPUTS).last_hidden_state)


@torch.no_grad()
@pytest.mark.parametrize("config", [CONFIG, SHARED], ids=["two", "shared"])
def test_the_encoder_of_a_generation_run_is_the_one_beside_its_decoder(config, tmp_path):
    model = random_model(config)
    save_checkpoint(tmp_path, model)
    source = source_of(tmp_path)
    assert source.load_encoder()(INPUTS).last_hidden_state.equal(model.bert(INPUTS).last_hidden_state)
    assert source.config() == config.encoder and not source.load_encoder().training


def test_a_whole_checkpoint_is_loaded_as_it_is(body):
    model = load_model(body, BertForPreTraining)
    expected = load_checkpoint(body, BertForPreTraining)
    assert all(one.equal(other) for one, other in zip(model.parameters(), expected.parameters(), strict=True))
    assert source_of(body).body == body


def test_the_body_is_where_the_run_says_seen_from_the_working_folder(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", body, Lora(3))
    config = json.loads((run / "adapter_config.json").read_text())
    (run / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "body"}))
    assert load_model("run", BertForSequenceClassification).labels == ("bad", "fair", "good")
    monkeypatch.chdir(run)
    with pytest.raises(InputError) as caught:
        source_of(".")
    assert str(caught.value) == (
        f".: its body is body, and there is no such directory (seen from {run}); name the body: python -m bert predict "
        f"BODY FILE --adapter ., or python -m bert merge . OUT --body BODY"
    )
    assert source_of(".", body).body == body


@pytest.mark.parametrize(("named", "sentence"), [(None, "names no body"), (7, "is 7; a text was expected")])
def test_a_body_without_a_name_is_one_sentence(body, tmp_path, named, sentence):
    run = write_run(tmp_path / "run", body, Lora(3))
    config = json.loads((run / "adapter_config.json").read_text())
    (run / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": named}))
    with pytest.raises(InputError, match=sentence):
        source_of(run)


def test_another_body_is_refused(body, tmp_path):
    run, other = write_run(tmp_path / "run", body, Lora(3)), write_body(tmp_path / "other", seed=12)
    for load in (lambda source: source.load(BertForSequenceClassification), lambda source: source.load_encoder()):
        with pytest.raises(InputError, match="was trained on another body"):
            load(source_of(run, other))


def test_the_head_of_another_class_is_refused_before_the_body_is_read(body, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3))
    (body / "model.safetensors").unlink()
    with pytest.raises(
        InputError, match=r"adapter of a BertForSequenceClassification, and BertForTokenClass.* was exp"
    ):
        load_model(run, BertForTokenClassification)


def test_a_pooler_that_was_trained_is_not_asked_of_the_body(tmp_path):
    torch.manual_seed(3)
    config = load_config(write_body(tmp_path / "with"))
    save_checkpoint(tmp_path / "body", BertModel(config, with_pooler=False), TOKENIZER)
    model = load_checkpoint(tmp_path / "body", BertForSequenceClassification, ["classifier", "bert.pooler"])
    adapt(model, Lora(3), also=["bert.pooler"])
    save_adapter(tmp_path / "run", model.eval(), str(tmp_path / "body"))
    loaded = load_model(tmp_path / "run", BertForSequenceClassification)
    assert loaded(INPUTS).logits.equal(model(INPUTS).logits)
    assert source_of(tmp_path / "run").load_encoder()(INPUTS).pooler_output.equal(model.bert(INPUTS).pooler_output)


def test_a_prefix_that_shifts_positions_leaves_fewer_of_them(body, tmp_path):
    run = write_run(tmp_path / "run", body, Prefix(5, shift_positions=True))
    assert source_of(run).config().max_position_embeddings == 29 - 5
    assert source_of(write_run(tmp_path / "other", body, Prefix(5))).config().max_position_embeddings == 29


def test_an_adapter_without_a_vocabulary_has_its_bodys(body, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3))
    (run / "tokenizer.json").unlink()  # which counts before vocab.txt
    (run / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nown\n")
    assert source_of(run).tokenizer().vocab_size == 6
    (run / "vocab.txt").unlink()
    assert source_of(run).tokenizer().vocab_size == TOKENIZER.vocab_size


def test_an_adapter_is_no_checkpoint_and_the_remedy_is_to_merge_it(body, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3))
    with pytest.raises(InputError, match=r"adapter without its body.*: python -m bert merge .*run OUT$"):
        load_checkpoint(run, BertModel)


def test_a_checkpoint_is_no_adapter(body):
    with pytest.raises(InputError, match=r"holds no adapter_config\.json"):
        source_of(body, body)


def test_a_source_is_its_own_source(body, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3))
    source = source_of(run)
    assert source_of(source) is source
    assert source.labels(BertForSequenceClassification) == ("bad", "fair", "good")
    assert source.labels(BertForTokenClassification) is None
    assert [path.name for path in source.files()] == ["adapter_model.safetensors", "adapter_config.json"]
    assert merge(source.load(BertForSequenceClassification)).adaptation.method == read_adapter(run).method
