"""The best span, against brute force, and over several windows."""

import numpy as np
import torch

from bert.config import BertConfig
from bert.heads.spans import BertForQuestionAnswering
from bert.tasks.options import Options
from bert.tasks.spans.inputs import question_windows
from bert.tasks.spans.predict import LONGEST_ANSWER, Answer, answer_in_words, best_span, predict_answers
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
CONTEXT = " ".join(LETTERS * 3)


def brute_force(window, starts, ends):
    """The best score of all allowed spans, and where it is."""
    allowed = [
        (starts[first] + ends[last], first, last)
        for first in range(len(starts))
        for last in range(first, min(first + LONGEST_ANSWER, len(ends)))
        if window.is_max_context[first] and (window.offsets[[first, last], 0] >= 0).all()
    ]
    return max(allowed)


def test_the_best_span_is_that_of_brute_force():
    windows = question_windows(TOKENIZER, "a b c", CONTEXT, 60)
    generator = np.random.default_rng(0)
    for window in windows:
        for _ in range(30):
            starts, ends = generator.normal(size=(2, len(window)))
            score, first, last = best_span(window, starts, ends)
            assert np.allclose(score, brute_force(window, starts, ends)[0])
            assert (score, first, last) == (starts[first] + ends[last], *brute_force(window, starts, ends)[1:])


def test_the_best_of_all_windows_is_the_answer_whatever_is_in_the_batch(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: 90)
    torch.manual_seed(0)
    model = BertForQuestionAnswering(BertConfig(40, 12, 2, 3, 14, max_position_embeddings=64)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    questions = [question_windows(TOKENIZER, "a b", text, 32) for text in (CONTEXT, "c d", " ".join(LETTERS))]
    together = predict_answers(model, questions, Options(32))
    for windows, answer in zip(questions, together):
        best, null = (-np.inf, 0, 0), np.inf
        for window in windows:
            ids = torch.tensor(window.input_ids[None].astype(np.int64))
            types = torch.from_numpy(window.token_type_ids).long()[None]
            with torch.no_grad():
                output = model(ids, types)
            score, first, last = brute_force(window, output.start_logits[0].numpy(), output.end_logits[0].numpy())
            best = max(best, (score, window.offsets[first, 0], window.offsets[last, 1]))
            null = min(null, (output.start_logits[0, 0] + output.end_logits[0, 0]).item())
        assert np.allclose((answer.score, answer.null_score), (best[0], null), atol=1e-5)
        assert (answer.start, answer.end) == best[1:]


def test_an_answer_has_at_most_thirty_pieces_as_in_googles_run_squad():
    (window,) = question_windows(TOKENIZER, "a", CONTEXT, 100)
    first = int(np.flatnonzero(window.is_max_context)[0])
    starts, ends = np.full((2, len(window)), -9.0)
    starts[first + 2], ends[first + 2 + 29], ends[first + 2 + 30] = 9.0, 1.0, 9.0
    assert best_span(window, starts, ends)[1:] == (first + 2, first + 2 + 29)
    ends[first + 2 + 29] = -10.0  # the control: the next piece never is the end
    assert best_span(window, starts, ends)[2] != first + 2 + 30


def test_the_twenty_best_starts_are_tried_as_in_googles_run_squad():
    (window,) = question_windows(TOKENIZER, "a", CONTEXT, 100)
    places = np.flatnonzero(window.is_max_context)
    for better, is_tried in ((19, True), (20, False)):  # so many starts are better than the right one
        starts, ends = np.full((2, len(window)), -50.0)
        starts[places[0]], ends[places[1]] = 30.0, 1000.0
        starts[places[-better:]] = 40.0
        score, start, _ = best_span(window, starts, ends)
        assert (start == places[0]) == (score == 1030.0) == is_tried


def test_no_answer_must_lead_by_more_than_the_threshold():
    answer = Answer(4, 7, score=2.0, null_score=5.0)
    assert answer_in_words("the cat sat", answer, None) == "cat"  # every question has an answer
    assert [answer_in_words("the cat sat", answer, threshold) for threshold in (2.5, 3.0, 3.5)] == ["", "cat", "cat"]
    assert answer_in_words("the cat sat", answer._replace(null_score=1.0), -2.0) == ""
