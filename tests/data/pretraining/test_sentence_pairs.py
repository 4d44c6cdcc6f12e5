import random

import numpy as np
import pytest

from bert.errors import InputError
from data.corpus.held_out import HeldOutDocuments, TrainingDocuments
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.sentence_pairs import plan_examples


def make_corpus(documents):
    """A corpus of documents, each a list of sentence lengths. Each token's id is its index."""
    lengths = [length for document in documents for length in document]
    return TokenizedCorpus(
        tokens=np.arange(sum(lengths)),
        sentence_starts=np.append(0, np.cumsum(lengths)),
        document_starts=np.append(0, np.cumsum([len(document) for document in documents])),
        held_out=np.zeros(0, np.int64),
        training_counts=np.ones(1, np.int64),
    )


def random_documents(count, longest_document=20, longest_sentence=40, seed=0):
    rng = random.Random(seed)
    return [[rng.randint(1, longest_sentence) for _ in range(rng.randint(1, longest_document))] for _ in range(count)]


def plan(documents, max_length=64, seed=1, epoch=0, nsp=True, chosen=None):
    corpus = make_corpus(documents)
    everything = TrainingDocuments(len(documents), corpus.held_out)
    chosen = np.arange(len(documents)) if chosen is None else np.array(chosen)
    return plan_examples(corpus, chosen, everything, max_length, seed, epoch, nsp)


def token_lists(documents):
    places = iter(range(sum(map(sum, documents))))
    return [[[next(places) for _ in range(length)] for length in document] for document in documents]


def reference_pairs(tokens, number, max_length, rng, put_back=True):
    """The examples of one document, one by one on lists of tokens, like the reference code."""
    longest = max_length - 3
    target = rng.randint(2, longest) if rng.random() < 0.1 else longest
    examples, chunk, i = [], [], 0
    while i < len(tokens[number]):
        chunk.append(tokens[number][i])
        if i == len(tokens[number]) - 1 or sum(map(len, chunk)) >= target:
            cut = rng.randint(1, len(chunk) - 1) if len(chunk) > 1 else 1
            a = [token for sentence in chunk[:cut] for token in sentence]
            b = []
            is_random = len(chunk) == 1 or rng.random() < 0.5
            if is_random:
                other = rng.choice([n for n in range(len(tokens)) if n != number])
                start = rng.randrange(len(tokens[other]))
                for sentence in tokens[other][start:]:
                    b += sentence
                    if len(b) >= target - len(a):
                        break
                if put_back:
                    i -= len(chunk) - cut
            else:
                b = [token for sentence in chunk[cut:] for token in sentence]
            while len(a) + len(b) > longest:
                longer = a if len(a) > len(b) else b
                longer.pop(0 if rng.random() < 0.5 else -1)
            examples.append((a, b, is_random))
            chunk = []
        i += 1
    return examples


def statistics(examples, sentence_starts):
    """Describes an epoch of one document's examples (a_start, a_end, b_start, b_end, is_random) by numbers."""
    a_start, a_end, b_start, b_end, is_random = np.array(examples).T
    a, b = a_end - a_start, b_end - b_start
    starts = np.array(sentence_starts)
    return [
        len(a),
        a.mean(),
        b.mean(),
        (a + b).max(),
        (a + b < (a + b).max()).mean(),
        (a > b).mean(),
        is_random.mean(),
        (b * is_random).sum(),
        (a * a).mean(),
        (a * b).mean(),
        (a == b).mean(),
        np.isin(a_start, starts).mean(),  # nothing cut off its front
        np.isin(b_end, starts).mean(),
        np.isin(b_start, starts).mean(),
        b_start[is_random == 1].mean() if is_random.any() else 0,
        a_start.min(),
    ]


def largest_deviation(first, second):
    """The largest difference between the means of two samples of statistics, in standard errors."""
    first, second = np.array(first, float), np.array(second, float)
    error = np.sqrt(first.var(axis=0) / len(first) + second.var(axis=0) / len(second))
    return (np.abs(first.mean(axis=0) - second.mean(axis=0)) / np.maximum(error, 1e-9)).max()


@pytest.fixture(scope="module", params=[(33, 40), (64, 12), (13, 40)], ids=str)
def trials(request):
    """Statistics of many passes over a document: ours, the reference's, and another rule's."""
    max_length, longest_sentence = request.param
    documents = random_documents(6, 12, longest_sentence, seed=max_length)
    corpus = make_corpus(documents)
    everything = TrainingDocuments(len(documents), corpus.held_out)
    number, passes = max(range(6), key=lambda number: len(documents[number])), 300

    def by_reference(**rules):
        rng, tokens = random.Random(0), token_lists(documents)
        for _ in range(passes):
            examples = reference_pairs(tokens, number, max_length, rng, **rules)
            yield statistics([(a[0], a[-1] + 1, b[0], b[-1] + 1, r) for a, b, r in examples], corpus.sentence_starts)

    def by_plan():
        for epoch in range(passes):
            examples = plan_examples(corpus, np.array([number]), everything, max_length, 5, epoch)
            yield statistics([row[1:] for row in examples.tolist()], corpus.sentence_starts)

    return list(by_plan()), list(by_reference()), list(by_reference(put_back=False))


def test_the_examples_are_distributed_as_the_reference_makes_them(trials):
    ours, reference, _ = trials
    assert largest_deviation(ours, reference) < 5


def test_a_change_of_the_rules_would_be_seen(trials):
    ours, _, without_putting_back = trials
    assert largest_deviation(ours, without_putting_back) > 5


@pytest.fixture(scope="module")
def many():
    documents = random_documents(300, seed=4)
    return documents, make_corpus(documents), plan(documents)


def document_of(corpus, token):
    sentence = np.searchsorted(corpus.sentence_starts, token, side="right") - 1
    return np.searchsorted(corpus.document_starts, sentence, side="right") - 1


def test_a_and_b_lie_within_one_document_each(many):
    _, corpus, examples = many
    for side in "ab":
        assert (examples[f"{side}_start"] < examples[f"{side}_end"]).all()
        first = document_of(corpus, examples[f"{side}_start"])
        assert (first == document_of(corpus, examples[f"{side}_end"] - 1)).all()


def test_a_random_b_is_from_another_document_and_a_true_one_follows_in_the_same(many):
    _, corpus, examples = many
    a, b = document_of(corpus, examples["a_start"]), document_of(corpus, examples["b_start"])
    is_random = examples["is_random"] == 1
    assert (a[is_random] != b[is_random]).all()
    assert (a[~is_random] == b[~is_random]).all()
    assert (examples["a_end"] <= examples["b_start"])[~is_random].all()
    assert 0.4 < is_random.mean() < 0.8  # half, and all the chunks of a single sentence


def test_every_other_document_is_as_likely_to_be_the_random_one():
    documents = [[5] * 400] + [[5]] * 9
    corpus = make_corpus(documents)
    others = np.concatenate([plan(documents, 13, epoch=epoch, chosen=[0]) for epoch in range(12)])
    others = document_of(corpus, others["b_start"][others["is_random"] == 1])
    counts = np.bincount(others, minlength=10)
    assert counts[0] == 0
    mean = len(others) / 9
    assert mean > 150
    assert np.abs(counts[1:] - mean).max() < 5 * np.sqrt(mean)


def test_half_of_the_chunks_of_several_sentences_get_a_random_b():
    documents = [[1] * 1500 for _ in range(100)]  # any chunk but a document's last has several sentences
    examples = np.concatenate([plan(documents, 16, epoch=epoch) for epoch in range(2)])
    corpus = make_corpus(documents)
    last = corpus.sentence_starts[corpus.document_starts[1:] - 1]
    is_random = examples["is_random"][~np.isin(examples["chunk"], last)]
    assert len(is_random) > 10_000
    assert abs(is_random.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(is_random))


def test_a_random_b_may_begin_at_any_sentence_of_its_document():
    documents = [[5] * 400, [5] * 5, [5] * 5]
    corpus = make_corpus(documents)
    examples = np.concatenate([plan(documents, 13, epoch=epoch, chosen=[0]) for epoch in range(24)])
    starts = np.searchsorted(corpus.sentence_starts, examples["b_start"][examples["is_random"] == 1], side="right") - 1
    counts = np.bincount(starts - 400, minlength=10)
    assert len(counts) == 10
    assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())
    assert counts.mean() > 150


def test_lengths_fill_the_input_and_never_exceed_it(many):
    _, _, examples = many
    lengths = examples["a_end"] - examples["a_start"] + examples["b_end"] - examples["b_start"]
    assert lengths.max() == 64 - 3
    assert (lengths == 61).mean() > 0.5


def test_the_longer_side_is_cut_one_token_at_a_time_and_b_if_they_are_equal():
    documents = [[a, b] for a in range(1, 80, 2) for b in range(1, 80, 3)]
    corpus = make_corpus(documents)
    seen = 0
    for _, a_start, a_end, b_start, b_end, is_random in plan(documents).tolist():
        a, b = documents[document_of(corpus, a_start)]
        if is_random or a >= 61:
            continue
        while a + b > 61:
            a, b = (a - 1, b) if a > b else (a, b - 1)
        assert (a_end - a_start, b_end - b_start) == (a, b)
        seen += 1
    assert seen > 100


def test_every_sentence_is_in_an_example_unless_truncation_drops_it():
    documents = random_documents(50, 20, 3)  # sentences so short that a chunk is hardly longer than its target
    examples = plan(documents, max_length=512)
    covered = np.zeros(sum(map(sum, documents)), bool)
    for _, a_start, a_end, b_start, b_end, is_random in examples.tolist():
        covered[a_start:a_end] = True
        if not is_random:
            covered[b_start:b_end] = True
    assert covered.all()


def test_each_example_has_a_name_of_its_own(many):
    _, corpus, examples = many
    assert len(np.unique(examples["chunk"])) == len(examples)
    assert np.isin(examples["chunk"], corpus.sentence_starts).all()


def test_examples_depend_on_seed_epoch_and_document_alone(many):
    documents, _, examples = many
    again = plan(documents)
    assert (again == examples).all()
    some = plan(documents, chosen=[17, 200, 4])
    assert np.isin(some, examples).all()
    for other in (plan(documents, seed=2), plan(documents, epoch=1)):
        assert not np.isin(other, examples).all()


def test_the_order_is_random(many):
    _, _, examples = many
    chunks = examples["chunk"]
    assert abs(np.corrcoef(chunks[:-1], chunks[1:])[0, 1]) < 5 / np.sqrt(len(chunks))


def test_one_pass_in_ten_aims_at_a_shorter_length():
    documents = [[1] * 62] * 4000  # each fills an input without pairs
    examples = plan(documents, nsp=False)
    first = examples[examples["chunk"] % 62 == 0]
    short = (first["a_end"] - first["a_start"])[first["a_end"] - first["a_start"] < 62]
    expected = 4000 * 0.1 * 60 / 61  # one in 61 of the short lengths is the full one
    assert abs(len(short) - expected) < 5 * np.sqrt(expected)
    assert short.min() == 2
    assert abs(short.mean() - 31.5) < 5 * 60 / np.sqrt(12 * len(short))


def test_held_out_documents_can_take_random_sentences_from_each_other():
    documents = random_documents(20)
    corpus = make_corpus(documents)
    held_out = np.array([3, 8, 15])
    examples = plan_examples(corpus, held_out, HeldOutDocuments(held_out), 64, 0, 0)
    assert set(document_of(corpus, examples["a_start"])) == {3, 8, 15}
    assert set(document_of(corpus, examples["b_start"])) <= {3, 8, 15}


def test_single_segments_have_every_token_once_in_whole_sentences_if_they_fit():
    documents = random_documents(100, 20, 90, seed=2)
    corpus = make_corpus(documents)
    examples = plan(documents, nsp=False)
    assert (examples["b_start"] == examples["b_end"]).all()
    examples = np.sort(examples, order="a_start")
    assert examples["a_start"][0] == 0
    assert (examples["a_start"][1:] == examples["a_end"][:-1]).all()
    assert examples["a_end"][-1] == len(corpus.tokens)
    assert (document_of(corpus, examples["a_start"]) == document_of(corpus, examples["a_end"] - 1)).all()
    lengths = examples["a_end"] - examples["a_start"]
    assert lengths.max() == 62
    cut = ~np.isin(examples["a_end"], corpus.sentence_starts)
    sentence = np.searchsorted(corpus.sentence_starts, examples["a_start"], side="right")
    assert (corpus.sentence_starts[sentence] > examples["a_end"])[cut].all()  # only within one sentence
    assert 0 < cut.mean() < 0.5


def test_a_sentence_far_longer_than_the_input_is_no_trouble():
    examples = plan([[100_000], [3, 3]])
    lengths = examples["a_end"] - examples["a_start"] + examples["b_end"] - examples["b_start"]
    assert lengths.max() <= 61
    assert plan([[100_000]], nsp=False)["a_end"].max() == 100_000


@pytest.mark.parametrize("nsp", [True, False])
def test_a_length_without_room_for_text_is_refused(nsp):
    with pytest.raises(InputError, match="--max-length 7"):
        plan([[3, 3], [3, 3]], max_length=7, nsp=nsp)
    assert len(plan([[3, 3], [3, 3]], max_length=8, nsp=nsp))
