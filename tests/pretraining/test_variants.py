"""``--variant``: another model than the paper's, trained, resumed and fine-tuned as it is."""

import json

import pytest

import train_finetune
from bert.__main__ import main as bert
from bert.checkpoints.directory import load_checkpoint
from bert.heads.pretraining import BertForPreTraining
from bert.training.state_reading import newest_state
from bert.variants.build import variant_of
from pretraining.settings import read_settings
from tests.conftest import make_documents, weights_of
from tests.test_train_pretrain import SMALL_RUN, error_of, pretrain

VARIANT = "pre-norm,rotary,gated,rms-norm"
OTHER_ORDER = "rms-norm,rotary,pre-norm,gated"
RUN = [*SMALL_RUN, "--precision", "fp32", "--schedule-to", "6"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of six updates; and a run of four that is to be resumed."""
    directory = tmp_path_factory.mktemp("runs")
    corpus = directory / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(60)) + "\n", encoding="utf-8")
    flags = [*RUN, "--corpus", corpus, "--variant", OTHER_ORDER]
    assert pretrain(*flags, "--output", directory / "whole") == 0
    assert pretrain(*flags, "--output", directory / "stopped", "--max-steps", 4) == 0
    return directory


def test_it_is_resumed_bit_for_bit_and_says_what_it_is(runs, capsys):
    before = weights_of(runs / "stopped")
    assert pretrain("--output", runs / "stopped", "--resume", "--max-steps", 6, "--variant", VARIANT) == 0
    assert weights_of(runs / "stopped") == weights_of(runs / "whole") != before
    assert "parameters, pre-norm, rotary, gated, rms-norm.\n" in capsys.readouterr().out
    config = json.loads((runs / "whole/config.json").read_text())
    assert (config["model_type"], config["variant"]) == ("bert-variant", VARIANT)
    assert newest_state(runs / "whole/training_state")[1]["config"]["variant"] == VARIANT
    assert variant_of(load_checkpoint(runs / "whole", BertForPreTraining)) == VARIANT
    other = ["--resume", "--output", runs / "whole", "--variant", "rotary"]
    assert "--variant rotary is not what" in error_of(capsys, *other)


def test_a_run_goes_on_from_it_with_new_pieces_as_the_variant_that_it_is(runs, tmp_path, capsys):
    flags = ["--checkpoint", runs / "whole", "--corpus", runs / "corpus.txt", "--output", tmp_path / "run"]
    limits = ["--max-steps", 2, "--max-length", 24, "--batch-size", 8, "--workers", 1, "--device", "cpu"]
    assert "--variant: a run with --checkpoint has the checkpoint's" in error_of(capsys, *flags, "--variant", "gated")
    assert pretrain(*flags, *limits, "--add-pieces", 5) == 0
    model = load_checkpoint(tmp_path / "run", BertForPreTraining)
    assert (variant_of(model), model.config.variant) == (VARIANT, VARIANT)


def test_it_is_fine_tuned_also_from_random_weights_and_predicts(runs, tmp_path, capsys):
    table = tmp_path / "train.tsv"
    rows = ["\t".join(("the old river sings", "good")), "\t".join(("a bright stone falls", "bad"))] * 8
    table.write_text("\n".join(["text\tlabel", *rows]) + "\n")
    flags = ["--checkpoint", runs / "whole", "--train", table, "--dev", table, "--max-length", 16, "--epochs", 1]
    flags += ["--device", "cpu", "--precision", "fp32", "--output", tmp_path / "run"]
    assert train_finetune.main([str(flag) for flag in flags]) == 0
    assert json.loads((tmp_path / "run/config.json").read_text())["variant"] == VARIANT
    assert bert(["predict", str(tmp_path / "run"), str(table)]) == 0
    assert bert(["fill-mask", str(runs / "whole"), "the [MASK] river"]) == 0


def test_what_it_cannot_be_together_with_is_refused(capsys):
    expected = "--sinusoidal-start: a model with rotary positions (--variant rotary) has no position embeddings"
    assert expected in error_of(capsys, "--variant", "rotary", "--sinusoidal-start", "--output", "nowhere")
    assert not read_settings(["--variant", "rotary", "--output", "nowhere"]).sinusoidal_start
    assert read_settings(["--variant", "gated", "--output", "nowhere"]).sinusoidal_start  # the recipe of tiny
    assert "variant has 'alibi'; of pre-norm, rotary, gated" in error_of(capsys, "--variant", "alibi")
    assert "--plan reckons with the paper's model" in error_of(capsys, "--variant", "gated", "--plan")
