"""``train_finetune.py --optimizer muon``: resumed with a learning rate for each layer; refused beside adapters."""

import shutil

import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from tests.conftest import WORDS, weights_of
from tests.finetuning.test_adapting import SPECIAL
from tests.test_train_finetune import CONFIG, SMALL_RUN, error_of, finetune, make_rows, write_tsv


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The flags of a run of four updates."""
    folder = tmp_path_factory.mktemp("muon")
    torch.manual_seed(5)
    save_checkpoint(folder / "checkpoint", BertForPreTraining(CONFIG), WordPieceTokenizer([*SPECIAL, *WORDS]))
    write_tsv(folder / "train.tsv", make_rows(60, 1))
    write_tsv(folder / "dev.tsv", make_rows(20, 2))
    files = ["--checkpoint", folder / "checkpoint", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]
    return [*files, *SMALL_RUN, "--max-steps", 4, "--checkpoint-every", 2, "--optimizer", "muon"]


def test_a_resumed_run_with_a_rate_for_each_layer_is_the_one_that_never_stopped(given, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(state, "KEPT", 9)
    for decay in (0.5, 1):
        run = tmp_path / str(decay)
        assert finetune(*given, "--layer-decay", decay, "--output", run) == 0
        before = weights_of(run)
        for newest in (run / "training_state").glob("step-00000004*"):
            shutil.rmtree(newest)
        assert finetune("--output", run, "--resume") == 0
        assert "from step 2" in capsys.readouterr().out
        assert weights_of(run) == before
    assert weights_of(tmp_path / "0.5") != before  # the control


def test_beside_adapters_it_has_nothing_to_do_and_is_refused(given, tmp_path, capsys):
    message = error_of(capsys, *given, "--adapt", "lora", "--output", tmp_path / "run")
    assert "--optimizer muon: it updates the matrices of the encoder's layers, and this run trains none" in message
    assert not list((tmp_path / "run").glob("*.json"))
