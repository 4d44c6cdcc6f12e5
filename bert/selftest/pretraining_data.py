"""The two pretraining tasks' data: pairs of sentences, their layout and their masks, against the paper's rules.

The room ``data/`` is in the clone, and the installed package lacks it. So it is found by name, when it is checked.
"""

import importlib.util
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from bert.selftest.equations import masking as rules
from bert.selftest.equations.sentence_pairs import Pair, fault
from bert.selftest.equations.wordpiece import model_input
from bert.selftest.rows import EXACT, Row, check, largest_of, not_tried, sigmas
from bert.selftest.samples import VOCABULARY
from bert.tokenization.wordpiece import WordPieceTokenizer

MASKING, PAIRS, LAYOUT = (f"data/pretraining/{name}.py" for name in ("masking", "sentence_pairs", "layout"))
MOST_SIGMAS = 5.0
DOCUMENTS, SENTENCES, LONGEST_SENTENCE = 300, 13, 5  # the most sentences of a document, and tokens of a sentence
MANY = 4_000  # documents, to count random pairs
MAX_LENGTH = 32  # tokens of an input
SEED, EPOCH = 3, 1


def pretraining_data_rows() -> Iterator[Row]:
    """The rows of pairs, layout and masking."""
    if not has_data():
        for name, file in (("sentence pairs", PAIRS), ("layout", LAYOUT), ("masking", MASKING)):
            yield not_tried(name, file, "data/ is in the clone: run python -m bert selftest there")
        return
    masking: Any = import_module("data.pretraining.masking")
    yield check("tokens to predict", MASKING, EXACT, lambda: budget_error(masking))
    yield check("masking 80/10/10 (standard deviations)", MASKING, MOST_SIGMAS, lambda: shares_error(masking))
    yield check("masking: which tokens (tokens)", MASKING, EXACT, lambda: selection_error(masking))
    yield check("sentence pairs (pairs)", PAIRS, EXACT, pairs_error)
    yield check("random pairs (standard deviations)", PAIRS, MOST_SIGMAS, random_share_error)
    yield check("layout of a batch", LAYOUT, EXACT, layout_error)


def has_data() -> bool:
    """Whether the clone's rooms can be imported."""
    try:
        return importlib.util.find_spec("data.pretraining.masking") is not None
    except ModuleNotFoundError:
        return False


def budget_error(masking: Any) -> float:
    """The number of tokens to predict, for every length."""
    lengths = np.arange(3, 513)
    return largest_of([(masking.mask_budgets(lengths), [rules.tokens_to_predict(int(length)) for length in lengths])])


def masked(masking: Any) -> tuple[np.ndarray, ...]:
    """Random tokens, which of them may be masked, the masked tokens, and which are predicted: all (batch, seq)."""
    random = np.random.default_rng(0)
    before = random.integers(5, len(VOCABULARY), (400, 60))
    maskable = np.ones(before.shape, bool)
    maskable[:, [0, 20, 59]] = False  # [CLS] and two [SEP]
    budgets = np.full(len(before), rules.tokens_to_predict(before.shape[1]))
    names = np.arange(len(before)) * 61
    arguments = (before, maskable, budgets, names, SEED, EPOCH, VOCABULARY.index("[MASK]"), len(VOCABULARY))
    return before, maskable, *masking.mask_tokens(*arguments)


def shares_error(masking: Any) -> float:
    """By how many standard deviations the shares of [MASK], random and kept tokens are off; the largest."""
    before, _, after, is_predicted = masked(masking)
    found = rules.shares(before, after, is_predicted, VOCABULARY.index("[MASK]"))
    expected = rules.expected_shares(len(VOCABULARY))
    return max(sigmas(*pair, int(is_predicted.sum())) for pair in zip(found, expected))


def selection_error(masking: Any) -> float:
    """How many tokens are predicted although they may not be, too many or few in a row, or changed unpredicted."""
    before, maskable, after, is_predicted = masked(masking)
    surplus = is_predicted.sum(axis=1) - rules.tokens_to_predict(before.shape[1])
    changed = (after != before) & ~is_predicted
    return float((is_predicted & ~maskable).sum() + np.abs(surplus).sum() + changed.sum())


def corpus(documents: int = DOCUMENTS, longest_sentence: int = LONGEST_SENTENCE) -> Any:
    """Documents of random sentences. Tokens repeat, so a pair is known by its places in the corpus."""
    tokenized: Any = import_module("data.corpus.tokenized")
    random = np.random.default_rng(1)
    sentences = random.integers(1, SENTENCES + 1, documents)  # of each document
    lengths = random.integers(1, longest_sentence + 1, sentences.sum())
    tokens = random.integers(5, len(VOCABULARY), lengths.sum()).astype(np.uint16)
    return tokenized.TokenizedCorpus(
        tokens,
        np.concatenate([[0], lengths.cumsum()]),
        np.concatenate([[0], sentences.cumsum()]),
        np.zeros(0, np.int64),
        np.bincount(tokens, minlength=len(VOCABULARY)),
    )


def planned(corpus: Any) -> np.ndarray:
    """The pairs of a pass over all documents."""
    pairs: Any = import_module("data.pretraining.sentence_pairs")
    held_out: Any = import_module("data.corpus.held_out")
    documents = np.arange(corpus.number_of_documents)
    others = held_out.TrainingDocuments(len(documents), corpus.held_out)
    return pairs.plan_examples(corpus, documents, others, MAX_LENGTH, SEED, EPOCH)


def pairs_error() -> float:
    """How many pairs break a rule."""
    its_corpus = corpus()
    starts = its_corpus.sentence_starts[its_corpus.document_starts]
    document_of = np.repeat(np.arange(DOCUMENTS), np.diff(starts)).tolist()
    begins = frozenset(its_corpus.sentence_starts.tolist())
    examples = planned(its_corpus)
    faults = 0
    for example in examples:
        a, b = (range(example[f"{side}_start"], example[f"{side}_end"]) for side in "ab")
        if fault(Pair(a, b, bool(example["is_random"])), document_of, begins, MAX_LENGTH - 3) is not None:
            faults += 1
    return float(faults) if len(examples) else float("inf")


def random_share_error() -> float:
    """By how many standard deviations the share of random Bs differs from one half.

    A chunk of one sentence has nothing to go on with, and its B is always random. So it is not counted. If all
    sentences are of one token, only a document's last sentence can be such a chunk.
    """
    its_corpus = corpus(MANY, longest_sentence=1)
    last_sentences = its_corpus.document_starts[1:] - 1
    examples = planned(its_corpus)
    is_random = examples["is_random"][~np.isin(examples["chunk"], last_sentences)]
    return sigmas(float(is_random.mean()), 0.5, len(is_random))


def layout_error() -> float:
    """[CLS] A [SEP] B [SEP], segments, labels and their places, of a batch; masks are put back first."""
    layout: Any = import_module("data.pretraining.layout")
    tokenizer, its_corpus = WordPieceTokenizer(VOCABULARY), corpus()
    examples = planned(its_corpus)[:20]
    batch = layout.InputLayout(its_corpus, tokenizer, whole_word_masking=False, nsp=True).batch(examples, SEED, EPOCH)
    ids, types, lengths, unmaskable = [], [], [], []
    for example in examples:
        texts = (its_corpus.tokens[example[f"{side}_start"] : example[f"{side}_end"]] for side in "ab")
        pieces, segments = model_input(*([VOCABULARY[token] for token in text] for text in texts))
        unmaskable += [piece in ("[CLS]", "[SEP]") for piece in pieces]
        ids += [VOCABULARY.index(piece) for piece in pieces]
        types += segments
        lengths.append(len(pieces))
    found = batch.input_ids.clone()
    found[batch.selected] = batch.labels["masked_labels"]
    return largest_of(
        [
            (found, ids),
            (batch.token_type_ids, types),
            (batch.sequences.lengths, lengths),
            (batch.labels["next_sentence_labels"], examples["is_random"]),
            (len(batch.selected), sum(map(rules.tokens_to_predict, lengths))),
            (np.array(unmaskable)[batch.selected.numpy()].sum(), 0),
        ]
    )
