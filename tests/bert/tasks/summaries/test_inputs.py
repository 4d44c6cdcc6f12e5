"""Each sentence has its own [CLS] and [SEP], and is scored once, where it has context."""

import random

import pytest

from bert.errors import InputError
from bert.tasks.summaries.inputs import sentence_windows
from bert.tasks.windows import batch_of
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])


def pieces(window):
    return " ".join(TOKENIZER.vocabulary[token_id] for token_id in window.input_ids)


def make_document(generator, count):
    return [" ".join(generator.choices(LETTERS, k=generator.randint(1, 6))) for _ in range(count)]


def test_sentences_stand_between_cls_and_sep_with_alternating_types():
    (window,), cut = sentence_windows(TOKENIZER, ["a b", "c", "d e"], 32)
    assert pieces(window) == "[CLS] a b [SEP] [CLS] c [SEP] [CLS] d e [SEP]"
    assert window.token_type_ids.tolist() == [0] * 4 + [1] * 3 + [0] * 4
    assert (window.items, window.selected, cut) == ([0, 1, 2], [0, 4, 7], 0)


def test_in_windows_each_sentence_is_whole_and_scored_once_at_its_own_cls():
    generator = random.Random(0)
    for _ in range(60):
        sentences, max_length = make_document(generator, generator.randint(1, 30)), generator.randint(8, 40)
        windows, cut = sentence_windows(TOKENIZER, sentences, max_length)
        assert cut == 0
        found = {}
        for window in windows:
            assert len(window.input_ids) == len(window.token_type_ids) <= max_length
            for sentence, position in zip(window.items, window.selected, strict=True):
                assert sentence not in found
                expected = TOKENIZER(sentences[sentence]).input_ids
                assert window.input_ids[position : position + len(expected)].tolist() == expected
                assert len(set(window.token_type_ids[position : position + len(expected)])) == 1
                found[sentence] = min(position, len(window.input_ids) - position - len(expected))
            begins = window.input_ids == TOKENIZER.cls_token_id  # the types of each window begin with 0
            assert window.token_type_ids.tolist() == ((begins.cumsum() - 1) % 2).tolist()
        assert sorted(found) == list(range(len(sentences)))


def test_windows_overlap_so_that_sentences_have_context():
    windows, _ = sentence_windows(TOKENIZER, ["a b c d"] * 40, 60)  # ten sentences in a window
    assert len(windows) > 5
    for number, window in enumerate(windows):
        for sentence, position in zip(window.items, window.selected):
            if number not in (0, len(windows) - 1):
                assert 12 <= position <= 60 - 6 - 12, sentence


def test_a_sentence_longer_than_a_window_loses_its_end_and_is_counted():
    windows, cut = sentence_windows(TOKENIZER, ["a", "b c d e f g h i", "j k"], 8)
    assert cut == 1
    assert [pieces(window) for window in windows] == [
        "[CLS] a [SEP]", "[CLS] b c d e f g [SEP]", "[CLS] j k [SEP]",
    ]  # fmt: skip


def test_no_room_at_all_is_refused():
    with pytest.raises(InputError):
        sentence_windows(TOKENIZER, ["a"], 1)


def test_in_a_batch_the_cls_of_each_sentence_is_selected():
    documents = [["a b", "c"], ["d", "e", "f g"]]
    windows = [window for document in documents for window in sentence_windows(TOKENIZER, document, 32).windows]
    batch = batch_of(windows)
    assert batch.selected.tolist() == [0, 4, 7, 10, 13]
    assert (batch.input_ids[batch.selected] == TOKENIZER.cls_token_id).all()
    assert batch.token_type_ids.tolist() == [0] * 4 + [1] * 3 + [0] * 3 + [1] * 3 + [0] * 4
