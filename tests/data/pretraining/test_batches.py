import itertools
import math

import numpy as np
import pytest
import torch

import data.pretraining.batches
from bert.errors import InputError
from bert.tokenization.wordpiece import WordPieceTokenizer
from data.corpus.held_out import HeldOutDocuments, is_held_out
from data.corpus.tokenized import write_corpus
from data.prefetch import prefetch
from data.pretraining.batches import PretrainingBatches, evaluation_batches
from data.pretraining.masking import Masking, mask_budgets
from data.pretraining.sentence_pairs import plan_examples

LETTERS = list("abcdefghijklmnopqrstuvwxyz")


def make_documents(count=300, seed=0, most_sentences=12):
    random = np.random.default_rng(seed)
    for _ in range(count):
        sentences = random.integers(1, most_sentences + 1)
        yield [" ".join(random.choice(LETTERS, random.integers(1, 25))) for _ in range(sentences)]


@pytest.fixture(scope="module")
def corpus(tokenizer, tmp_path_factory):
    return write_corpus(make_documents(), tokenizer, tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def several_windows(monkeypatch):
    monkeypatch.setattr(data.pretraining.batches, "TOKENS_PER_WINDOW", 2000)


def take(batches, count):
    return list(itertools.islice(batches, count))


def equal(first, second):
    return list(rows(first)) == list(rows(second))


def same_updates(first, second):
    return all(
        one.position == other.position
        and one.examples == other.examples
        and all(map(equal, one.micro_batches, other.micro_batches))
        for one, other in zip(first, second, strict=True)
    )


def rows(batch):
    """Each example of a micro-batch as plain data: (ids, token types, {position: label}, next-sentence label)."""
    labels = dict(zip(batch.selected.tolist(), batch.labels["masked_labels"].tolist(), strict=True))
    next_sentence = batch.labels.get("next_sentence_labels")
    for row, (first, end) in enumerate(itertools.pairwise(batch.sequences.boundaries.tolist())):
        yield (
            batch.input_ids[first:end].tolist(),
            batch.token_type_ids[first:end].tolist(),
            {token - first: label for token, label in labels.items() if first <= token < end},
            None if next_sentence is None else int(next_sentence[row]),
        )


def unmasked(row):
    ids, _, labels, _ = row
    return [labels.get(position, token_id) for position, token_id in enumerate(ids)]


@pytest.mark.parametrize("nsp", [True, False])
def test_a_micro_batch_is_what_the_model_takes(corpus, tokenizer, nsp):
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    for update in take(PretrainingBatches(corpus, tokenizer, 16, 61, seed=1, nsp=nsp), 20):
        [batch] = update.micro_batches
        tensors = [batch.input_ids, batch.token_type_ids, batch.selected, *batch.labels.values()]
        assert all(values.dtype == torch.int64 for values in tensors)
        lengths = batch.sequences.lengths
        assert len(lengths) == 16
        assert batch.input_ids.shape == batch.token_type_ids.shape == (lengths.sum(),)
        assert lengths.max() == batch.sequences.longest <= 61
        assert (batch.selected.diff() > 0).all()
        assert ("next_sentence_labels" in batch.labels) == nsp
        for row in rows(batch):
            ids, types, labels, _ = row
            text = unmasked(row)
            assert text[0] == cls and text[-1] == sep and text.count(sep) == (2 if nsp else 1)
            first_sep = text.index(sep)
            assert types == [0] * (first_sep + 1) + [1] * (len(ids) - first_sep - 1)
            assert len(labels) == mask_budgets(np.array([len(ids)]))[0]
            assert all(ids[position] == text[position] for position in range(len(ids)) if position not in labels)


def test_the_text_of_an_example_is_in_the_corpus(corpus, tokenizer):
    documents = [
        [token for sentence in document for token in tokenizer.encode(sentence)] for document in make_documents()
    ]

    def home(ids):
        found = [
            number
            for number, tokens in enumerate(documents)
            if any(tokens[start : start + len(ids)] == ids for start in range(len(tokens) - len(ids) + 1))
        ]
        return set(found)

    checked = 0
    for update in take(PretrainingBatches(corpus, tokenizer, 16, 64, seed=1), 3):
        for row in rows(update.micro_batches[0]):
            text = unmasked(row)
            sep = text.index(tokenizer.sep_token_id)
            a, b = home(text[1:sep]), home(text[sep + 1 : -1])
            assert a and b
            assert not all(map(is_held_out, a)) and not all(map(is_held_out, b))
            if len(a) == len(b) == 1:
                assert (a != b) == bool(row[3])
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("whole_word_masking", [False, True])
def test_processes_and_accumulation_share_the_same_batch(several_windows, corpus, tokenizer, whole_word_masking):
    def examples(processes, accumulate):
        parts = [
            take(
                PretrainingBatches(
                    corpus, tokenizer, 24, 64, seed=3, whole_word_masking=whole_word_masking,
                    process=process, processes=processes, accumulate=accumulate,
                ),
                20,
            )
            for process in range(processes)
        ]  # fmt: skip
        for updates in zip(*parts):
            assert len({update.position for update in updates}) == 1
            assert all(len(update.micro_batches) == accumulate for update in updates)
            yield [row for update in updates for batch in update.micro_batches for row in rows(batch)]

    alone = list(examples(1, 1))
    assert all(len(batch) == 24 for batch in alone)
    for processes, accumulate in ((2, 1), (1, 4), (3, 2)):
        assert list(examples(processes, accumulate)) == alone
    other_seed = take(PretrainingBatches(corpus, tokenizer, 24, 64, seed=4), 20)
    assert [list(rows(update.micro_batches[0])) for update in other_seed] != alone


def test_the_iterator_resumes_exactly_after_any_update(several_windows, corpus, tokenizer):
    def batches(position=None):
        return PretrainingBatches(corpus, tokenizer, 7, 64, seed=5, position=position)

    whole = take(batches(), 400)
    epochs = {update.position[0] for update in whole}
    windows = {update.position[1] for update in whole}
    assert len(epochs) > 1 and len(windows) > 3
    for done in (1, 50, 201, 224, 301, 399):
        assert same_updates(take(batches(whole[done - 1].position), 400 - done), whole[done:])
    assert not same_updates(take(batches(whole[49].position), 10), whole[51:61])


def test_prefetching_does_not_disturb_the_position(corpus, tokenizer):
    batches = PretrainingBatches(corpus, tokenizer, 7, 64, seed=5)
    prefetched = prefetch(batches, ahead=5)
    assert same_updates(take(prefetched, 20), take(batches, 20))
    prefetched.close()


def test_an_epoch_has_each_example_once_and_drops_the_incomplete_batch(several_windows, corpus, tokenizer):
    batches = PretrainingBatches(corpus, tokenizer, 10, 64, seed=6)
    updates = [update for update in take(batches, 600) if update.examples.epoch < 2]
    by_epoch = [[], []]
    for update in updates:
        by_epoch[update.examples.epoch] += update.examples.chunks
    planned = sum(len(batches._plan_window(0, window)) for window in range(batches._windows))
    assert len(by_epoch[0]) == planned // 10 * 10
    assert len(set(by_epoch[0])) == len(by_epoch[0])
    assert by_epoch[0] != by_epoch[1]
    assert abs(batches.updates_per_epoch - planned // 10) <= 0.2 * planned / 10


def test_of_a_corpus_of_one_window_the_updates_of_an_epoch_are_counted_exactly(corpus, tokenizer):
    for batch_size in (7, 16):
        batches = PretrainingBatches(corpus, tokenizer, batch_size, 64, seed=6)
        updates = take(batches, 2 * batches.updates_per_epoch)
        assert sum(update.examples.epoch == 0 for update in updates) == batches.updates_per_epoch


def test_masks_are_drawn_anew_in_each_epoch(tokenizer, tmp_path):
    corpus = write_corpus([["a b c d e f g h i j k l"]] * 2, tokenizer, tmp_path)
    batches = take(PretrainingBatches(corpus, tokenizer, 2, 64, seed=0, nsp=False), 30)
    masks = {tuple(update.micro_batches[0].selected.tolist()) for update in batches}
    assert len(masks) > 10


def test_pairs_are_drawn_anew_in_each_epoch(corpus, tokenizer):
    epochs = [{}, {}]  # the chunk of each example -> its text and label
    for update in take(PretrainingBatches(corpus, tokenizer, 10, 64, seed=6), 600):
        if update.examples.epoch < 2:
            found = [(unmasked(row), row[3]) for row in rows(update.micro_batches[0])]
            epochs[update.examples.epoch] |= dict(zip(update.examples.chunks, found, strict=True))
    both = epochs[0].keys() & epochs[1].keys()  # each document's first chunk, at least
    assert len(both) > 200
    labels_differ = np.mean([epochs[0][chunk][1] != epochs[1][chunk][1] for chunk in both])
    assert labels_differ > 0.25  # half, but for the chunks of a single sentence
    assert np.mean([epochs[0][chunk][0] == epochs[1][chunk][0] for chunk in both]) < 0.3


def over(step):
    """The fraction of a run of 64 updates that is over."""
    return step / 64


FALLING = Masking(rate=(0.75, 0.25))  # with these numbers no rate is rounded


def test_each_update_masks_the_share_that_its_number_says(several_windows, corpus, tokenizer):
    def expected(lengths, rate):
        return sum(min(max(1, round(rate * length)), length - 3) for length in lengths)

    def batches(position=None):
        return PretrainingBatches(corpus, tokenizer, 8, 64, seed=5, position=position, masking=FALLING)

    whole = take(batches().updates(over=over), 40)
    assert whole[-1].position[1] > 0  # windows
    for step, update in enumerate(whole):
        (batch,) = update.micro_batches
        lengths = batch.sequences.lengths.tolist()
        assert len(batch.selected) == expected(lengths, 0.75 - step / 128), step
        assert len(batch.selected) != expected(lengths, 0.15)
    for done in (1, 17, 39):  # a resumed run
        resumed = batches(whole[done - 1].position)
        assert same_updates(take(resumed.updates(done, over), 40 - done), whole[done:])
    assert not same_updates(take(resumed.updates(0, over), 1), whole[39:])  # the control: another number


def test_of_a_falling_rate_processes_and_accumulation_share_the_same_batch(corpus, tokenizer):
    def rows_of(processes, accumulate, masking=FALLING):
        parts = [
            take(PretrainingBatches(
                corpus, tokenizer, 12, 64, 3, process=process, processes=processes, accumulate=accumulate,
                masking=masking,
            ).updates(3, over), 5)
            for process in range(processes)
        ]  # fmt: skip
        return [[row for part in update for batch in part.micro_batches for row in rows(batch)]
                for update in zip(*parts)]  # fmt: skip

    alone = rows_of(1, 1)
    for processes, accumulate in ((2, 1), (1, 4), (3, 2)):
        assert rows_of(processes, accumulate) == alone
    assert rows_of(1, 1, Masking()) != alone


@pytest.mark.parametrize("nsp", [True, False])
def test_copies_come_again_with_their_masks_in_another_order(tokenizer, tmp_path, monkeypatch, nsp):
    monkeypatch.setattr(data.pretraining.batches, "TOKENS_PER_WINDOW", 500)
    few = write_corpus(make_documents(20), tokenizer, tmp_path)

    def epochs(copies):
        batches = PretrainingBatches(few, tokenizer, 1, 64, seed=6, nsp=nsp, masking=Masking(copies=copies))
        found = [[], [], []]
        for update in batches:
            if update.examples.epoch == 3:
                return found
            found[update.examples.epoch] += [str(row) for row in rows(update.micro_batches[0])]

    first, second, third = epochs(copies=2)
    assert sorted(first) == sorted(third)
    assert first != third
    assert sorted(first) != sorted(second)
    anew = epochs(copies=0)
    assert anew[:2] == [first, second]
    assert sorted(anew[0]) != sorted(anew[2])


def test_joined_examples_make_whole_sequences_in_every_micro_batch(corpus, tokenizer):
    def sequences(joined, **parts):
        batches = PretrainingBatches(corpus, tokenizer, 12, 32, seed=6, nsp=False, joined=joined, **parts)
        return [batch.input_ids[first:end].tolist() for batch in take(batches, 1)[0].micro_batches
                for first, end in itertools.pairwise(batch.sequences.boundaries.tolist())]  # fmt: skip

    apart, joined = sequences(1), sequences(3)
    assert joined == [[*apart[first], *apart[first + 1], *apart[first + 2]] for first in range(0, 12, 3)]
    assert sequences(3, accumulate=4) == joined
    assert sequences(3, processes=2) + sequences(3, processes=2, process=1) == joined
    with pytest.raises(InputError, match=r"each of whole sequences of 5 examples .*multiple of 10, such as 20"):
        sequences(5, accumulate=2)


def test_documents_come_in_another_order_in_each_epoch(several_windows, corpus, tokenizer):
    batches = PretrainingBatches(corpus, tokenizer, 10, 64, seed=6)

    def documents(epoch):  # of the epoch's first window
        chunks = batches._plan_window(epoch, 0)["chunk"]
        ends = corpus.sentence_starts[corpus.document_starts[1:]]
        return set(np.searchsorted(ends, chunks, side="right").tolist())

    assert batches._windows > 3
    assert documents(0) == documents(0)
    assert len(documents(0) & documents(1)) < 0.8 * len(documents(0))


def test_masks_are_those_of_the_epoch(corpus, tokenizer):
    batches = PretrainingBatches(corpus, tokenizer, 1, 64, seed=6, nsp=False)
    masks = [{}, {}]
    for update in take(batches, 2 * batches.updates_per_epoch):
        if update.examples.epoch < 2:
            (chunk,), (row,) = update.examples.chunks, rows(update.micro_batches[0])
            masks[update.examples.epoch][chunk, tuple(unmasked(row))] = tuple(row[2])
    both = masks[0].keys() & masks[1].keys()  # the same text
    assert len(both) > 100
    assert np.mean([masks[0][example] == masks[1][example] for example in both]) < 0.3


def test_the_examples_of_an_update_are_named(corpus, tokenizer):
    update = next(iter(PretrainingBatches(corpus, tokenizer, 4, 64, seed=1)))
    assert str(update.examples).startswith("of epoch 0 that begin at the tokens ")
    assert len(update.examples.chunks) == 4


@pytest.mark.parametrize("single", [0, 30, 290])
def test_the_share_of_random_pairs_is_that_of_the_labels_of_an_epoch(tokenizer, tmp_path, single):
    documents = [document[:1] if index < single else document for index, document in enumerate(make_documents())]
    corpus = write_corpus(documents, tokenizer, tmp_path)
    batches = PretrainingBatches(corpus, tokenizer, 1, 32, seed=3)
    updates = itertools.takewhile(lambda update: update.examples.epoch == 0, batches)
    labels = torch.cat([update.micro_batches[0].labels["next_sentence_labels"] for update in updates])
    assert batches.random_pairs == pytest.approx(labels.double().mean().item())
    assert batches.random_pairs > (0.9 if single == 290 else 0.5)
    assert PretrainingBatches(corpus, tokenizer, 1, 32, seed=3, nsp=False).random_pairs == 0


def test_of_several_windows_the_first_stands_for_all(corpus, tokenizer, monkeypatch):
    whole = PretrainingBatches(corpus, tokenizer, 1, 32, seed=3).random_pairs
    monkeypatch.setattr(data.pretraining.batches, "TOKENS_PER_WINDOW", 5000)
    assert PretrainingBatches(corpus, tokenizer, 1, 32, seed=3).random_pairs == pytest.approx(whole, abs=0.08)


def test_a_batch_that_cannot_be_shared_is_refused(corpus, tokenizer):
    with pytest.raises(InputError, match=r"--batch-size 10 .* 2 processes with 3 micro-batches .* multiple of 6.* 12"):
        PretrainingBatches(corpus, tokenizer, 10, 64, seed=0, processes=2, accumulate=3)
    with pytest.raises(InputError, match="--batch-size 0"):
        PretrainingBatches(corpus, tokenizer, 0, 64, seed=0)


def test_a_corpus_too_small_for_a_batch_is_refused(several_windows, corpus, tokenizer):
    with pytest.raises(InputError, match=r"too small: its \d+ training documents make [\d,]+ examples .* 100,000"):
        PretrainingBatches(corpus, tokenizer, 100_000, 64, seed=0)


def test_a_corpus_without_pairs_is_refused_unless_it_needs_none(tokenizer, tmp_path):
    single = write_corpus([["a b c", "d e f"]], tokenizer, tmp_path / "single")
    with pytest.raises(InputError, match=r"a single document.*--no-nsp"):
        PretrainingBatches(single, tokenizer, 1, 64, seed=0)
    sentences = write_corpus([["a b c"]] * 10, tokenizer, tmp_path / "sentences")
    with pytest.raises(InputError, match=r"single sentence.*--no-nsp"):
        PretrainingBatches(sentences, tokenizer, 1, 64, seed=0)
    for corpus in (single, sentences):
        assert len(take(PretrainingBatches(corpus, tokenizer, 1, 64, seed=0, nsp=False), 5)) == 5


def test_a_vocabulary_other_than_the_corpuss_is_refused(corpus, tokenizer):
    other = WordPieceTokenizer([*tokenizer.vocabulary, "more"])
    with pytest.raises(InputError, match="tokenize it anew"):
        PretrainingBatches(corpus, other, 1, 64, seed=0)


@pytest.mark.parametrize("nsp", [True, False])
def test_evaluation_has_every_held_out_example_once_whatever_the_processes(corpus, tokenizer, nsp):
    def examples(process=0, processes=1, **settings):
        settings |= {"process": process, "processes": processes}
        batches = list(evaluation_batches(corpus, tokenizer, 4, 64, nsp, **settings))
        assert all(len(batch.sequences.lengths) == 4 for batch in batches[:-1])
        return [row for batch in batches for row in rows(batch)]

    everything = examples()
    assert len(everything) > 20
    assert examples() == everything
    parts = [row for process in range(3) for row in examples(process, 3)]
    assert sorted(map(repr, parts)) == sorted(map(repr, everything))
    some = examples(max_examples=5)
    assert len(some) == 5 and all(row in everything for row in some)
    assert examples(max_examples=10_000) == everything  # no document has a twentieth of so many
    if not nsp:
        tokens = sum(len(row[0]) - 2 for row in everything)
        documents = [document for number, document in enumerate(make_documents()) if is_held_out(number)]
        assert tokens == sum(len(tokenizer.encode(sentence)) for document in documents for sentence in document)


@pytest.mark.parametrize("most", [400, 401, 419])
def test_a_long_held_out_document_does_not_speak_for_all(tokenizer, tmp_path, most):
    lengths = [500 if number == 2 else 12 for number in range(200)]  # document 2 is held out
    documents = [["a b c d e f g h"] * length for length in lengths]
    corpus = write_corpus(documents, tokenizer, tmp_path)
    assert is_held_out(2)
    end_of_the_long_one = corpus.sentence_starts[corpus.document_starts[3]]
    planned = plan_examples(corpus, corpus.held_out, HeldOutDocuments(corpus.held_out), 16, 0, 0, True)
    from_the_long_one = (planned["chunk"] < end_of_the_long_one).sum()
    assert from_the_long_one > 100  # the control: without a limit it would be most of them
    everything, limited = (
        sum(len(batch.sequences.lengths) for batch in evaluation_batches(corpus, tokenizer, 8, 16, max_examples=limit))
        for limit in (None, most)
    )
    assert everything == len(planned)
    assert limited == len(planned) - from_the_long_one + math.ceil(most / 20)


def test_of_long_documents_an_evaluation_has_just_as_many_examples_as_asked_for(tokenizer, tmp_path):
    corpus = write_corpus([["a b c d e f g h"] * 4] * 600, tokenizer, tmp_path)  # a twentieth of 20 from each document
    assert len(corpus.held_out) > 20
    batches = evaluation_batches(corpus, tokenizer, 8, 16, max_examples=20)
    assert sum(len(batch.sequences.lengths) for batch in batches) == 20


def test_training_and_evaluation_share_no_text(tokenizer, tmp_path):
    # Each document has a word of its own: its index in letters.
    documents = [[" ".join([chr(97 + number // 26) + chr(97 + number % 26)] * 5)] * 3 for number in range(100)]
    corpus = write_corpus(documents, tokenizer, tmp_path)
    words = {}
    for name, batches in (
        ("training", [u.micro_batches[0] for u in take(PretrainingBatches(corpus, tokenizer, 8, 64, seed=0), 100)]),
        ("held out", list(evaluation_batches(corpus, tokenizer, 8, 64))),
    ):
        texts = [tokenizer.decode(unmasked(row)) for batch in batches for row in rows(batch)]
        words[name] = {word for text in texts for word in text.split() if len(word) == 2}
    held_out = {document[0][:2] for number, document in enumerate(documents) if is_held_out(number)}
    assert words["held out"] == held_out
    assert words["training"] == {document[0][:2] for document in documents} - held_out


def test_a_single_held_out_document_takes_random_sentences_from_the_others(tokenizer, tmp_path):
    documents = [["a b", "c d"], ["e f", "g h"], ["i j", "k l", "m n", "o p", "q r"] * 9]
    corpus = write_corpus(documents, tokenizer, tmp_path)
    assert corpus.held_out.tolist() == [2]
    labels = torch.cat([batch.labels["next_sentence_labels"] for batch in evaluation_batches(corpus, tokenizer, 4, 16)])
    assert set(labels.tolist()) == {0, 1}


def test_a_corpus_of_two_documents_has_nothing_to_evaluate_on(tokenizer, tmp_path):
    corpus = write_corpus([["a b", "c d"], ["e f", "g h"]], tokenizer, tmp_path)
    assert list(evaluation_batches(corpus, tokenizer, 4, 64)) == []
