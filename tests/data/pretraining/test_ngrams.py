"""The 5-gram baseline counts what a plain loop over the training documents counts."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus, write_corpus
from data.pretraining import ngrams
from data.pretraining.batches import evaluation_batches
from data.pretraining.ngrams import CONTEXTS, five_gram_baseline, interpolate


def corpus_of(documents, held_out, vocab_size):
    """A corpus of documents, each a list of sentences of ids."""
    lengths = [len(sentence) for document in documents for sentence in document]
    tokens = np.array([token for document in documents for sentence in document for token in sentence])
    counts = Counter(
        token
        for index, document in enumerate(documents)
        if index not in held_out
        for sentence in document
        for token in sentence
    )
    return TokenizedCorpus(
        tokens.astype(np.uint16),
        np.cumsum([0, *lengths]),
        np.cumsum([0, *map(len, documents)]),
        np.array(held_out),
        np.array([counts[token] for token in range(vocab_size)]),
    )


def batch(*sequences):
    """Of (ids that the model sees, {position: label})."""
    rows = [np.array(row) for row, _ in sequences]
    starts = np.cumsum([0, *map(len, rows)])
    selected = [start + at for start, (_, blanks) in zip(starts, sequences) for at in blanks]
    labels = [label for _, blanks in sequences for label in blanks.values()]
    return Batch.of(
        rows, [np.zeros_like(row) for row in rows], selected=np.array(selected), masked_labels=np.array(labels)
    )


def by_plain_loops(corpus, sequences):
    """The loss and accuracy, from dictionaries and the definition: P(w | c) = (count + t * shorter(w)) / (n + t)."""
    tables = defaultdict(Counter)
    for document in range(corpus.number_of_documents):
        if document in corpus.held_out.tolist():
            continue
        first, end = corpus.sentence_starts[corpus.document_starts[[document, document + 1]]]
        tokens = corpus.tokens[first:end].tolist()
        for at, token in enumerate(tokens):
            for left in range(3):
                for right in range(3):
                    if at >= left and at + right < len(tokens):
                        context = (tuple(tokens[at - left : at]), tuple(tokens[at + 1 : at + 1 + right]))
                        tables[context][token] += 1

    def probabilities(left, right):
        if not left and not right:
            return (corpus.training_counts + 1) / (corpus.training_counts + 1).sum()
        shorter = [(left[1:], right)] * bool(left) + [(left, right[:-1])] * bool(right)
        prior = sum(probabilities(*each) for each in shorter) / len(shorter)
        table = tables[left, right]
        if not table:
            return prior
        counts = np.array([table[token] for token in range(corpus.vocab_size)])
        return (counts + len(table) * prior) / (table.total() + len(table))

    losses, right_guesses = [], []
    for row, blanks in sequences:
        padded = [-1, -1, *row, -1, -1]
        for at, label in blanks.items():
            guess = probabilities(tuple(padded[at : at + 2]), tuple(padded[at + 3 : at + 5]))
            losses.append(-math.log(guess[label]))
            right_guesses.append(guess.argmax() == label)
    return np.mean(losses), np.mean(right_guesses)


@pytest.fixture
def small():
    """Documents of 11 pieces (5 special), and inputs with blanks at borders, beside masks and beside each other."""
    generator = np.random.default_rng(5)
    documents = [
        [generator.integers(5, 11, generator.integers(1, 9)).tolist() for _ in range(generator.integers(1, 5))]
        for _ in range(41)
    ]
    corpus = corpus_of(documents, [2, 13], 11)
    text = [token for document in (2, 13) for sentence in documents[document] for token in sentence]
    sequences = [
        ([2, *text[first : first + 6], 3, *text[first + 6 : first + 9], 3], {}) for first in range(0, len(text) - 9, 2)
    ]
    for row, blanks in sequences:
        for at in generator.choice([1, 2, 3, 4, 5, 6, 8, 9, 10], 4, replace=False).tolist():
            blanks[at] = row[at]
            row[at] = int(generator.choice([4, 4, 4, row[at], 7]))  # [MASK], itself or a random piece
    return corpus, sequences


@pytest.mark.parametrize("tokens_per_part", [7, 1 << 20])
def test_it_is_the_interpolation_of_what_plain_loops_count(small, monkeypatch, tokens_per_part):
    corpus, sequences = small
    monkeypatch.setattr(ngrams, "_TOKENS_PER_PART", tokens_per_part)
    monkeypatch.setattr(ngrams, "_MOST_PARTS", 1000)
    loss, accuracy, counted = five_gram_baseline(corpus, [batch(*sequences[:3]), batch(*sequences[3:])])
    assert (loss, accuracy) == pytest.approx(by_plain_loops(corpus, sequences))
    assert counted == 1


def test_keys_that_share_a_slot_are_told_apart(small, monkeypatch):
    corpus, sequences = small
    expected = five_gram_baseline(corpus, [batch(*sequences)])
    monkeypatch.setattr(ngrams, "_SLOT_BITS", 2)
    assert five_gram_baseline(corpus, [batch(*sequences)]) == expected


def test_no_context_crosses_the_border_of_a_document():
    together = corpus_of([[[5, 6]], [[7, 8]]], [], 9)
    for blank, label, seen in ((2, 6, 6), (3, 7, 7)):  # 5 [6] 7 8 and 5 6 [7] 8
        row = [2, 5, 6, 7, 8, 3]
        row[blank] = 4
        loss, _, _ = five_gram_baseline(together, [batch((row, {blank: label}))])
        assert loss == pytest.approx(by_plain_loops(together, [(row, {blank: seen})])[0])
    whole = corpus_of([[[5, 6], [7, 8]]], [], 9)
    row = [2, 5, 4, 7, 8, 3]
    assert (
        five_gram_baseline(whole, [batch((row, {2: 6}))])[0] < five_gram_baseline(together, [batch((row, {2: 6}))])[0]
    )


def test_held_out_documents_are_not_counted():
    row = [2, 5, 4, 7, 3]
    seen = five_gram_baseline(corpus_of([[[5, 6, 7]], [[8]]], [], 9), [batch((row, {2: 6}))])
    unseen = five_gram_baseline(corpus_of([[[8]], [[5, 6, 7]]], [1], 9), [batch((row, {2: 6}))])
    assert seen[:2] == (pytest.approx(-math.log(by_hand())), 1.0)
    assert unseen[0] == pytest.approx(-math.log(1 / 10))  # add-one frequency: 8 was seen once, 6 never


def by_hand():
    """P(6 | 5 _ 7), each context seen once: half is 6's, and half is left to shorter contexts."""
    unigram = 2 / 13
    one_side = 1 / 2 + unigram / 2
    both = 1 / 2 + one_side / 2
    # (2, 2), (2, 1) and (1, 2) reach beyond the document on a side, so they were not seen; nor were (2, 0), (0, 2).
    wide = (one_side + both) / 2  # of (2, 1): half from (1, 1), half from (2, 0)
    return wide


def test_probabilities_sum_to_one():
    generator = np.random.default_rng(7)
    unigram = generator.dirichlet(np.ones(13))
    counted = {
        context: ngrams.Counted(np.sort(generator.choice(13, size, replace=False)), generator.integers(1, 9, size))
        for context, size in zip(CONTEXTS, (0, 2, 3, 1, 0, 5, 7, 11))
    }
    probabilities = interpolate(unigram, counted)
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities > 0).all()


def test_of_a_very_large_corpus_evenly_spread_parts_are_counted_and_their_share_is_said(small, monkeypatch):
    corpus, sequences = small
    monkeypatch.setattr(ngrams, "_TOKENS_PER_PART", 20)
    monkeypatch.setattr(ngrams, "_MOST_PARTS", 4)
    parts, share = ngrams.parts_of(corpus)
    assert len(parts) == 4
    assert parts[0][0] == 0
    assert parts[-1][1] > 0.7 * corpus.number_of_documents
    assert five_gram_baseline(corpus, [batch(*sequences)])[2] == share < 1


def test_without_blanks_there_is_no_baseline(small):
    assert list(map(math.isnan, five_gram_baseline(small[0], []))) == [True, True, False]


def test_it_beats_the_frequency_of_pieces_on_text_with_an_order(tokenizer, tmp_path):
    sentence = "the cat sat on the mat the dog ran on the mat"
    corpus = write_corpus([[sentence, sentence]] * 60, tokenizer, tmp_path)
    loss, accuracy, _ = five_gram_baseline(corpus, evaluation_batches(corpus, tokenizer, 8, 32))
    assert loss < 1
    assert accuracy > 0.8
