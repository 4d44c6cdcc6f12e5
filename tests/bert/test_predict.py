"""Predictions: in order, whatever stands beside a text, streamed, pooled over windows."""

import itertools

import pytest
import torch

from bert.config import BertConfig
from bert.heads.sequence import BertForSequenceClassification
from bert.predict import chosen_labels, pooled_logits, predict, prediction_header, prediction_row
from bert.tokenization.long_texts import fit_texts
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
CONFIG = BertConfig(31, 12, 2, 3, 14, max_position_embeddings=16)


def make_model(**arguments):
    torch.manual_seed(0)
    model = BertForSequenceClassification(CONFIG, **arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def texts(count):
    return [" ".join(itertools.islice(itertools.cycle(LETTERS), number, 2 * number + 1)) for number in range(count)]


def alone(model, first, second=None, max_length=16):
    encoding = TOKENIZER(first, second, max_length=max_length)
    with torch.no_grad():
        output = model.eval()(torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids]))
    return output.logits[0]


@pytest.mark.parametrize("most_tokens", [1, 20, 1000, None])
def test_each_text_gets_what_it_would_get_alone_and_in_its_place(most_tokens):
    model = make_model(num_labels=3).train()  # dropout is off for predictions
    some = texts(12)[::-1]
    predicted = list(predict(model, TOKENIZER, [(text, None) for text in some], 16, most_tokens=most_tokens))
    expected = torch.stack([alone(model, text) for text in some]).softmax(-1)
    torch.testing.assert_close(torch.tensor(predicted), expected)
    assert expected.std(dim=0).min() > 0.005  # the control: texts differ


def test_pairs_are_pairs():
    model = make_model()
    pairs = [("a b", "c"), ("a", "b c"), ("d e f", "g h i j")]
    predicted = torch.tensor(list(predict(model, TOKENIZER, pairs, 16)))
    torch.testing.assert_close(predicted, torch.stack([alone(model, *pair) for pair in pairs]).softmax(-1))


def test_windows_are_pooled_by_the_mean_of_their_scores():
    model = make_model()
    text = " ".join(LETTERS)
    inputs = fit_texts(TOKENIZER, [text, "a"], None, 10, "windows").inputs
    assert len(inputs[0]) > 2
    pooled = pooled_logits(model, inputs, TOKENIZER.pad_token_id, most_tokens=20)
    windows = [TOKENIZER.decode(window.input_ids.tolist()) for window in inputs[0]]
    torch.testing.assert_close(pooled[0], torch.stack([alone(model, window) for window in windows]).mean(0))
    torch.testing.assert_close(pooled[1], alone(model, "a"))


def test_texts_are_read_as_predictions_are_asked_for(monkeypatch):
    monkeypatch.setattr("bert.predict.TEXTS_AT_A_TIME", 4)
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield "a b c", None

    first = next(predict(make_model(), TOKENIZER, endless(), 16))
    assert len(first) == 2
    assert len(read) == 4


def test_predictions_are_said_in_words():
    labels = ["no", "yes", "perhaps"]
    assert chosen_labels([0.2, 0.5, 0.3], labels, "single_label_classification") == "yes"
    assert chosen_labels([0.6, 0.1, 0.9], labels, "multi_label_classification") == "no,perhaps"
    assert chosen_labels([0.6, 0.1, 0.9], labels, "multi_label_classification", "; ") == "no; perhaps"
    assert chosen_labels([0.1, 0.1, 0.1], labels, "multi_label_classification") == ""
    assert chosen_labels([2.345678901], ["score"], "regression") == "2.34568"
    for problem_type, number in (("single_label_classification", 4), ("regression", 1)):
        header = prediction_header(labels, problem_type)
        assert len(header) == len(prediction_row([0.2, 0.5, 0.3], labels, problem_type)) == number
