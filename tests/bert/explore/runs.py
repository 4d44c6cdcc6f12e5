"""A small pretraining run, which the tests of this room share."""

import json
from pathlib import Path

import torch

from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
WORDS = "the cat dog sat on mat ran a big small red and it was tired because of".split()
VOCABULARY = [
    *SPECIAL_TOKENS,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *WORDS[:7],
    *WORDS[8:],
    ".",
    ",",
    "猫",
    "é",
]
# Each size is another prime, but for the hidden size: heads of 5.
CONFIG = BertConfig(
    vocab_size=len(VOCABULARY) + 2, hidden_size=15, num_hidden_layers=2, num_attention_heads=3, intermediate_size=23,
    max_position_embeddings=37,
)  # fmt: skip
STEPS = (0, 3, 10)


def random_model(seed: int = 0, scale: float = 6.0, **changes) -> BertForPreTraining:
    """Weights so large that predictions and attention are far from uniform, and biases that are not 0."""
    torch.manual_seed(seed)
    model = BertForPreTraining(CONFIG.replace(**changes)).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            parameter.data.mul_(scale)
        else:
            parameter.data.add_(0.1 * torch.randn(parameter.shape) * ("norm" not in name))
    return model


def write_run(directory: Path, vocabulary=VOCABULARY, kept=STEPS, **changes) -> Path:
    """A run with kept checkpoints and a log. The last one that was kept is the run's own model."""
    vocabulary = list(vocabulary)
    changes = {"vocab_size": len(vocabulary) + 2} | changes
    save_checkpoint(directory, random_model(len(kept), **changes), WordPieceTokenizer(vocabulary))
    for number, step in enumerate(kept, start=1):
        save_checkpoint(directory / "checkpoints" / f"step-{step}", random_model(number, **changes))
    log = [{"step": step, "masked_lm_loss": 5.0 - step / 5} for step in range(1, 11)]
    log += [{"step": step, "heldout_masked_lm_loss": 5.1 - step / 5} for step in (5, 10)]
    (directory / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    return directory
