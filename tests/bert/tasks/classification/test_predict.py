"""Predictions: in order, whatever stands beside a text, streamed, pooled over windows."""

import itertools

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.predict import label_in_words, predict_labels, prediction_header, prediction_row
from bert.tasks.classification.read import Example
from bert.tasks.kinds import KINDS
from bert.tasks.long_texts import fit_texts
from bert.tasks.options import Options
from bert.tasks.prediction import predictions
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


def predict(model, some):
    """The probabilities of texts, or of pairs of texts."""
    pairs = [(each, None) if isinstance(each, str) else each for each in some]
    examples = [Example(number, *pair, None) for number, pair in enumerate(pairs)]
    found = predictions(KINDS["single-label"], model, TOKENIZER, examples, Options(16), "here")
    return torch.tensor(np.array([scores.probabilities for _, scores in found]))


def alone(model, first, second=None, max_length=16):
    encoding = TOKENIZER(first, second, max_length=max_length)
    with torch.no_grad():
        output = model.eval()(torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids]))
    return output.logits[0]


@pytest.mark.parametrize("most_tokens", [1, 20, 1000, None])
def test_each_text_gets_what_it_would_get_alone_and_in_its_place(most_tokens, monkeypatch):
    if most_tokens is not None:
        monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: most_tokens)
    model = make_model(num_labels=3).train()  # dropout is off for predictions
    some = texts(12)[::-1]
    predicted = predict(model, some)
    expected = torch.stack([alone(model, text) for text in some]).softmax(-1)
    torch.testing.assert_close(predicted, expected)
    assert expected.std(dim=0).min() > 0.005  # the control: texts differ


def test_pairs_are_pairs():
    model = make_model()
    pairs = [("a b", "c"), ("a", "b c"), ("d e f", "g h i j")]
    torch.testing.assert_close(predict(model, pairs), torch.stack([alone(model, *pair) for pair in pairs]).softmax(-1))


def test_windows_are_pooled_by_the_mean_of_their_scores():
    model = make_model()
    text = " ".join(LETTERS)
    inputs = fit_texts(TOKENIZER, [text, "a"], None, 10, "windows").windows
    assert len(inputs[0]) > 2
    pooled = [torch.from_numpy(scores.logits) for scores in predict_labels(model, inputs, Options(10))]
    windows = [TOKENIZER.decode(window.input_ids.tolist()) for window in inputs[0]]
    torch.testing.assert_close(pooled[0], torch.stack([alone(model, window) for window in windows]).mean(0))
    torch.testing.assert_close(pooled[1], alone(model, "a"))


def test_texts_are_read_as_predictions_are_asked_for(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.EXAMPLES_AT_A_TIME", 4)
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield Example(number, "a b c", None, None)

    example, scores = next(predictions(KINDS["single-label"], make_model(), TOKENIZER, endless(), Options(16), "here"))
    assert (example.line, len(scores.probabilities)) == (0, 2)
    assert len(read) == 4


def test_predictions_are_said_in_words():
    labels = ["no", "yes", "perhaps"]
    assert label_in_words([0.2, 0.5, 0.3], labels, "single_label_classification") == "yes"
    assert label_in_words([0.6, 0.1, 0.9], labels, "multi_label_classification") == "no,perhaps"
    assert label_in_words([0.6, 0.1, 0.9], labels, "multi_label_classification", "; ") == "no; perhaps"
    assert label_in_words([0.1, 0.1, 0.1], labels, "multi_label_classification") == ""
    assert label_in_words([2.345678901], ["score"], "regression") == "2.34568"
    for problem_type, number in (("single_label_classification", 4), ("regression", 1)):
        header = prediction_header(labels, problem_type)
        assert len(header) == len(prediction_row(np.array([0.2, 0.5, 0.3]), labels, problem_type)) == number


def test_a_text_between_pairs_is_predicted_as_it_would_be_alone():
    model = make_model(num_labels=3)
    some = ["c d", ("a b", "e"), "b", ("f", "g h"), "a"]
    expected = torch.stack([alone(model, *([each] if isinstance(each, str) else each)) for each in some]).softmax(-1)
    torch.testing.assert_close(predict(model, some), expected)
    without_seconds = predict(model, [each if isinstance(each, str) else each[0] for each in some])
    assert not torch.allclose(without_seconds[1], expected[1])  # control: a pair's second text counts
