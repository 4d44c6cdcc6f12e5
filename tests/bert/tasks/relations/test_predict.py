"""Relations of texts: each as the model sees it alone, in order."""

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.relations import BertForRelationExtraction
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.prediction import predictions
from bert.tasks.relations.inputs import marked_input
from bert.tasks.relations.read import MarkedText
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, "1", "2", "3", "4"])
TEXTS = [
    MarkedText(1, "a b c d e f", (0, 1), (4, 5), None), MarkedText(2, "x y", (2, 3), (0, 1), None),
    MarkedText(3, " ".join(LETTERS), (10, 11), (40, 41), None), MarkedText(4, "q r s", (0, 1), (2, 3), None),
]  # fmt: skip


def make_model():
    torch.manual_seed(0)
    model = BertForRelationExtraction(BertConfig(35, 12, 2, 3, 14, max_position_embeddings=24), labels=("A", "B", "C"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def predict(model, texts) -> torch.Tensor:
    """(texts, relations) probabilities"""
    found = predictions(KINDS["relations"], model, TOKENIZER, texts, Options(24), "here")
    return torch.tensor(np.array([scores.probabilities for _, scores in found]))


def test_each_text_gets_the_probabilities_that_it_has_alone(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: 40)
    model = make_model()
    predicted = predict(model, TEXTS)
    for row, text in zip(predicted, TEXTS, strict=True):
        marked = marked_input(TOKENIZER, text.text, text.first, text.second, 24)
        ids, positions = torch.from_numpy(marked.window.input_ids).long(), torch.tensor([marked.window.selected])
        with torch.no_grad():
            expected = model.eval()(ids[None], positions).logits[0].softmax(-1)
        torch.testing.assert_close(row, expected)
    assert predicted.std(dim=0).min() > 1e-3  # the control: they differ


def test_entities_that_do_not_fit_are_named_with_their_line():
    text = MarkedText(7, " ".join(LETTERS), (0, 39), (40, 41), None)
    with pytest.raises(InputError, match="here: line 7: its two entities have 21 tokens"):
        predict(make_model(), [text])
