"""Tagging: the model runs once over a set, and its losses are those of the head."""

import pytest
import torch

from bert.config import BertConfig
from bert.heads.token import BertForTokenClassification
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.precision import choose_precision
from data.tasks.tagging import TaggedSentence
from finetuning.tagging import TaggingTask
from tests.conftest import WORDS, make_documents

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##s", *WORDS])
CONFIG = BertConfig(
    vocab_size=TOKENIZER.vocab_size, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=40, initializer_range=0.3,
)  # fmt: skip
LABELS = ["O", "B-WATER", "B-BIRD"]
ALONE, FULL = Processes(0, 1, torch.device("cpu")), choose_precision("fp32", torch.device("cpu"))


def sentences(seed) -> list[TaggedSentence]:
    tags = {"river": "B-WATER", "bird": "B-BIRD", "birds": "B-BIRD"}
    texts = [text.lower().rstrip(".").split() for document in make_documents(8, seed) for text in document]
    words = [tuple(f"{word}s" if word == "bird" else word for word in text) for text in texts]
    return [TaggedSentence(n, each, tuple(tags.get(word, "O") for word in each)) for n, each in enumerate(words)]


@pytest.fixture
def task():
    return TaggingTask({"train": ("a", sentences(1)), "dev": ("b", sentences(2))}, LABELS, TOKENIZER, max_length=8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForTokenClassification(CONFIG, labels=LABELS)


def losses_of_head(task, model):
    rows = task.sets["dev"].windows()
    batches = [task._batch(rows[first : first + 5], None) for first in range(0, len(rows), 5)]
    return mean_losses(model, batches, FULL, ALONE)


def test_the_losses_are_those_of_the_head_though_the_model_runs_once(task, model):
    assert any(len(windows) > 1 for windows in task.sets["dev"].inputs)
    runs = []
    model.bert.register_forward_hook(lambda module, arguments, output: runs.append(len(arguments[0])))
    losses = task.evaluate(model, "dev", FULL, ALONE).losses
    assert sum(runs) == len(task.sets["dev"].windows())
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-5)
    with torch.no_grad():
        model.classifier.bias[1] += 1
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-5)


def test_evaluation_leaves_the_model_in_the_mode_it_was_in(task, model):
    for training in (True, False):
        model.train(training)
        task.evaluate(model, "dev", FULL, ALONE)
        assert model.training == training
