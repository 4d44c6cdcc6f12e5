"""The classifiers without a network are what they are said to be, and see no measured label."""

import json
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import words_alone
from benchmarks.film_reviews import Reviews, write_table
from bert.tasks.classification.read import Example

TEXTS = ["good film good", "bad film", "good plot", "bad plot bad bad"]


def tf_idf(texts, vocabulary):
    """The equations of scikit-learn's guide: (1 + ln n) * (1 + ln((1 + N) / (1 + df))), each text of length 1."""
    counts = []
    for text in texts:
        words = text.split()
        grams = [*words, *(" ".join(pair) for pair in pairwise(words))]
        counts.append([grams.count(gram) for gram in vocabulary])
    counts = np.array(counts, float)
    weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
    weights *= 1 + np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0)))
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def test_words_are_tf_idf_of_words_and_pairs():
    ours, _ = words_alone.word_vectors(TEXTS, TEXTS)
    grams = sorted({"good", "bad", "film", "plot", "good film", "film good", "bad film", "good plot", "bad plot",
                    "plot bad", "bad bad"})  # fmt: skip
    np.testing.assert_allclose(ours.toarray(), tf_idf(TEXTS, grams), rtol=1e-12)


def test_latent_vectors_have_the_dot_products_of_the_best_approximation(tmp_path, monkeypatch):
    monkeypatch.setattr(words_alone, "FEWEST_TEXTS", 1)
    monkeypatch.setattr(words_alone, "COMPONENTS", 2)
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    ours, _ = words_alone.latent_vectors(TEXTS, TEXTS[:1], tmp_path / "texts.txt")
    left, values, _ = np.linalg.svd(tf_idf(TEXTS, ["good", "bad", "film", "plot"]))
    best = left[:, :2] * values[:2]
    np.testing.assert_allclose(ours @ ours.T, best @ best.T, atol=1e-5)
    assert ours.shape == (4, 2)


@pytest.mark.parametrize("method", words_alone.METHODS)
def test_measured_labels_change_no_choice(tmp_path, monkeypatch, method):
    monkeypatch.setattr(words_alone, "FEWEST_TEXTS", 1)
    generator = np.random.default_rng(0)
    examples = [
        Example(row, " ".join(generator.choice(["film", "plot", ["bad", "good"][row % 2]], 4)), None, str(row % 2))
        for row in range(60)
    ]
    files = Reviews.of(tmp_path)
    files.texts.write_text("".join(f"{each.first}\n" for each in examples))
    write_table(files.train, examples[:40])
    write_table(files.measured, examples[40:])
    found = words_alone.measure(method, files)
    write_table(files.measured, [each._replace(label=str(1 - int(each.label))) for each in examples[40:]])
    turned = words_alone.measure(method, files)
    assert found.accuracy > 0.6
    assert turned.accuracy == pytest.approx(1 - found.accuracy)
    assert turned.penalty == found.penalty


def test_a_single_text_of_a_label_is_enough():
    model = words_alone.logistic_regression([[0.0], [1.0]], ["a", "b"])
    assert model.predict([[0.9], [0.1]]).tolist() == ["b", "a"]
    assert model.C == 30


def test_finished_baselines_are_kept(imdb, tmp_path, monkeypatch, capsys):
    flags = ["--labelled", "20", "30", "--json", str(tmp_path / "rows.json")]
    words_alone.main(flags)
    table = capsys.readouterr().out
    assert len(table.splitlines()) == 1 + 4
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {(row["method"], row["labelled"]) for row in rows} == {
        (method, number) for method in words_alone.METHODS for number in (20, 30)
    }
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    monkeypatch.setattr(words_alone, "measure", lambda *_: pytest.fail("measured again"))
    words_alone.main(flags)
    assert capsys.readouterr().out == table
