"""Both scripts: a small run writes the losses that were recorded when the code was reviewed.

A change of meaning anywhere from the text to the log gives other numbers: the vocabulary, pairs, masks, dropout, the
model, the optimizer, the schedule, the evaluation. If the change is meant, put in the numbers that the test shows.
"""

import pytest
import torch

import train_finetune
import train_pretrain
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.reporting import read_log
from tests.conftest import WORDS, make_documents
from tests.recorded import draw_alike

ON_CPU = ["--device", "cpu", "--precision", "fp32", "--seed", "3"]
PRETRAINING = [
    "--vocab-size", "150", "--max-steps", "20", "--batch-size", "8", "--accumulate", "2", "--max-length", "32",
    "--learning-rate", "3e-3", "--report-every", "10", "--eval-every", "15", "--checkpoint-every", "100",
    "--workers", "1", "--optimizer", "bert-adamw", "--masking-rate", "0.15", *ON_CPU,
]  # fmt: skip
FINETUNING = [
    "--epochs", "3", "--batch-size", "8", "--max-length", "9", "--learning-rate", "2e-3", "--report-every", "6",
    *ON_CPU,
]  # fmt: skip
PAIRS = {
    "unigram_masked_lm_loss at 0": 3.367122,
    "masked_lm_loss at 10": 4.201682,
    "next_sentence_loss at 10": 0.8585461,
    "learning_rate at 10": 0.00165,
    "heldout_masked_lm_loss at 15": 3.767412,
    "heldout_next_sentence_loss at 15": 1.006313,
    "masked_lm_loss at 20": 3.698274,
    "next_sentence_loss at 20": 0.7156315,
    "learning_rate at 20": 0.00015,
    "heldout_masked_lm_loss at 20": 3.617962,
    "heldout_next_sentence_loss at 20": 0.7146888,
}
SINGLE = {
    "unigram_masked_lm_loss at 0": 3.43947,
    "masked_lm_loss at 10": 4.137755,
    "learning_rate at 10": 0.00165,
    "heldout_masked_lm_loss at 15": 3.710525,
    "masked_lm_loss at 20": 3.583494,
    "learning_rate at 20": 0.00015,
    "heldout_masked_lm_loss at 20": 3.578415,
}
FINE_TUNED = {
    "classification_loss at 6": 0.66692,
    "learning_rate at 6": 0.001722222,
    "classification_loss at 12": 0.6218189,
    "learning_rate at 12": 0.001388889,
    "heldout_classification_loss at 12": 0.7761012,
    "classification_loss at 18": 0.7398478,
    "learning_rate at 18": 0.001055556,
    "classification_loss at 24": 0.6653784,
    "learning_rate at 24": 0.0007222222,
    "heldout_classification_loss at 24": 0.734737,
    "classification_loss at 30": 0.6083963,
    "learning_rate at 30": 0.0003888889,
    "classification_loss at 36": 0.7522064,
    "learning_rate at 36": 5.555556e-05,
    "heldout_classification_loss at 36": 0.7357074,
}
TAGGED = {
    "tagging_loss at 6": 0.4460457,
    "learning_rate at 6": 0.001722222,
    "tagging_loss at 12": 0.211784,
    "learning_rate at 12": 0.001388889,
    "heldout_tagging_loss at 12": 0.2890444,
    "tagging_loss at 18": 0.2425865,
    "learning_rate at 18": 0.001055556,
    "tagging_loss at 24": 0.1973669,
    "learning_rate at 24": 0.0007222222,
    "heldout_tagging_loss at 24": 0.2997883,
    "tagging_loss at 30": 0.2159164,
    "learning_rate at 30": 0.0003888889,
    "tagging_loss at 36": 0.2241152,
    "learning_rate at 36": 5.555556e-05,
    "heldout_tagging_loss at 36": 0.292867,
}


def losses_of(run) -> dict[str, float]:
    """Each loss of the log, by its name and step."""
    return {
        f"{name} at {line['step']}": value
        for line in read_log(run / "log.jsonl")
        for name, value in line.items()
        if name.endswith(("_loss", "learning_rate"))
    }


def assert_recorded(found, recorded):
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, rel=1e-3), found


@pytest.mark.parametrize(("flags", "recorded"), [
    (["--dropout", "0.1", "--preset", "faithful"], PAIRS),
    (["--dropout", "0.2", "--preset", "fast", "--no-nsp", "--whole-word-masking", "--no-sinusoidal-start"], SINGLE),
], ids=["pairs", "single"])  # fmt: skip
def test_pretraining_has_the_recorded_losses(flags, recorded, corpus, tmp_path, monkeypatch):
    draw_alike(monkeypatch)
    assert train_pretrain.main([*PRETRAINING, *flags, "--corpus", str(corpus), "--output", str(tmp_path / "run")]) == 0
    assert_recorded(losses_of(tmp_path / "run"), recorded)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """An untrained one."""
    draw_alike(monkeypatch)
    torch.manual_seed(0)
    config = BertConfig(5 + len(WORDS), 24, 2, 2, 32, max_position_embeddings=40, initializer_range=0.2)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    save_checkpoint(tmp_path / "checkpoint", BertForPreTraining(config), tokenizer)
    return tmp_path / "checkpoint"


def is_wet(text):
    return "river" in text or "ship" in text


def test_fine_tuning_has_the_recorded_losses(checkpoint, tmp_path):
    texts = [sentence[:-1].lower() for document in make_documents(12) for sentence in document]
    rows = [f"{text}\t{'wet' if is_wet(text) else 'dry'}\n" for text in texts]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    flags = ["--checkpoint", str(checkpoint), "--train", str(tmp_path / "train.tsv"), *FINETUNING]
    flags += ["--layer-decay", "0.8", "--reinitialize-layers", "1", "--dropout", "0.2", "--long-texts", "windows"]
    assert train_finetune.main([*flags, "--output", str(tmp_path / "run")]) == 0
    assert_recorded(losses_of(tmp_path / "run"), FINE_TUNED)


def test_tagging_has_the_recorded_losses(checkpoint, tmp_path):
    sentences = [sentence[:-1].lower().split() for document in make_documents(12) for sentence in document]
    lines = ["".join(f"{word} {'B-WET' if is_wet(word) else 'O'}\n" for word in each) for each in sentences]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    flags = ["--checkpoint", str(checkpoint), "--train", str(tmp_path / "train.txt"), "--problem", "tagging"]
    assert train_finetune.main([*flags, *FINETUNING, "--output", str(tmp_path / "run")]) == 0
    assert_recorded(losses_of(tmp_path / "run"), TAGGED)
