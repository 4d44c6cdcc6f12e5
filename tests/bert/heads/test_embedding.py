"""Vectors of texts: pooling, cosines, and a query's own text among those of the whole batch."""

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.embedding import BertForRetrieval, BertForSimilarity, cosines, is_relevant
from tests.ragged import ragged

CONFIG = BertConfig(
    vocab_size=31, hidden_size=22, num_hidden_layers=1, num_attention_heads=2, intermediate_size=13,
    max_position_embeddings=17, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.3,
)  # fmt: skip
LENGTHS = [7, 3, 5, 2, 6, 4, 3]
INPUTS = {
    "input_ids": torch.randint(1, 31, (7, 7), generator=torch.Generator().manual_seed(3)),
    "token_type_ids": torch.zeros(7, 7, dtype=torch.long),
    "attention_mask": (torch.arange(7) < torch.tensor(LENGTHS)[:, None]).long(),
}
# Sequences 0, 1, 4 are a row with a negative; 2 and 3 another; 5 and 6 a third one.
ROWS = {"queries": [0, 2, 5], "texts": [1, 3, 6], "negatives": [4]}
ROWS = {name: torch.tensor(places) for name, places in ROWS.items()}


def ids(queries, texts, negatives):
    numbers = {"query_ids": queries, "text_ids": texts, "negative_ids": negatives}
    return {name: torch.tensor(values) for name, values in numbers.items()}


def make(head, **more):
    torch.manual_seed(1)
    return head(CONFIG, **more).eval()


@pytest.mark.parametrize("pool", ["mean", "cls", "max"])
def test_a_vector_is_made_of_its_own_tokens_and_never_of_padding(pool):
    model = make(BertForRetrieval, pool=pool)
    with torch.no_grad():
        padded, packed = model(**INPUTS).vectors, model(**ragged(INPUTS).inputs).vectors
        states = model.bert(**INPUTS).last_hidden_state.numpy()
    of_tokens = {"mean": lambda x: x.mean(0), "cls": lambda x: x[0], "max": lambda x: x.max(0)}[pool]
    expected = np.stack([of_tokens(each[:length]) for each, length in zip(states, LENGTHS)])
    np.testing.assert_allclose(padded, expected, atol=1e-5)
    np.testing.assert_allclose(packed, expected, atol=1e-5)
    with_padding = np.stack([of_tokens(each) for each in states])
    assert pool == "cls" or not np.allclose(with_padding, expected, atol=1e-2)


def test_an_unknown_pooling_is_refused_and_a_classifier_has_no_maximum():
    with pytest.raises(InputError, match="pool is 'min'; one of cls, mean, max was expected"):
        make(BertForSimilarity, pool="min")
    with pytest.raises(InputError, match="pool is 'max'; one of cls, mean was expected"):
        BertForSequenceClassification(CONFIG, pool="max")


def test_the_cosine_of_a_pair_should_be_its_score():
    model = make(BertForSimilarity)
    scores = torch.tensor([0.2, 1.0, 0.5])
    pairs = {name: values[:6] for name, values in INPUTS.items()}
    (loss,) = model.losses(ragged(pairs | {"labels": scores})).values()
    vectors = model(**pairs).vectors.detach().double().numpy()
    lengths = np.linalg.norm(vectors, axis=1)
    found = (vectors[::2] * vectors[1::2]).sum(1) / (lengths[::2] * lengths[1::2])
    assert loss.sum.item() == pytest.approx(((found - scores.numpy()) ** 2).sum(), abs=1e-5)
    assert loss.count == model.label_counts(ragged(pairs | {"labels": scores}))["similarity"] == 3


def plain_loss(model, left_out):
    """The retrieval loss of ``ROWS``, written out; left_out: (row, column) pairs."""
    vectors = model(**INPUTS).vectors.detach().double().numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    total = 0.0
    for row, query in enumerate((0, 2, 5)):
        scores = [
            vectors[query] @ vectors[text] / model.temperature
            for column, text in enumerate((1, 3, 6, 4))
            if (row, column) not in left_out
        ]
        own = vectors[query] @ vectors[(1, 3, 6)[row]] / model.temperature
        total += np.log(np.exp(np.array(scores) - own).sum())
    return total


def test_a_query_finds_its_text_among_all_texts_and_negatives_of_the_batch():
    model = make(BertForRetrieval, temperature=0.5)
    batch = ragged(INPUTS | ROWS | ids([0, 1, 2], [3, 4, 5], [6]))
    (loss,) = model.losses(batch).values()
    assert loss.sum.item() == pytest.approx(plain_loss(model, set()), rel=1e-5)
    assert loss.count == model.label_counts(batch)["retrieval"] == 3
    hotter = make(BertForRetrieval, temperature=0.05).losses(batch)["retrieval"].sum
    assert not torch.isclose(hotter, loss.sum, rtol=1e-2)


@pytest.mark.parametrize(
    ("numbers", "left_out"),
    [
        (([0, 1, 2], [3, 3, 5], [6]), {(0, 1), (1, 0)}),  # two queries have equal texts
        (([0, 1, 0], [3, 4, 5], [6]), {(0, 2), (2, 0)}),  # a query has two texts
        (([0, 1, 0], [3, 4, 5], [3]), {(0, 2), (2, 0), (0, 3), (2, 3)}),  # one of them is called a negative, too
    ],
)
def test_a_text_that_answers_the_query_too_is_no_negative(numbers, left_out):
    model = make(BertForRetrieval, temperature=0.5)
    (loss,) = model.losses(ragged(INPUTS | ROWS | ids(*numbers))).values()
    assert loss.sum.item() == pytest.approx(plain_loss(model, left_out), rel=1e-5)
    assert loss.sum.item() != pytest.approx(plain_loss(model, set()), rel=1e-3)


def test_relevance_is_what_brute_force_says():
    generator = torch.Generator().manual_seed(5)
    queries, texts = torch.randint(0, 4, (2, 11), generator=generator)
    negatives = torch.randint(0, 4, (7,), generator=generator)
    pairs = set(zip(queries.tolist(), texts.tolist()))
    found = is_relevant(queries[2:6], queries, texts, negatives)
    expected = [[(q, t) in pairs for t in [*texts.tolist(), *negatives.tolist()]] for q in queries[2:6].tolist()]
    assert found.tolist() == expected


def test_autocast_leaves_cosines_as_exact_as_they_were():
    rows, columns = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(2)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = cosines(rows, columns)
        rounded = torch.nn.functional.normalize(rows) @ torch.nn.functional.normalize(columns).mT
    assert found.dtype == torch.float32
    assert (found - rounded.float()).abs().max() > 1e-4
    torch.testing.assert_close(found, cosines(rows, columns))
