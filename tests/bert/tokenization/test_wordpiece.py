import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tokenization.memo import Memo
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.vocabulary_file import read_vocabulary
from bert.tokenization.wordpiece import WordPieceTokenizer

VECTORS = json.loads((Path(__file__).parent / "vectors" / "wordpiece.json").read_text(encoding="utf-8"))
VOCABULARY = VECTORS["vocabulary"]
FROZEN_CONFIGURATIONS = [(True, None, True), (False, None, True), (True, False, False), (False, True, True)]
CONFIGURATIONS = [  # lowercase, strip_accents, split_chinese
    (True, None, True),
    (False, None, True),
    (True, False, False),
    (False, True, False),
]


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(VOCABULARY)


@pytest.mark.parametrize("options", FROZEN_CONFIGURATIONS)
def test_ids_offsets_and_words_are_the_frozen_ones_of_the_rust_library(options):
    tokenizer = WordPieceTokenizer(VOCABULARY, *options)
    cases = [
        case
        for case in VECTORS["agreement"]
        if (case["lowercase"], case["strip_accents"], case["split_chinese"]) == options
    ]
    assert len(cases) > 50
    for case in cases:
        pieces = tokenizer.pieces(case["text"])
        assert pieces.ids == case["ids"], ascii(case["text"])
        assert pieces.offsets == [tuple(offset) for offset in case["offsets"]], ascii(case["text"])
        assert pieces.word_ids == case["word_ids"], ascii(case["text"])
        assert tokenizer.encode(case["text"]) == case["ids"], ascii(case["text"])


def test_the_frozen_ids_tell_one_configuration_from_another():
    # The control of the test above.
    cases = [case for case in VECTORS["agreement"] if case["lowercase"]]
    cased = WordPieceTokenizer(VOCABULARY, lowercase=False)
    assert sum(cased.encode(case["text"]) != case["ids"] for case in cases) > 5


def test_the_longest_piece_is_taken_first(tokenizer):
    assert tokenizer.tokenize("unaffable worlds") == ["un", "##aff", "##able", "world", "##s"]


def test_a_word_that_cannot_be_spelled_is_one_unknown_piece_over_all_of_it(tokenizer):
    pieces = tokenizer.pieces("the unЖ world")
    assert [VOCABULARY[token_id] for token_id in pieces.ids] == ["the", "un", "##ж", "world"]
    pieces = tokenizer.pieces("the unЩs world")
    assert [VOCABULARY[token_id] for token_id in pieces.ids] == ["the", "[UNK]", "world"]
    assert pieces.offsets[1] == (4, 8)


def test_special_tokens_stay_whole_wherever_they_stand(tokenizer):
    assert tokenizer.tokenize("un[MASK]the,[SEP][CLS]!") == ["un", "[MASK]", "the", ",", "[SEP]", "[CLS]", "!"]
    assert tokenizer.tokenize("[mask]") == ["[", "mask", "]"]
    assert tokenizer.tokenize("[MA\x0bSK]") == ["[", "mask", "]"]  # not one until the control character goes
    assert tokenizer.tokenize("\x0b[MASK]\x0bs") == ["[MASK]", "s"]


def test_accents_are_stripped_and_offsets_still_point_into_the_text(tokenizer):
    text = "The  nai\u0308ve café"
    pieces = tokenizer.pieces(text)
    assert [text[start:end] for start, end in pieces.offsets] == ["The", "nai\u0308ve", "café"]
    assert tokenizer.tokenize(text) == ["the", "naive", "cafe"]


def test_an_unassigned_code_point_makes_its_word_unknown_and_a_control_character_vanishes(tokenizer):
    assert tokenizer.tokenize("the wor\u0378ld") == ["the", "[UNK]"]
    assert tokenizer.tokenize("the wor\u200bld") == ["the", "world"]


def test_lone_surrogates_do_not_crash_and_are_dropped_as_control_characters_are(tokenizer):
    assert tokenizer.tokenize("the\ud800 \udfff wor\udc80ld") == ["the", "world"]
    assert tokenizer.pieces("wor\udc80ld").offsets == [(0, 6)]


def test_nothing_has_no_pieces(tokenizer):
    for text in ("", " ", "\n\t\u3000", "\x00\x0b\x85\u200b"):
        assert tokenizer.encode(text) == [] and tokenizer.pieces(text) == ([], [], [])


def test_words_of_over_100_characters_are_unknown(tokenizer):
    assert tokenizer.encode("a" * 100) == [tokenizer.token_to_id("a")] + [tokenizer.token_to_id("##a")] * 99
    assert tokenizer.encode("a" * 101) == [tokenizer.unk_token_id]
    assert tokenizer.encode("e\u0301" * 100) == tokenizer.encode("e" * 100)  # counted after normalization
    assert len(tokenizer.encode("a" * 100 + "." + "a" * 100)) == 201


def test_endless_words_and_words_that_never_come_again_take_bounded_time_and_memory():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    tokenizer._ids_of_chunk = Memo(tokenizer._ids_of_new_chunk, limit=1000, longest_key=100)
    tokenizer._ids_of_word = Memo(tokenizer.match_longest_first, limit=1000, longest_key=100)
    start = time.process_time()  # of this process alone, whatever else the machine does
    tokenizer.encode("a" * 2_000_000)
    tokenizer.encode(".".join("ab" for _ in range(200_000)))
    tokenizer.encode(" ".join(f"a{number}" for number in range(50_000)))
    tokenizer.encode(" ".join("a" * 99 + str(number % 10) for number in range(2_000)))
    assert time.process_time() - start < 60  # about 1 s; a quadratic way would take hours
    for memo in (tokenizer._ids_of_chunk, tokenizer._ids_of_word):
        assert len(memo) <= 1000 and max(map(len, memo)) <= 100


def test_a_full_memo_changes_no_ids(tokenizer):
    forgetful = WordPieceTokenizer(VOCABULARY)
    forgetful._ids_of_chunk = Memo(forgetful._ids_of_new_chunk, limit=2, longest_key=3)
    texts = [case["text"] for case in VECTORS["agreement"]]
    assert list(map(forgetful.encode, texts)) == list(map(tokenizer.encode, texts))


def test_decoding_joins_continuations_and_undoes_spaces_before_punctuation(tokenizer):
    text = "Hello, unaffable world! It isn't."
    assert tokenizer.decode(tokenizer.encode(text)) == "hello, unaffable world! it isn ' t."
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == "hello, unaffable world! it isn ' t."
    assert tokenizer.decode(ids, skip_special_tokens=False) == "[CLS] hello, unaffable world! it isn ' t. [SEP]"
    assert tokenizer.decode([]) == ""


def test_an_id_that_no_piece_has_cannot_be_decoded(tokenizer):
    for token_id in (-1, tokenizer.vocab_size):
        with pytest.raises(IndexError, match=f"no piece {token_id}"):
            tokenizer.decode([token_id])


def test_decoding_what_was_encoded_gives_text_that_encodes_the_same(tokenizer):
    for case in VECTORS["agreement"]:
        ids = [token_id for token_id in tokenizer.encode(case["text"]) if token_id not in tokenizer.special_token_ids]
        assert tokenizer.encode(tokenizer.decode(ids)) == ids, ascii(case["text"])


def test_whole_words_can_be_told_from_their_continuations(tokenizer):
    continues = {piece for piece, flag in zip(tokenizer.vocabulary, tokenizer.continues_word) if flag}
    assert continues == {piece for piece in VOCABULARY if piece.startswith("##")}


def test_a_tokenizer_goes_through_pickle_without_what_it_remembers(tokenizer):
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=False, strip_accents=True, split_chinese=False)
    before = len(pickle.dumps(tokenizer))
    ids = tokenizer.encode("The wörld 中文 " + " ".join(map(str, range(1000))))
    assert len(pickle.dumps(tokenizer)) == before
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encode("The wörld 中文 " + " ".join(map(str, range(1000)))) == ids
    assert (copy.lowercase, copy.strip_accents, copy.split_chinese) == (False, True, False)


def test_tokenizing_does_not_import_torch():
    program = (
        "import sys; from bert.tokenization.wordpiece import WordPieceTokenizer; "
        "from bert.tokenization.wordpiece_trainer import train_wordpiece; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3]).returncode == 0


def test_a_vocabulary_lacking_special_tokens_is_an_input_error():
    with pytest.raises(InputError, match=r"3 pieces lacks \[CLS\], \[SEP\], \[MASK\]"):
        WordPieceTokenizer(["[PAD]", "[UNK]", "a"])


def test_of_equal_pieces_the_last_has_the_texts_and_the_first_keeps_its_id():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "", "b", "a", ""])
    assert tokenizer.encode("a b a") == [8, 7, 8]
    assert tokenizer.vocab_size == 10
    assert tokenizer.id_to_token(5) == "a"
    assert tokenizer.decode([5, 8]) == "a a"


# ---- beside the Rust library ------------------------------------------------------------------------------


def rust_tokenizer(vocabulary: list[str], options):
    tokenizers = pytest.importorskip("tokenizers")
    lowercase, strip_accents, split_chinese = options
    return tokenizers.BertWordPieceTokenizer(
        {piece: token_id for token_id, piece in enumerate(vocabulary)},
        lowercase=lowercase,
        strip_accents=strip_accents,
        handle_chinese_chars=split_chinese,
    )


def assert_same_as_rust(tokenizer: WordPieceTokenizer, encodings, texts: list[str]) -> None:
    for text, ids, encoding in zip(texts, tokenizer.encode_batch(texts), encodings, strict=True):
        pieces = tokenizer.pieces(text)
        assert ids == pieces.ids == encoding.ids, ascii(text)
        assert pieces.offsets == encoding.offsets, ascii(text)
        assert pieces.word_ids == encoding.word_ids, ascii(text)


@pytest.mark.peers
@pytest.mark.parametrize("options", CONFIGURATIONS)
def test_any_text_at_all_has_rusts_ids_offsets_words_and_decoding(options):
    hypothesis = pytest.importorskip("hypothesis")
    strategies = pytest.importorskip("hypothesis.strategies")
    ours, rust = WordPieceTokenizer(VOCABULARY, *options), rust_tokenizer(VOCABULARY, options)
    lowercase, _, split_chinese = options
    rust_normalizer = pytest.importorskip("tokenizers.normalizers").BertNormalizer(
        True, split_chinese, ours.strip_accents, lowercase
    )
    pre_tokenizer = pytest.importorskip("tokenizers.pre_tokenizers").BertPreTokenizer()

    def is_the_same_alone(character: str) -> bool:
        """Whether Rust's older tables class it as ours do; test_normalization.py holds that few differ, and which."""
        text = f"a{character}\u0301\u0323{character}b"
        words = [word for word, _ in pre_tokenizer.pre_tokenize_str(rust_normalizer.normalize_str(text))]
        return ours._normalizer.words(text) == words

    pools = strategies.one_of(
        strategies.sampled_from("".join(piece for piece in VOCABULARY if not piece.startswith("["))),
        strategies.sampled_from(
            "\u0301\u0308\u0323\u0327\u0344\u0345\u302e\u302f\U0001d165\U0001d16d\u0f71\u0f74\u0f73\u1baa\u093c\u094d"
            "éÅǄİẞΣ\u1e9b\u0958\U0001d15e각힣\u1100\u1161\u11a8"
        ),
        strategies.sampled_from("\t\n\r \xa0\u2028\u3000\x0b\x0c\x1c\x1f\x85\x00\xad\u200b\u200d\ufeff\ufffd\ue000"),
        strategies.characters(exclude_categories=["Cs"]).filter(is_the_same_alone),
    )
    texts = strategies.lists(
        strategies.one_of(
            strategies.text(pools, max_size=8),
            strategies.sampled_from([*SPECIAL_TOKENS, "[MASK", "MASK]", "[mask]", "##ing", "the", "a" * 100, " "]),
        ),
        max_size=12,
    ).map("".join)

    @hypothesis.settings(max_examples=1500, deadline=None, derandomize=True, database=None)
    @hypothesis.given(texts)
    def same(text):
        encoding = rust.encode(text, add_special_tokens=False)
        assert_same_as_rust(ours, [encoding], [text])
        assert ours.decode(encoding.ids) == rust.decode(encoding.ids)
        with_special = rust.decode(encoding.ids, skip_special_tokens=False)
        assert ours.decode(encoding.ids, skip_special_tokens=False) == with_special

    same()


@pytest.mark.peers
def test_pieces_concatenate_to_the_word_they_are_of():
    hypothesis = pytest.importorskip("hypothesis")
    strategies = pytest.importorskip("hypothesis.strategies")
    tokenizer = WordPieceTokenizer(VOCABULARY)

    @hypothesis.settings(max_examples=500, deadline=None, derandomize=True, database=None)
    @hypothesis.given(strategies.text(strategies.sampled_from("abcdefginstu"), min_size=1, max_size=30))
    def concatenate(word):
        pieces = tokenizer.tokenize(word)
        assert pieces[0] + "".join(piece.removeprefix("##") for piece in pieces[1:]) == word
        assert all(piece.startswith("##") for piece in pieces[1:])
        # and no longer piece could have been taken anywhere
        rest = word
        for position, piece in enumerate(pieces):
            mark = "##" if position else ""
            longer = range(len(piece.removeprefix("##")) + 1, len(rest) + 1)
            assert not any(mark + rest[:length] in VOCABULARY for length in longer)
            rest = rest[len(piece.removeprefix("##")) :]

    concatenate()


def data_file(name: str) -> Path:
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA is not set: no real text to compare on")
    path = Path(os.environ["BERT_DATA"]) / name
    if not path.exists():
        pytest.skip(f"{path} does not exist")
    return path


@pytest.mark.peers
@pytest.mark.parametrize("options", CONFIGURATIONS)
@pytest.mark.parametrize(
    "name",
    ["xquad/zh.train.json", "multi30k/val.de", "wikitext-2/valid.txt", "glue/MRPC/dev.tsv", "conll2003/valid.txt"],
)
def test_real_text_has_rusts_ids_offsets_and_words(name, options):
    texts = data_file(name).read_text(encoding="utf-8").split("\n")
    if name.endswith(".json"):
        articles = json.loads("\n".join(texts))["data"]
        texts = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    texts = [text for text in texts if text][:1500]
    vocabulary = read_vocabulary(data_file("vocab/bert-base-uncased.txt"))
    encodings = rust_tokenizer(vocabulary, options).encode_batch(texts, add_special_tokens=False)
    assert sum(len(encoding.ids) for encoding in encodings) > 3_000
    assert_same_as_rust(WordPieceTokenizer(vocabulary, *options), encodings, texts)
