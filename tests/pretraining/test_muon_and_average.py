"""``--optimizer muon`` and ``--average`` from text to a checkpoint: resumed, in parts, misused."""

import json
import re

import pytest
import torch

import train_pretrain
from bert.checkpoints.directory import load_checkpoint
from bert.heads.pretraining import BertForPreTraining
from tests.conftest import make_documents, weights_of

SMALL_RUN = [
    "--vocab-size", "90", "--max-steps", "6", "--schedule-to", "6", "--batch-size", "8", "--max-length", "24",
    "--learning-rate", "1e-2", "--warmup-steps", "1", "--report-every", "2", "--eval-every", "4", "--workers", "1",
    "--device", "cpu", "--dropout", "0.1", "--precision", "fp32", "--keep-checkpoints", "3", "--optimizer", "muon",
]  # fmt: skip


def pretrain(*arguments) -> int:
    return train_pretrain.main([str(argument) for argument in arguments])


def weights(run) -> dict[str, torch.Tensor]:
    return load_checkpoint(run, BertForPreTraining).state_dict()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A corpus, and a finished run on it with the average of three updates."""
    folder = tmp_path_factory.mktemp("finished")
    corpus = folder / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(30)), encoding="utf-8")
    assert pretrain("--corpus", corpus, *SMALL_RUN, "--average", 3, "--output", folder / "averaged") == 0
    return corpus, folder / "averaged"


def test_a_run_in_two_parts_is_the_whole_run_bit_for_bit(finished, tmp_path, capsys):
    corpus, whole = finished
    parts = tmp_path / "parts"
    assert pretrain("--corpus", corpus, *SMALL_RUN, "--average", 3, "--output", parts, "--max-steps", 3) == 0
    assert weights_of(parts) != weights_of(whole)
    assert pretrain("--resume", "--output", parts, "--max-steps", 6) == 0
    assert weights_of(parts) == weights_of(whole)
    printed = capsys.readouterr().out
    assert "Update: Muon for the matrices of the layers, BERT's AdamW for all else; weight decay 0.1." in printed
    assert "Mean:   of the weights over about 3 updates; it is evaluated and saved." in printed


def test_the_average_is_saved_and_training_knows_nothing_of_it(finished, tmp_path):
    corpus, averaged = finished
    assert pretrain("--corpus", corpus, *SMALL_RUN, "--output", tmp_path / "newest") == 0
    logs = [
        [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        for run in (averaged, tmp_path / "newest")
    ]
    losses, held_out = (
        [[line[name] for line in log if name in line] for log in logs]
        for name in ("masked_lm_loss", "heldout_masked_lm_loss")
    )
    assert losses[0] == losses[1]
    assert held_out[0] != held_out[1]
    first, second = averaged / "checkpoints", tmp_path / "newest" / "checkpoints"
    assert weights_of(first / "step-00000000") == weights_of(second / "step-00000000")
    assert weights_of(first / "step-00000006") == weights_of(averaged) != weights_of(tmp_path / "newest")


def test_parts_of_an_update_change_nothing_but_rounding(finished, tmp_path):
    """Processes and shards: tests/test_train_pretrain.py and tests/bert/training/test_sharding.py."""
    corpus, _ = finished
    arguments = ["--corpus", corpus, *SMALL_RUN, "--dropout", 0, "--average", 3]
    runs = {name: tmp_path / name for name in ("whole", "parts", "control")}
    assert pretrain(*arguments, "--output", runs["whole"]) == 0
    assert pretrain(*arguments, "--output", runs["parts"], "--accumulate", 4) == 0
    assert pretrain(*arguments, "--output", runs["control"], "--batch-size", 4) == 0
    expected = weights(runs["whole"])
    for name in ("parts", "control"):
        found = weights(runs[name])
        same = all(torch.allclose(weight, found[each], rtol=1e-3, atol=1e-4) for each, weight in expected.items())
        assert same == (name == "parts")


@pytest.mark.parametrize(("flags", "complaint"), [
    (["--average", "1"], "1 is not at least 2; leave the flag out to save the newest weights"),
    (["--resume", "--average", "5"], "--average 5 is not what .* was begun with \\(3\\), and cannot change on the way"),
    (["--resume", "--optimizer", "adamw"], "--optimizer adamw is not what .* was begun with \\(muon\\)"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(flags, complaint, finished, capsys):
    _, run = finished
    before = weights_of(run)
    assert pretrain("--output", run, *flags) == 2
    assert re.search(complaint, capsys.readouterr().err)
    assert weights_of(run) == before


@pytest.mark.parametrize("optimizer", ["bert-adamw", "muon"])
def test_a_weight_decay_shrinks_the_weights_and_the_run_says_so(optimizer, finished, tmp_path, capsys):
    corpus, _ = finished
    norms = {}
    for decay in (0.01, 5.0):
        run = tmp_path / str(decay)
        flags = ["--optimizer", optimizer, "--weight-decay", decay, "--output", run]
        assert pretrain("--corpus", corpus, *SMALL_RUN, *flags) == 0
        assert ("weight decay 5." in capsys.readouterr().out) == (decay == 5.0)
        assert ("weight_decay | 5.0" in (run / "README.md").read_text()) == (decay == 5.0)
        found = weights(run)
        norms[decay] = [
            found[name].norm() for name in found if name.endswith(("value.weight", "word_embeddings.weight"))
        ]
    assert all(small < large for small, large in zip(norms[5.0], norms[0.01], strict=True))
