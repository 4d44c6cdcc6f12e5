"""The operations for MFU are the ones that PyTorch counts while the model runs."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.operations import encoder_operations, pretraining_operations
from benchmarks.training_step import pretraining_batches
from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel

CONFIG = BertConfig.tiny().replace(vocab_size=1000)


def counted(work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def pooler(texts: int) -> int:
    return 2 * texts * CONFIG.hidden_size**2


def test_of_a_pretraining_step():
    model = BertForPreTraining(CONFIG).train()
    batch, _ = pretraining_batches(CONFIG, 8, 32)

    def step():
        sum(loss.sum for loss in model.losses(batch).values()).backward()

    next_sentence = pooler(8) + 2 * 8 * CONFIG.hidden_size * 2
    masked = len(batch.selected)
    expected = pretraining_operations(CONFIG, 8, 32, masked) + 3 * next_sentence
    # Rows differ in their number of selected tokens, and attention pads them.
    assert counted(step) == pytest.approx(expected, rel=0.01)


def test_of_texts_with_one_selected_token():
    model = BertForSequenceClassification(CONFIG, num_labels=2).train()
    lengths = [9, 9, 9, 9]
    rows = [np.full(length, 7) for length in lengths]
    batch = Batch.of(rows, [np.zeros_like(row) for row in rows], selected=[], labels=np.zeros(4, np.int64))
    head = pooler(4) + 2 * 4 * CONFIG.hidden_size * 2

    def step():
        sum(loss.sum for loss in model.losses(batch).values()).backward()

    assert counted(step) == 3 * (encoder_operations(CONFIG, lengths, selected_of_each=1) + head)


def test_of_the_whole_forward_pass():
    model = BertModel(CONFIG, with_pooler=False).eval()
    ids = torch.full((3, 20), 7)
    # PyTorch counts the products of attention's plain form.
    assert counted(lambda: model(ids, return_attention=True)) == encoder_operations(CONFIG, [20] * 3)
