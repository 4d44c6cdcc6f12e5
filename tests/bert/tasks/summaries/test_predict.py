"""Summaries: the best sentences, none that repeats another, whatever the windows."""

import torch

from bert.config import BertConfig
from bert.heads.summaries import BertForExtractiveSummarization
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.prediction import predictions
from bert.tasks.summaries.inputs import sentence_windows
from bert.tasks.summaries.predict import select_sentences, summary_rows
from bert.tasks.summaries.read import Document
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
FIVE = ["One thing is here.", "Another came.", "And one thing is gone!", "Nothing more.", "The end is near."]


def make_model():
    torch.manual_seed(0)
    model = BertForExtractiveSummarization(BertConfig(31, 12, 2, 3, 14, max_position_embeddings=24))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def test_the_best_are_taken_in_the_order_of_the_document():
    assert select_sentences(FIVE, [0.1, 0.9, 0.8, 0.2, 0.3]) == [1, 2, 4]
    assert select_sentences(FIVE, [0.1, 0.9, 0.8, 0.2, 0.3], most=1) == [1]
    assert select_sentences(FIVE[:2], [0.1, 0.9]) == [0, 1]
    assert select_sentences(FIVE, [0.5] * 5, most=2) == [0, 1]


def test_a_sentence_with_three_words_in_a_row_of_one_taken_is_passed_over():
    scores = [0.9, 0.1, 0.8, 0.7, 0.2]
    assert select_sentences(FIVE, scores) == [0, 3, 4]
    control = [*FIVE[:2], "And one thing was gone!", *FIVE[3:]]  # two words in a row are no harm
    assert select_sentences(control, scores) == [0, 2, 3]
    assert select_sentences(FIVE, [0.9, 0.1, 0.3, 0.2, 0.8]) == [0, 3, 4]  # not only of the one taken last


def test_each_sentence_gets_the_probability_that_its_document_gives_it_alone(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: 45)
    model = make_model()
    documents = [
        Document(1, ("a b", "c", "d e f"), (), ()), Document(2, ("g",), (), ()),
        Document(3, tuple(f"{letter} x y" for letter in LETTERS), (), ()),
    ]  # fmt: skip
    options = Options(24, summary_sentences=2)
    found = predictions(KINDS["summary"], model, TOKENIZER, documents, options, "here")
    header, *rows = summary_rows(model, found, options)
    assert header == ["prediction", "summary", "probabilities", "text"]
    predicted = [
        ([int(number) for number in chosen.split(",")], summary, [float(number) for number in probabilities.split(",")])
        for chosen, summary, probabilities, _ in rows
    ]
    for document, (chosen, summary, probabilities) in zip(documents, predicted, strict=True):
        expected = {}
        for window in sentence_windows(TOKENIZER, document.sentences, 24).windows:
            ids, types, places = (
                torch.tensor(each)[None] for each in (window.input_ids, window.token_type_ids, window.selected)
            )
            with torch.no_grad():
                expected |= dict(
                    zip(window.items, model.eval()(ids.long(), places[0], types.long()).logits.sigmoid().tolist())
                )
        assert sorted(expected) == list(range(len(document.sentences)))
        torch.testing.assert_close(
            probabilities, [expected[sentence] for sentence in sorted(expected)], rtol=0, atol=2e-6
        )
        assert chosen == select_sentences(document.sentences, probabilities, 2)
        assert summary == " ".join(document.sentences[sentence] for sentence in chosen)
    assert max(predicted[2][2]) - min(predicted[2][2]) > 1e-3  # the control: sentences differ
