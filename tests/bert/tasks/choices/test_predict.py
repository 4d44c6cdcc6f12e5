"""Choices for contexts: probabilities over the choices that there are, in order."""

import torch

from bert.config import BertConfig
from bert.heads.choices import BertForMultipleChoice
from bert.tasks.choices.predict import probabilities_of
from bert.tasks.choices.read import Choices
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.prediction import predictions
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
EXAMPLES = [
    Choices(1, "a b c", ("d", "e f"), None), Choices(2, "g", ("h i", "j", "k l m", "n"), None),
    Choices(3, "o p q r s t", ("u", "v", "w"), None),
]  # fmt: skip


def test_each_example_gets_the_probabilities_that_it_has_alone(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: 30)
    torch.manual_seed(0)
    model = BertForMultipleChoice(BertConfig(31, 12, 2, 3, 14, max_position_embeddings=24))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    found = predictions(KINDS["choices"], model, TOKENIZER, EXAMPLES, Options(24), "here")
    predicted = [probabilities_of(logits) for _, logits in found]
    for row, example in zip(predicted, EXAMPLES, strict=True):
        scores = []
        for choice in example.choices:
            encoding = TOKENIZER(example.context, choice)
            with torch.no_grad():
                inputs = torch.tensor([[encoding.input_ids]]), torch.tensor([[encoding.token_type_ids]])
                scores.append(model.eval()(*inputs).logits[0, 0])
        torch.testing.assert_close(torch.tensor(row), torch.stack(scores).softmax(0))
    assert max(max(row) - 1 / len(row) for row in predicted) > 0.01  # the control: choices differ
