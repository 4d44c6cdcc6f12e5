"""Rows and batches of queries, texts and negatives."""

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.embedding import BertForRetrieval
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.retrieval import task as retrieval
from bert.tasks.retrieval.read import Search
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import WORDS

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
CONFIG = BertConfig(TOKENIZER.vocab_size, 12, 1, 2, 10, max_position_embeddings=16, initializer_range=0.3)
SEARCHES = [
    Search(1, "river", "the river", ("the king", "a road")),
    Search(2, "king", "the king"),
    Search(3, "stone", "the river"),
]


def task_of(train, dev=SEARCHES[:2], **options):
    sets = {"train": ("train", train), "dev": ("dev", dev)}
    return KINDS["retrieval"].task(KINDS["retrieval"], sets, None, TOKENIZER, Options(8, **options))


def test_a_batch_says_which_sequence_is_what_and_which_texts_are_equal():
    labels = task_of(SEARCHES).make_batch(np.arange(3)).labels
    assert {name: values.tolist() for name, values in labels.items()} == {
        "queries": [0, 4, 6], "texts": [1, 5, 7], "negatives": [2, 3],
        "query_ids": [0, 4, 5], "text_ids": [1, 2, 1], "negative_ids": [2, 3],
    }  # fmt: skip


def test_the_loss_of_predictions_is_that_of_a_batch(monkeypatch):
    task, model = task_of(SEARCHES, SEARCHES), BertForRetrieval(CONFIG, temperature=0.3).eval()
    predictions = task.predict(model, task.sets["dev"], range(3))
    (found,) = task.losses(model, task.sets["dev"].targets, predictions).values()
    (expected,) = model.losses(task.make_batch(np.arange(3))).values()
    torch.testing.assert_close(found.sum, expected.sum)
    assert (found.count, found.correct) == (expected.count, expected.correct)
    monkeypatch.setattr(retrieval, "MEASURED_TOGETHER", 2)
    (in_parts,) = task.losses(model, task.sets["dev"].targets, predictions).values()
    (second,) = model.losses(task.make_batch(np.array([2]))).values()
    torch.testing.assert_close(
        in_parts.sum, model.losses(task.make_batch(np.array([0, 1])))["retrieval"].sum + second.sum
    )


def test_a_text_alone_is_read_twice_and_only_dropout_tells_the_two_apart():
    task = task_of([Search(1, None, "the river"), Search(2, None, "a king")])
    assert "2 of the 2 training texts have no query" in task.notes[0]
    torch.manual_seed(3)
    model, batch = BertForRetrieval(CONFIG), task.make_batch(np.arange(2))
    first, second = model.train()(**batch.inputs).vectors[:2]
    assert not torch.allclose(first, second)
    first, second = model.eval()(**batch.inputs).vectors[:2]
    torch.testing.assert_close(first, second)


def test_a_validation_set_has_queries():
    with pytest.raises(InputError, match="--dev: 1 of its 2 texts have no query"):
        task_of(SEARCHES, [SEARCHES[0], Search(2, None, "a king")])
