"""What the tests of all kinds of tasks share: a tokenizer, a small model's sizes, and the losses of the head itself."""

import numpy as np
import torch

from bert.config import BertConfig
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.precision import choose_precision
from tests.conftest import WORDS

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "[unused2]", "[unused3]",
                                "[unused4]", ".", "##s", *WORDS])  # fmt: skip
CONFIG = BertConfig(
    vocab_size=TOKENIZER.vocab_size, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=40, initializer_range=0.3,
)  # fmt: skip
ALONE, FULL = Processes(0, 1, torch.device("cpu")), choose_precision("fp32", torch.device("cpu"))


def losses_of_head(task, model) -> dict[str, float]:
    """Of the training rows in batches of five as they come, with other padding than evaluation gives them."""
    rows = np.arange(len(task.row_lengths()))
    batches = [task.make_batch(rows[first : first + 5]) for first in range(0, len(rows), 5)]
    return mean_losses(model, batches, FULL, ALONE)
