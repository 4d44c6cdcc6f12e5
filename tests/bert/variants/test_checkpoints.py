"""A checkpoint says which variant it is. What reads it builds that model, or refuses it in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import train_finetune
from bert.__main__ import main
from bert.adaptation.adapt import adapt, merge
from bert.adaptation.bitfit import BitFit
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL as MATRICES
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.google.write import save_google_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands.attention import attention_weights
from bert.commands.embed import recipe_of
from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pooling import mean_states
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.quantization.model import quantize
from bert.variants.build import variant_of
from tests.bert.variants.models import ALL, EACH, checkpoint_of, config_of, model_of, padded_batch

LABELS = ("no", "yes")


def classifier_of(config: BertConfig) -> BertForSequenceClassification:
    return BertForSequenceClassification(config, labels=LABELS)


@pytest.mark.parametrize("variant", EACH)
def test_a_model_is_saved_and_loaded_with_any_head(variant, tmp_path):
    model, (ids, mask) = model_of(variant, BertForPreTraining), padded_batch()
    save_checkpoint(tmp_path / "whole", model)
    config = json.loads((tmp_path / "whole/config.json").read_text())
    assert (config["model_type"], config["variant"]) == ("bert-variant", variant)
    card = (tmp_path / "whole/README.md").read_text()
    assert f"It is a variant of BERT ({variant})." in card
    assert "With transformers" not in card and "library_name" not in card
    assert ("It fills in blanks" in card) == ("left-to-right" not in variant)
    loaded = load_checkpoint(tmp_path / "whole", BertForPreTraining)
    expected = model(ids, attention_mask=mask)
    torch.testing.assert_close(loaded(ids, attention_mask=mask).prediction_logits, expected.prediction_logits)
    assert variant_of(loaded) == variant

    body = load_checkpoint(tmp_path / "whole", BertModel)
    save_checkpoint(tmp_path / "body", body)
    assert json.loads((tmp_path / "body/config.json").read_text())["architectures"] == ["BertModel"]
    again = load_checkpoint(tmp_path / "body", BertModel)
    torch.testing.assert_close(again(ids, attention_mask=mask).pooler_output, expected.encoder.pooler_output)

    tuned = load_checkpoint(tmp_path / "body", BertForSequenceClassification, fresh=["classifier"], labels=LABELS)
    torch.testing.assert_close(
        tuned.bert(ids, attention_mask=mask).last_hidden_state, expected.encoder.last_hidden_state
    )
    assert variant_of(tuned) == variant


def test_a_file_says_what_the_model_computes_and_a_plain_one_says_nothing(tmp_path):
    save_checkpoint(tmp_path / "plain", BertModel(config_of("")))
    config = json.loads((tmp_path / "plain/config.json").read_text())
    assert config["model_type"] == "bert"
    assert "variant" not in config
    assert "With transformers" in (tmp_path / "plain/README.md").read_text()
    save_checkpoint(tmp_path / "asked", BertModel(config_of("rotary")))  # which nobody made a variant
    assert "variant" not in json.loads((tmp_path / "asked/config.json").read_text())
    load_checkpoint(tmp_path / "asked", BertModel)


def test_a_configuration_whose_type_and_variant_contradict_each_other_is_refused(tmp_path):
    run = Path(checkpoint_of(tmp_path / "run", "gated"))
    config = json.loads((run / "config.json").read_text())
    for changes, expected in (
        ({"model_type": "bert"}, "model_type is 'bert', which is not a BERT encoder; expected 'bert-variant'"),
        ({"variant": ""}, "model_type is 'bert-variant', which is not a BERT encoder; expected 'bert'"),
        ({"variant": "alibi"}, "config.json: variant has 'alibi'; of pre-norm, rotary"),
        ({"variant": "rms-norm"}, "weights unexpected: .*layer_norm.bias.*of another shape: .*feed_forward"),
    ):
        (run / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(InputError, match=expected):
            load_checkpoint(run, BertForPreTraining)


@pytest.mark.peers
def test_transformers_does_not_take_a_variant_for_a_bert(tmp_path):
    import transformers

    run = checkpoint_of(tmp_path / "run", "left-to-right")
    for load in (transformers.AutoModel, transformers.AutoConfig, transformers.AutoModelForMaskedLM):
        with pytest.raises(ValueError, match="bert-variant"):
            load.from_pretrained(run)
    by_name, (ids, mask) = transformers.BertModel.from_pretrained(run), padded_batch()  # it only warns
    ours = load_checkpoint(run, BertModel)
    found = by_name.eval()(ids, attention_mask=mask).last_hidden_state
    assert not found[mask > 0].allclose(ours(ids, attention_mask=mask).last_hidden_state[mask > 0], atol=0.1)
    transformers.AutoModel.from_pretrained(checkpoint_of(tmp_path / "plain", ""))  # the control


# ---- what works ----


@pytest.mark.parametrize("method", [Lora(3, targets=MATRICES), IA3(), BitFit(), Houlsby(5), Prefix(4), Pfeiffer(5)])
@pytest.mark.parametrize("variant", ["gated", ALL])
def test_an_adapter_starts_as_the_body_trains_and_merges_or_is_refused(method, variant):
    model, (ids, mask) = model_of(variant, classifier_of), padded_batch()
    before = model(ids, attention_mask=mask).logits
    if variant == ALL and method.name in ("prefix", "pfeiffer"):
        names = {name: weight.clone() for name, weight in model.state_dict().items()}
        with pytest.raises(InputError, match="use another way to adapt it"):
            adapt(model, method)
        assert names.keys() == model.state_dict().keys()
        assert all(weight.requires_grad for weight in model.parameters())
        return
    adapt(model, method)
    if method.name in ("lora", "ia3", "bitfit"):
        torch.testing.assert_close(model(ids, attention_mask=mask).logits, before)
    model(ids, attention_mask=mask).logits.square().sum().backward()
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert trained == {name for name, weight in model.named_parameters() if weight.requires_grad}
    if method.merges:
        expected = model(ids, attention_mask=mask).logits
        merge(model)
        torch.testing.assert_close(model(ids, attention_mask=mask).logits, expected)


def test_in_8_bits_it_gives_nearly_the_same_vectors():
    bert, (ids, mask) = model_of(ALL), padded_batch()
    expected = bert(ids, attention_mask=mask).last_hidden_state
    found = quantize(bert)(ids, attention_mask=mask).last_hidden_state
    cosines = torch.cosine_similarity(found[mask > 0], expected[mask > 0])
    assert 0.97 < cosines.min() < 1


def test_a_trace_shows_the_code_of_the_variant(tmp_path, capsys):
    assert main(["trace", checkpoint_of(tmp_path / "run", ALL), "the cat sat"]) == 0
    said = capsys.readouterr().out
    for name in ("pre_norm", "rotary", "gated", "rms_norm", "left_to_right"):
        assert f"bert/variants/{name}.py:" in said


def test_attention_embeddings_and_fillings_are_those_of_the_variant(tmp_path, capsys):
    run = checkpoint_of(tmp_path / "run", "pre-norm,rotary,gated,rms-norm")
    assert main(["fill-mask", run, "the [MASK] sat"]) == 0
    assert "[MASK] 1:" in capsys.readouterr().out
    texts = tmp_path / "texts.txt"
    texts.write_text("the cat\na b c\n")
    assert main(["embed", run, str(texts), str(tmp_path / "vectors.npy")]) == 0
    model, tokenizer = load_checkpoint(run, BertModel), load_tokenizer(run)
    batch = tokenizer.batch(["the cat", "a b c"])
    expected = mean_states(model(**batch).last_hidden_state, batch["input_ids"], batch["attention_mask"], None)
    torch.testing.assert_close(torch.from_numpy(np.load(tmp_path / "vectors.npy")), expected, rtol=1e-4, atol=1e-4)
    weights = attention_weights(model, tokenizer, "the cat sat").weights
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 3, 5))


# ---- what is refused ----


def error_of(capsys, *arguments) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("variant", ["rotary", "left-to-right"])
def test_what_computes_the_papers_model_alone_refuses_it(variant, tmp_path, capsys):
    run, out = checkpoint_of(tmp_path / "run", variant), tmp_path / "out"
    expected = f"variant of BERT ({variant})"
    assert expected in error_of(capsys, "explore", run, "-o", out)
    assert expected in error_of(capsys, "export", run, out, "--format", "torch")
    assert expected in error_of(capsys, "selftest", run)
    with pytest.raises(InputError, match=f"Google's code has the paper's model.*{variant}"):
        save_google_checkpoint(out, load_checkpoint(run, BertForPreTraining), load_tokenizer(run))
    assert not out.exists()
    with pytest.raises(InputError, match=f"a decoder is written for the paper's model.*{variant}"):
        EncoderDecoderConfig(config_of(variant), config_of(""), 2, 3, 0)


def test_a_left_to_right_model_fills_no_blanks_and_its_first_token_is_no_vector(tmp_path, capsys):
    run = checkpoint_of(tmp_path / "run", "left-to-right")
    assert "fills no blanks: it sees nothing of what comes after one" in error_of(capsys, "fill-mask", run, "[MASK]")
    recipe = recipe_of(run, {}, "cls")
    with pytest.raises(InputError, match=r"its \[CLS\] has seen no text; use --pooling mean"):
        recipe.load(recipe.reading("texts.txt").options)


@pytest.mark.parametrize("problem", ["similarity", "summary", "relations"])
def test_a_task_that_reads_a_token_before_its_text_is_refused_from_left_to_right(problem, tmp_path, capsys):
    run = checkpoint_of(tmp_path / "run", "left-to-right", type_vocab_size=2)
    file = {"similarity": "pairs.tsv", "summary": "texts.jsonl", "relations": "marked.txt"}[problem]
    rows = {
        "similarity": "text\ttext_pair\tlabel\n" + "the cat\ta b\t1\nthe a\tb c\t0\n" * 8,
        "summary": '{"sentences": ["the cat.", "a b.", "c d."], "summary": [0]}\n' * 12,
        "relations": "".join(f'1\t"the <e1>cat</e1> sat <e2>a</e2>"\n{name}\nComment:\n\n' for name in "XY" * 6),
    }
    (tmp_path / file).write_text(rows[problem])
    flags = ["--problem", problem, "--train", tmp_path / file, "--dev", tmp_path / file, "--checkpoint", run]
    flags += ["--output", tmp_path / "out", "--max-length", 16, "--device", "cpu"] + (
        ["--pool", "cls"] if problem == "similarity" else []
    )
    assert train_finetune.main([str(flag) for flag in flags]) == 2
    assert "this task reads tokens that stand before their text" in capsys.readouterr().err
