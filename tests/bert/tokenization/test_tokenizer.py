import inspect

import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = list("abcdefghij")
VOCABULARY = [*SPECIAL_TOKENS, *LETTERS, *("##" + letter for letter in LETTERS), "who", "was", "##ed", "."]


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(VOCABULARY)


NAMES = [name for name in vars(Tokenizer) if not name.startswith("_")]
IDS = [f"{name}_token_id" for name in ("pad", "unk", "cls", "sep", "mask")]


@pytest.mark.parametrize("name", [*NAMES, *IDS, "vocabulary", "continues_word", "special_token_ids", "__call__"])
def test_both_tokenizers_have_what_the_type_names_with_the_same_parameters(tokenizer, name):
    model = train_sentencepiece(["to be or not to be", "that is the question"], 20)
    expected = vars(Tokenizer).get(name)
    for each in (tokenizer, SentencePieceTokenizer(model)):
        value = getattr(each, name)
        if inspect.isfunction(expected):
            parameters = [*inspect.signature(expected).parameters.values()][1:]
            assert [*inspect.signature(value).parameters.values()] == parameters


def test_special_tokens_have_their_ids_by_name(tokenizer):
    assert [getattr(tokenizer, name) for name in IDS] == [0, 1, 2, 3, 4]
    assert tokenizer.special_token_ids == {0, 1, 2, 3, 4}


def test_pieces_and_ids_lead_to_each_other(tokenizer):
    assert tokenizer.vocab_size == len(VOCABULARY)
    assert [tokenizer.id_to_token(tokenizer.token_to_id(piece)) for piece in VOCABULARY] == VOCABULARY
    assert tokenizer.token_to_id("nowhere") == tokenizer.unk_token_id
    with pytest.raises(IndexError, match="ids run from 0 to"):
        tokenizer.id_to_token(-1)


def test_a_batch_has_the_ids_of_each_text(tokenizer):
    texts = ["abc. who", "", "[MASK]ed", "zzz"]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


def test_the_number_of_processes_changes_no_ids_and_no_order(tokenizer):
    texts = ["abc " * (number % 7) + "who was " * (number % 3) + "[MASK]" for number in range(2000)]
    expected = [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_batch(texts, processes=2) == expected
    assert tokenizer.encode_batch(texts, processes=3) == expected
    assert tokenizer.encode_batch([], processes=2) == []


def test_a_call_adds_special_tokens_and_cuts_to_length(tokenizer):
    encoding = tokenizer("a b c d e f", "g h", max_length=8)
    assert [VOCABULARY[token_id] for token_id in encoding.input_ids] == ["[CLS]", *"abc", "[SEP]", *"gh", "[SEP]"]
    assert encoding.token_type_ids == [0, 0, 0, 0, 0, 1, 1, 1]
    assert encoding.tokens == ["[CLS]", *"abc", "[SEP]", *"gh", "[SEP]"]
    assert len(tokenizer("a b c d e f", "g h")) == 11
    assert tokenizer("a b c d e f", "g h", max_length=6, truncation="only_first").sequence_ids.count(0) == 1
    assert tokenizer("a b", "g h", max_length=6, truncation="only_second").sequence_ids.count(0) == 2


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece"])
def either(request, tokenizer) -> Tokenizer:
    if request.param == "wordpiece":
        return tokenizer
    return SentencePieceTokenizer(train_sentencepiece(["who was abed", "a bad cab"], 18))


def test_a_batch_of_tensors_has_each_text_as_alone_then_padding(either):
    texts, pairs = ["who was", "", "a b c d e f g h"], ["abed", "who was abed", "a"]
    for seconds, max_length in ((None, None), (pairs, None), (pairs, 7)):
        batch = either.batch(texts, seconds, max_length)
        alone = [either(*both, max_length=max_length) for both in (zip(texts, seconds) if seconds else zip(texts))]
        longest = max(map(len, alone))
        assert list(batch) == ["input_ids", "token_type_ids", "attention_mask"]
        for name, tensor in batch.items():
            assert (tensor.shape, tensor.dtype) == ((3, longest), torch.int64), name
        for row, encoding in enumerate(alone):
            padding = [0] * (longest - len(encoding))
            assert batch["input_ids"][row].tolist() == encoding.input_ids + [either.pad_token_id] * len(padding)
            assert batch["token_type_ids"][row].tolist() == encoding.token_type_ids + padding
            assert batch["attention_mask"][row].tolist() == [1] * len(encoding) + padding


def test_a_batch_gives_each_text_the_states_it_has_alone(tokenizer):
    torch.manual_seed(0)
    model = BertModel(BertConfig(tokenizer.vocab_size, 6, 2, 2, 5, max_position_embeddings=20)).eval()
    texts, pairs = ["who was", "a b c d e f g h"], ["abed", "a"]
    with torch.inference_mode():
        together = model(**tokenizer.batch(texts, pairs)).last_hidden_state
        for row, both in enumerate(zip(texts, pairs)):
            alone = model(**tokenizer.batch(*([text] for text in both))).last_hidden_state[0]
            torch.testing.assert_close(together[row, : len(alone)], alone)
            assert not together[row, len(alone) :].any()


def test_a_list_in_the_place_of_a_text_is_refused_and_batch_is_named(either):
    for wrong in (["a", "b"], ("a",), None, b"a"):
        for call in (either, either.encode, either.tokenize, either.pieces):
            with pytest.raises(TypeError, match=rf"found a {type(wrong).__name__} .* tokenizer\.batch\(texts\)"):
                call(wrong)
    with pytest.raises(TypeError, match="found a list"):
        either("a", ["b"])


def test_a_batch_of_nothing_or_with_pairs_missing_is_refused(tokenizer):
    for arguments, found in ((([],), "0 texts and no pairs"), ((["a", "b"], ["c"]), "2 texts and 1 pairs")):
        with pytest.raises(ValueError, match=found):
            tokenizer.batch(*arguments)
    for arguments in (("abc",), (["a"], "b")):
        with pytest.raises(TypeError, match="put it into a list"):
            tokenizer.batch(*arguments)


@pytest.mark.peers
def test_a_batch_is_transformers(tokenizer):
    transformers = pytest.importorskip("transformers")
    peer = transformers.BertTokenizer(vocab={piece: token_id for token_id, piece in enumerate(VOCABULARY)})
    texts = ["who was abed?", "", "[MASK]ed", "a b c d e f g h i j"]
    pairs = ["abc def who was. gabbed hid", "a", "", "j i h g f e d c b a"]
    for seconds in (None, pairs):
        for max_length in (None, *range(4, 24)):
            cut = {} if max_length is None else {"truncation": True, "max_length": max_length}
            theirs = peer(texts, seconds, padding=True, return_tensors="pt", **cut)
            ours = tokenizer.batch(texts, seconds, max_length)
            assert ours.keys() == theirs.keys()
            for name, tensor in ours.items():
                assert torch.equal(tensor, theirs[name]), (name, max_length)


def test_words_split_beforehand_keep_their_boundaries_and_their_indices(tokenizer):
    encoding = tokenizer(["abed", "who", "\u200b", "who.", "abc def"], is_split_into_words=True)
    assert encoding.word_ids == [None, 0, 0, 0, 1, 3, 3, *[4] * 6, None]
    assert encoding.offsets[1:4] == [(0, 1), (1, 2), (2, 4)]
    assert encoding.offsets[5:7] == [(0, 3), (3, 4)]
    first_of_word = [
        position
        for position, (before, word) in enumerate(zip([None, *encoding.word_ids], encoding.word_ids))
        if word is not None and word != before
    ]
    assert first_of_word == [1, 4, 5, 7]


def test_windows_over_a_context_together_hold_every_piece_with_its_place(tokenizer):
    context = "abc def who was. gabbed hid"
    question = "who was"
    whole = tokenizer.pieces(context)
    windows = tokenizer.windows(question, context, max_length=12, overlap=3)
    assert len(windows) > 2
    seen = {}
    for window in windows:
        assert len(window) <= 12
        assert window.input_ids[:4] == [tokenizer.cls_token_id, *tokenizer.encode(question), tokenizer.sep_token_id]
        for token_id, offset, sequence_id in zip(window.input_ids, window.offsets, window.sequence_ids):
            if sequence_id == 1:
                seen[offset] = token_id
    assert seen == dict(zip(whole.offsets, whole.ids))
    assert tokenizer.windows("a b", max_length=10, overlap=2)[0] == tokenizer("a b")


def test_a_question_longer_than_the_window_is_an_input_error(tokenizer):
    with pytest.raises(InputError, match="room for 0 pieces of a text"):
        tokenizer.windows("a b c d e f g", "who was", max_length=10, overlap=1)


@pytest.mark.peers
def test_pairs_truncation_and_windows_are_rusts(tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    rust = tokenizers.BertWordPieceTokenizer({piece: token_id for token_id, piece in enumerate(VOCABULARY)})
    first, second = "who was abed?", "abc def who was. gabbed hid"
    for max_length in range(8, 30):
        rust.enable_truncation(max_length, strategy="longest_first")
        theirs, ours = rust.encode(first, second), tokenizer(first, second, max_length=max_length)
        assert ours.input_ids == theirs.ids
        assert ours.token_type_ids == theirs.type_ids
        assert [offset or (0, 0) for offset in ours.offsets] == theirs.offsets
        assert (ours.word_ids, ours.sequence_ids) == (theirs.word_ids, theirs.sequence_ids)
    rust.enable_truncation(15, strategy="only_second", stride=2)
    theirs = rust.encode(first, second)
    windows = tokenizer.windows(first, second, max_length=15, overlap=2)
    assert [window.input_ids for window in windows] == [window.ids for window in [theirs, *theirs.overflowing]]
    assert len(windows) > 2
    rust.no_truncation()
    words = ["abed", "who", "who.", "abc def"]
    theirs, ours = rust.encode(words, is_pretokenized=True), tokenizer(words, is_split_into_words=True)
    assert (ours.input_ids, ours.word_ids) == (theirs.ids, theirs.word_ids)
    assert [offset or (0, 0) for offset in ours.offsets] == theirs.offsets
