"""Ranks and their metrics, beside brute force and sentence-transformers' evaluators."""

import numpy as np
import pytest

from bert.tasks.metrics import correlation, ranks
from bert.tasks.ranking import RANKING_METRICS, directions, first_places, ranking_metrics, ranks_of_relevant

GENERATOR = np.random.default_rng(3)


def test_a_rank_counts_the_texts_before_it_and_a_tie_counts_against_it():
    for _ in range(50):
        scores = GENERATOR.integers(0, 4, 13) / 4  # many ties
        relevant = GENERATOR.choice(13, GENERATOR.integers(1, 5), replace=False).tolist()
        order = sorted(range(13), key=lambda text: (-scores[text], text in relevant))
        assert ranks_of_relevant(scores, relevant).tolist() == [1 + order.index(i) for i in order if i in relevant]


def test_a_model_that_cannot_tell_texts_apart_finds_nothing():
    same = [ranks_of_relevant(np.ones(50), [text]) for text in range(50)]
    assert ranking_metrics(same) == dict.fromkeys(RANKING_METRICS, 0.0)


def test_metrics_of_ranks_by_hand():
    found = ranking_metrics([np.array([2, 3]), np.array([1]), np.array([11])])
    ideal = 1 + 1 / np.log2(3)
    expected = {
        "mrr@10": (1 / 2 + 1 + 0) / 3, "recall@1": 1 / 3, "recall@10": 2 / 3,
        "ndcg@10": ((1 / np.log2(3) + 1 / 2) / ideal + 1 + 0) / 3,
    }  # fmt: skip
    assert found == pytest.approx(expected)


def test_the_first_places_are_the_highest_scores():
    assert first_places(np.array([0.1, 0.9, 0.9, 0.3]), 3) == [1, 2, 3]


def test_directions_have_length_1_and_a_vector_without_one_stays():
    np.testing.assert_allclose(directions(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]])


class Encoder:
    """A model as the evaluators of sentence-transformers see it: each text has its vector."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.similarity_fn_name = "cosine"
        self.model_card_data = type("Card", (), {"set_evaluation_metrics": lambda *_, **__: None})()

    def encode(self, sentences, **_):
        return np.stack([self.vectors[text] for text in sentences])

    encode_query = encode_document = encode

    def similarity(self, a, b):
        from sentence_transformers.util import cos_sim

        return cos_sim(a, b)


@pytest.mark.peers
def test_metrics_are_those_of_sentence_transformers():
    pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.evaluation import (
        EmbeddingSimilarityEvaluator,
        InformationRetrievalEvaluator,
    )

    texts = {f"t{number}": GENERATOR.normal(size=8) for number in range(60)}
    answers, queries = {}, {}
    for query in (f"q{number}" for number in range(30)):
        answers[query] = set(GENERATOR.choice(list(texts), GENERATOR.integers(1, 4), replace=False).tolist())
        queries[query] = sum(texts[text] for text in answers[query]) + 2 * GENERATOR.normal(size=8)
    evaluator = InformationRetrievalEvaluator(
        {query: query for query in queries}, {text: text for text in texts}, answers, mrr_at_k=[10], ndcg_at_k=[10],
        accuracy_at_k=[1], precision_recall_at_k=[1, 10], map_at_k=[10], write_csv=False,
    )  # fmt: skip
    theirs = evaluator(Encoder(queries | texts))
    names = list(texts)
    scores = directions(np.stack(list(queries.values()))) @ directions(np.stack(list(texts.values()))).T
    ours = ranking_metrics(
        [ranks_of_relevant(row, [names.index(text) for text in found]) for row, found in zip(scores, answers.values())]
    )
    assert 0.1 < ours["mrr@10"] < 0.9
    for name, value in ours.items():
        (found,) = [theirs[key] for key in theirs if key.endswith(f"cosine_{name}")]
        assert value == pytest.approx(found), name

    pairs = list(zip(list(texts)[:30], list(texts)[30:]))
    labels = GENERATOR.integers(0, 6, 30).astype(float)
    evaluator = EmbeddingSimilarityEvaluator(*map(list, zip(*pairs)), labels.tolist(), write_csv=False)
    theirs = evaluator(Encoder(texts))
    cosines = np.array([directions(texts[a]) @ directions(texts[b]) for a, b in pairs])
    assert correlation(ranks(labels), ranks(cosines)) == pytest.approx(theirs["spearman_cosine"])
    assert correlation(labels, cosines) == pytest.approx(theirs["pearson_cosine"])
