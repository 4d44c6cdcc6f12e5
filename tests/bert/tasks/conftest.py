"""What the tests of all kinds of tasks share: a tokenizer, a small model's sizes, tasks, and the losses of a head."""

import numpy as np
import torch

from bert.config import BertConfig
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.task import Task
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


def make_task(kind: str, sets, labels=None, **options) -> Task:
    return KINDS[kind].task(KINDS[kind], sets, labels, TOKENIZER, Options(**options))


def losses_of_head(task, model) -> dict[str, float]:
    """Of the training rows in batches of five, in order."""
    rows = np.arange(len(task.row_lengths()))
    batches = [task.make_batch(rows[first : first + 5]) for first in range(0, len(rows), 5)]
    return mean_losses(model, batches, FULL, ALONE)
