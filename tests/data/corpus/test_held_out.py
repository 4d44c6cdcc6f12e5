import numpy as np

from data.corpus.held_out import HeldOutDocuments, TrainingDocuments, is_held_out, training_sentences


def test_a_small_corpus_holds_out_a_document_if_two_are_left():
    assert [is_held_out(number) for number in range(3)] == [False, False, True]


def test_one_document_in_twenty_is_held_out_and_fewer_of_a_large_corpus():
    held_out = np.array([is_held_out(number) for number in range(200_000)])
    first = held_out[:10_000].sum()
    assert abs(first - 500) < 3 * np.sqrt(500)  # always the same ones, so no chance is left
    rest = held_out[10_000:].sum()
    expected = 500 * np.log(20)
    assert abs(rest - expected) < 5 * np.sqrt(expected)
    assert held_out[100_000:].any()  # from everywhere in the corpus


def test_a_vocabulary_is_not_learned_from_held_out_documents():
    documents = [[f"{number} first", f"{number} second"] for number in range(100)]
    sentences = list(training_sentences(documents))
    numbers = [int(sentence.split()[0]) for sentence in sentences]
    assert numbers == [number for number in range(100) if not is_held_out(number) for _ in range(2)]
    assert len(numbers) < 200


def test_both_parts_translate_indices_there_and_back():
    held_out = np.array([0, 4, 5, 9])
    training = TrainingDocuments(11, held_out)
    assert training.count == 7
    assert training.corpus_indices(np.arange(7)).tolist() == [1, 2, 3, 6, 7, 8, 10]
    assert training.own_indices(training.corpus_indices(np.arange(7))).tolist() == list(range(7))
    part = HeldOutDocuments(held_out)
    assert part.count == 4
    assert part.corpus_indices(np.arange(4)).tolist() == held_out.tolist()
    assert part.own_indices(held_out).tolist() == list(range(4))
    everything = TrainingDocuments(3, np.zeros(0, np.int64))
    assert everything.corpus_indices(np.arange(3)).tolist() == [0, 1, 2]


def test_the_same_documents_are_held_out_for_ever():
    """A run that is resumed, or fine-tuned and measured years later, must hold out what it held out."""
    assert [number for number in range(300) if is_held_out(number)] == [
        2,
        19,
        46,
        61,
        83,
        90,
        121,
        154,
        170,
        202,
        215,
        223,
        253,
        263,
        267,
        278,
        280,
        284,
        298,
    ]
