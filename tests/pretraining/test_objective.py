"""``--objective next-token``: left to right while it is so, and bidirectional when a resumed run masks tokens."""

import json
import math

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.pretraining import BertForPreTraining
from bert.training.reporting import read_log
from bert.variants.build import variant_of
from data.corpus.tokenized import open_corpus
from data.pretraining.batches import evaluation_batches
from pretraining.settings import read_settings
from tests.conftest import make_documents, weights_of
from tests.processes import run_in_processes
from tests.test_train_pretrain import SMALL_RUN, error_of, pretrain

FLAGS = [
    *SMALL_RUN[:-2], "--dropout", "0", "--objective", "next-token", "--no-nsp", "--schedule-to", "6", "--precision",
    "fp32", "--eval-examples", "5",
]  # fmt: skip


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    corpus = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(60)) + "\n", encoding="utf-8")
    return [*FLAGS, "--corpus", corpus]


@pytest.fixture(scope="module")
def whole(flags, tmp_path_factory):
    """A run of six updates."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert pretrain(*flags, "--output", run) == 0
    return run


def test_a_run_is_resumed_bit_for_bit_and_says_that_it_reads_from_left_to_right(flags, whole, tmp_path, capsys):
    run = tmp_path / "run"
    assert pretrain(*flags, "--max-steps", 4, "--output", run) == 0
    assert "Task:   each token predicts the next one, from left to right." in capsys.readouterr().out
    before = weights_of(run)
    assert pretrain("--resume", "--output", run, "--max-steps", 6) == 0
    assert weights_of(run) == weights_of(whole) != before
    assert f"train_finetune.py --checkpoint {run} --output" in capsys.readouterr().out
    config = json.loads((run / "config.json").read_text())
    assert (config["model_type"], config["variant"]) == ("bert-variant", "left-to-right")
    assert "pretrained with next-token prediction on corpus.txt" in (run / "README.md").read_text()


def test_its_loss_has_a_name_of_its_own_and_is_the_mean_over_all_next_tokens(whole):
    """The oracle reads each beginning of each held-out example by itself, so that nothing later can be seen."""
    log = read_log(whole / "log.jsonl")
    assert not any("masked" in name or "masking" in name for line in log for name in line)
    found = next(line["heldout_next_token_loss"] for line in reversed(log) if "heldout_next_token_loss" in line)
    model, tokenizer, losses = load_checkpoint(whole, BertForPreTraining), load_tokenizer(whole), []
    corpus = open_corpus(whole / "shards")
    for batch in evaluation_batches(corpus, tokenizer, 1, 24, nsp=False, max_examples=5):
        ids = batch.input_ids.index_copy(0, batch.selected, batch.labels["masked_labels"])
        for end in range(1, len(ids)):
            with torch.no_grad():
                scores = model(ids[None, :end]).prediction_logits[0, -1]
            losses.append(-scores.log_softmax(-1)[ids[end]].item())
    assert found == pytest.approx(sum(losses) / len(losses), abs=1e-4)
    by_frequency = next(line["unigram_next_token_loss"] for line in log if "unigram_next_token_loss" in line)
    assert 1 < by_frequency < math.log(90)


def test_two_processes_that_accumulate_train_the_same(flags, whole, tmp_path):
    run_in_processes("train_pretrain", [*flags, "--accumulate", 2, "--output", tmp_path / "run"], 2)
    ours, theirs = (load_checkpoint(each, BertForPreTraining).state_dict() for each in (tmp_path / "run", whole))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    last = [read_log(run / "log.jsonl")[-2]["heldout_next_token_loss"] for run in (tmp_path / "run", whole)]
    assert last[0] == pytest.approx(last[1], abs=1e-5)


def test_causal_first_and_then_masked(flags, tmp_path, capsys):
    """Gisserot-Boukhlef et al. 2025, arXiv 2507.00994."""
    run, rate = tmp_path / "run", ["--masking-rate", "0.9:0.3", "--whole-word-masking"]
    assert pretrain(*flags, *rate, "--max-steps", 4, "--output", run) == 0
    masks = "90% of the tokens, falling to 30% at the schedule's end; whole words.\n"
    said = capsys.readouterr().out
    assert f"from left to right.\nMasks:  none, until --resume --objective masked. Then: {masks}" in said
    assert "masking_rate" not in (card := (run / "README.md").read_text()) and "whole_word" not in card
    assert "Guessing: next pieces by their frequency." in card
    assert variant_of(load_checkpoint(run, BertForPreTraining)) == "left-to-right"
    assert pretrain("--resume", "--output", run, "--max-steps", 6, "--objective", "masked") == 0
    said = capsys.readouterr().out
    assert f"\nMasks:  {masks}" in said
    assert "Guessing the masked pieces by their frequency alone" in said
    assert "left to right" not in said
    config, weights = json.loads((run / "config.json").read_text()), weights_of(run)
    assert (config["model_type"], "variant" in config) == ("bert", False)
    assert variant_of(load_checkpoint(run, BertForPreTraining)) == ""
    log = read_log(run / "log.jsonl")
    assert [line["step"] for line in log if "heldout_next_token_loss" in line] == [4]
    assert [line["step"] for line in log if "heldout_masked_lm_loss" in line] == [6]
    assert [line["step"] for line in log if "unigram_masked_lm_loss" in line] == [4]
    assert [line["masking_rate"] for line in log if "masking_rate" in line] == pytest.approx([0.4])  # of update 6
    assert "masking_rate | 0.9:0.3" in (card := (run / "README.md").read_text())
    assert "next_token" not in card
    assert pretrain("--resume", "--output", run, "--max-steps", 6) == 0  # it stays so without the flag
    assert (json.loads((run / "config.json").read_text()), weights_of(run)) == (config, weights)


def test_it_needs_a_run_without_next_sentence_prediction(capsys):
    expected = "--objective next-token: next-sentence prediction reads the whole pair"
    assert expected in error_of(capsys, "--objective", "next-token", "--output", "nowhere")
    assert read_settings(["--objective", "next-token", "--no-nsp", "--output", "nowhere"]).predicts_next
    assert not read_settings(["--output", "nowhere"]).predicts_next
