"""Predictions of cloze questions: those of transformers' logits gathered by hand, and of a plain loop."""

import itertools

import numpy as np
import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.heads.cloze import BertForCloze
from bert.tasks.classification.read import Example
from bert.tasks.cloze.inputs import cloze_inputs
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.cloze.predict import cloze_rows, predict_clozes
from bert.tasks.options import Options
from tests.bert.tasks.conftest import CONFIG, TOKENIZER

TEXTS = ["a king waits", "the small bird sings near the old road", "river", "slowly the ship moves"]
EXAMPLES = [Example(number, text, None, None) for number, text in enumerate(TEXTS)]
PATTERNS = ["{text} near the [MASK].", "[MASK] . {text}"]
SHORT = {"few": ["bird", "king"], "many": ["song"], "none": ["road"]}
LONG = {"few": ["bird", "kings"], "many": ["songs"], "none": ["rivers", "road", "stone"]}


def make_model():
    torch.manual_seed(3)
    return BertForCloze(CONFIG, labels=["few", "many", "none"]).eval()


def predict(model, patterns, words, max_length=40):
    options = Options(max_length, patterns=patterns_of({"patterns": patterns, "words": words}, "p.toml"))
    return predict_clozes(model, cloze_inputs(TOKENIZER, EXAMPLES, options).windows, options)


def by_hand(score_of_input, patterns, words, is_long) -> np.ndarray:
    """(texts, labels): each pattern and word alone, without a batch.

    Args:
        score_of_input: token ids -> (tokens, vocab_size) logits.
    """
    scores = np.zeros((len(TEXTS), len(words)))
    for (row, text), (column, of_label) in itertools.product(enumerate(TEXTS), enumerate(words.values())):
        for word, pattern in itertools.product(of_label, patterns):
            pieces = TOKENIZER.encode(word)
            blank = " ".join(["[MASK]"] * len(pieces))
            ids = TOKENIZER(pattern.replace("{text}", text).replace("[MASK]", blank)).input_ids
            left = dict(zip(np.flatnonzero(np.array(ids) == TOKENIZER.mask_token_id).tolist(), pieces, strict=True))
            total = 0.0
            while left:
                logits = score_of_input(ids)
                scored = logits.log_softmax(dim=-1) if is_long else logits
                mask = max(left, key=lambda mask: scored[mask, left[mask]].item())
                total += scored[mask, left[mask]].item()
                ids[mask] = left.pop(mask)
            scores[row, column] += total / len(of_label) / len(patterns)
    return scores


@pytest.mark.parametrize(("words", "is_long"), [(SHORT, False), (LONG, True)])
@pytest.mark.parametrize("patterns", [PATTERNS[:1], PATTERNS])
def test_scores_are_those_of_a_plain_loop(words, is_long, patterns):
    model = make_model()

    @torch.no_grad()
    def score(ids):
        return model(torch.tensor([ids])).prediction_logits[0]

    found = np.stack([each.logits for each in predict(model, patterns, words)])
    np.testing.assert_allclose(found, by_hand(score, patterns, words, is_long), rtol=1e-4, atol=1e-4)
    assert found.std(axis=0).min() > 0.01  # the control: texts differ


@pytest.mark.peers
@pytest.mark.parametrize(("words", "is_long"), [(SHORT, False), (LONG, True)])
def test_scores_are_those_of_transformers_logits_gathered_by_hand(words, is_long, tmp_path):
    import transformers

    model = make_model()
    save_checkpoint(tmp_path, model, TOKENIZER)
    theirs = transformers.BertForMaskedLM.from_pretrained(tmp_path).eval()

    @torch.no_grad()
    def score(ids):
        return theirs(input_ids=torch.tensor([ids])).logits[0]

    found = np.stack([each.logits for each in predict(model, PATTERNS, words)])
    np.testing.assert_allclose(found, by_hand(score, PATTERNS, words, is_long), rtol=1e-4, atol=1e-4)


def test_probabilities_are_their_softmax():
    for words in (SHORT, LONG):
        for scores in predict(make_model(), PATTERNS, words):
            expected = np.exp(scores.logits) / np.exp(scores.logits).sum()
            np.testing.assert_allclose(scores.probabilities, expected, rtol=1e-5)


def test_logits_and_log_probabilities_say_the_same_of_words_of_one_piece():
    """With a longer word all scores become log-probabilities. The distance between the others stays."""
    model = make_model()
    words = {"few": ["bird"], "many": ["song"], "none": ["road"]}
    short = np.stack([each.logits[:2] for each in predict(model, PATTERNS[:1], words)])
    mixed = np.stack([each.logits[:2] for each in predict(model, PATTERNS[:1], words | {"none": ["rivers"]})])
    assert not np.allclose(short, mixed, atol=0.1)
    np.testing.assert_allclose(np.diff(short), np.diff(mixed), rtol=1e-3, atol=1e-4)


def test_a_row_has_the_label_and_each_probability():
    model = make_model()
    scores = predict(model, PATTERNS, SHORT)
    header, *rows = cloze_rows(model, zip(EXAMPLES, scores), Options(40))
    assert header == ["prediction", "p(few)", "p(many)", "p(none)", "text"]
    assert [row[0] for row in rows] == [["few", "many", "none"][each.logits.argmax()] for each in scores]
    assert rows[0][1:4] == pytest.approx(scores[0].probabilities.tolist())
    assert [row[4] for row in rows] == [each.first for each in EXAMPLES]
