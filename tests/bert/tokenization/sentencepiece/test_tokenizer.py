"""The whole tokenizer against the sentencepiece library, for models of every kind."""

import io
import json
import lzma
import os
import pickle
import pydoc_data.topics
import random
import sys
import unicodedata
from functools import cache
from pathlib import Path

import pytest
import sentencepiece

from bert.errors import InputError
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece

GERMAN = [
    "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    "Ein Mädchen läuft über die Straße, während Fußgänger auf größere Gebäude schauen.",
    "Mehrere Männer mit Schutzhelmen bedienen ein Antriebsradsystem.",
]
CHINESE = ["我们的国家有很多人口，他们住在城市里。", "你好，世界！今天的天气很好。", "科学家发现了一种新的材料。"]
# Each part of what the settings below are about, in every order.
PARTS = [
    *["a", "the", "T", "tt", "é", "e\u0301", "的", "。", "ü", "u\u0308", "ß", "İ", "각", "ᄀ", "ᅡ", "ᆨ", "\u0301"],
    *[" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u2028", "\u200b", "▁", "▁the", "\x01", "\x00", "\ufffd", "\x85"],
    *["[MASK]", "[CLS]", "New York", "new york"],
    *["<unk>", "</s>", "<0x41>", "ﬁ", "ﷺ", "Ａ", "😀", "👩‍👩‍👧", "\U0010ffff"],
    *["x", "ab", "....", ".", "-----", "!!", "aaaaaaa", "1234567", "ungen"],
]
SETTINGS = {
    "plain": {},
    "cased folded": {"normalization_rule_name": "nmt_nfkc_cf"},
    "nfkc": {"normalization_rule_name": "nfkc"},
    "nfkc folded": {"normalization_rule_name": "nfkc_cf"},
    "identity": {"normalization_rule_name": "identity"},
    "bytes": {"byte_fallback": True},
    "symbols": {"user_defined_symbols": ["[MASK]", "ungen", "的", "x"], "control_symbols": ["[CLS]", "ab"]},
    "symbols that overlap": {"user_defined_symbols": ["--", "aa", "aaa", "..", "...", "12", "12345"]},
    "symbols with spaces": {"user_defined_symbols": ["New York", "▁the"]},
    "no dummy prefix": {"add_dummy_prefix": False},
    "extra white space": {"remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True},
    "neither": {"remove_extra_whitespaces": False, "add_dummy_prefix": False, "byte_fallback": True},
    "pieces over spaces": {"split_by_whitespace": False},
    "suffix": {"treat_whitespace_as_suffix": True},
    "suffix alone": {"treat_whitespace_as_suffix": True, "add_dummy_prefix": False, "unk_surface": "<?>"},
}


@cache
def english() -> list[str]:
    """Python's own documentation: English that every Python has."""
    lines = [line for topic in sorted(pydoc_data.topics.topics.values()) for line in topic.split("\n") if line.strip()]
    return lines[:4000:2]


@cache
def model_of(model_type: str, setting: str) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(english()[:900] + 20 * GERMAN + 20 * CHINESE),
        model_writer=written,
        model_type=model_type,
        vocab_size=1000,
        minloglevel=2,
        num_threads=1,
        **SETTINGS[setting],
    )
    return written.getvalue()


def library_of(model: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def random_texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(PARTS, k=chance.randint(0, 12))) for _ in range(count)]


def without_space(text: str, offsets: tuple[int, int]) -> tuple[int, int]:
    start, end = offsets
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_ids_pieces_offsets_and_decoded_text_are_the_librarys(model_type, setting):
    model = model_of(model_type, setting)
    library, ours = library_of(model), SentencePieceTokenizer(model)
    texts = ["", " ", *english()[900:1000], *GERMAN, *CHINESE, " ".join(GERMAN * 3), *random_texts(250, seed=1)]
    for text in texts:
        expected = library.encode(text)
        pieces = ours.pieces(text)
        assert ours.encode(text) == expected, text
        assert pieces.ids == expected, text
        assert ours.encode(text) == expected, "remembered chunks"
        assert ours.tokenize(text) == library.encode(text, out_type=str), text
        assert ours.decode(expected) == library.decode(expected), text
        offsets = library.encode(text, out_type="offset_mapping")["offsets"]
        assert pieces.offsets == [without_space(text, each) for each in offsets], text


@pytest.mark.parametrize("setting", ["plain", "bytes", "symbols", "neither", "suffix alone", "extra white space"])
def test_any_row_of_ids_is_decoded_as_the_library_decodes_it(setting):
    model = model_of("unigram", setting)
    library, ours = library_of(model), SentencePieceTokenizer(model)
    chance = random.Random(2)
    first = range(300 if "byte_fallback" in SETTINGS[setting] else 10)  # bytes and control symbols, often
    for _ in range(500):
        ids = [chance.choice([chance.choice(first), chance.randrange(1000)]) for _ in range(chance.randint(0, 8))]
        assert ours.decode(ids) == library.decode(ids), ids


@pytest.mark.parametrize("setting", ["plain", "bytes"])
def test_every_assigned_code_point_gives_the_librarys_ids_alone_and_between_letters(setting):
    model = model_of("unigram", setting)
    library, ours = library_of(model), SentencePieceTokenizer(model)
    assigned = [
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
    ]
    texts = [f"{each} a{each}b" for each in assigned[:: 59 if setting == "plain" else 197]]
    for start in range(0, len(assigned), 700):
        texts.append(" ".join(f"{each} a{each}b" for each in assigned[start : start + 50]))
    assert ours.encode_batch(texts) == library.encode(texts)


def test_lone_surrogates_are_what_their_broken_bytes_are_to_the_library():
    model = model_of("bpe", "plain")
    ours = SentencePieceTokenizer(model)
    for text in ("a\ud800b", "\udfff", "\ud83d \ude00x"):
        expected = library_of(model).encode(text.encode("utf-8", "surrogatepass"))
        assert ours.encode(text) == ours.pieces(text).ids == expected


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_enormous_texts_with_and_without_spaces_give_the_librarys_ids(model_type):
    model = model_of(model_type, "plain")
    library, ours = library_of(model), SentencePieceTokenizer(model)
    # The first is long enough for sums to start anew, and for near-ties.
    for text in (" ".join(english()), "".join(english()[:300]).replace(" ", ""), "a" * 20_000, "xy " * 20_000):
        assert ours.encode(text) == library.encode(text)


def test_pieces_in_a_row_are_the_normalized_text():
    model = model_of("unigram", "plain")
    library, ours = library_of(model), SentencePieceTokenizer(model)
    for text in [*GERMAN, *CHINESE, *random_texts(200, seed=3)]:
        assert "".join(ours.tokenize(text)) == library.normalize(text)


def test_offsets_slice_back_to_what_was_tokenized():
    ours = SentencePieceTokenizer(model_of("unigram", "identity"))
    for text in [*GERMAN, *CHINESE, *english()[:50]]:
        sliced = [text[start:end] for start, end in ours.pieces(text).offsets]
        assert sliced == [piece.replace("▁", "") for piece in ours.tokenize(text)]


def test_words_begin_at_the_mark_and_the_model_input_has_its_special_tokens():
    ours = SentencePieceTokenizer(train_sentencepiece(english()[:400], 600))
    assert (ours.pad_token_id, ours.unk_token_id, ours.cls_token_id) == (0, 1, 2)
    assert (ours.sep_token_id, ours.mask_token_id) == (3, 4)
    assert ours.vocab_size == len(ours.vocabulary) == len(ours.continues_word) == 600
    assert not any(ours.continues_word[:5])
    assert all(ours.continues_word[i] != ours.vocabulary[i].startswith("▁") for i in range(5, 600))
    encoding = ours("the statement", "an exception")
    assert encoding.input_ids == [2, *ours.encode("the statement"), 3, *ours.encode("an exception"), 3]
    word_ids = encoding.word_ids[1 : 1 + len(ours.encode("the statement"))]
    assert word_ids[0] == 0 and word_ids[-1] == 1 and word_ids == sorted(word_ids)
    assert len(ours("the statement " * 50, max_length=20)) == 20


def test_a_mask_that_a_user_types_takes_the_place_of_a_word_with_its_mark():
    ours = SentencePieceTokenizer(train_sentencepiece(english()[:400], 600))
    text = "the [MASK] of [MASK]."
    assert "▁" in ours.tokenize(text)  # so the library has it
    encoding = ours(text)
    assert encoding.input_ids.count(ours.mask_token_id) == 2
    assert ours.token_to_id("▁") not in encoding.input_ids
    assert [text[start:end] for start, end in encoding.offsets[1:-1]] == ["the", "[MASK]", "of", "[MASK]", "."]
    assert "[CLS]" not in ours.tokenize("a [CLS] b")  # a control symbol cannot be typed


def test_a_model_without_special_tokens_encodes_and_says_what_is_missing_when_asked():
    ours = SentencePieceTokenizer(model_of("unigram", "plain"))
    assert ours.decode(ours.encode("the statement")) == "the statement"
    assert (ours.cls_token_id, ours.sep_token_id) == (1, 2)  # <s> and </s>
    with pytest.raises(InputError, match=r"none of its 1000 pieces is \[MASK\] or <mask>"):
        _ = ours.mask_token_id
    with pytest.raises(InputError, match="pad"):
        _ = ours.pad_token_id


def test_a_tokenizer_is_pickled_as_its_file_without_what_it_remembers(tmp_path):
    ours = SentencePieceTokenizer(model_of("unigram", "bytes"))
    before = len(pickle.dumps(ours))
    texts = [*english(), *GERMAN]
    ids = ours.encode_batch(texts)
    assert len(pickle.dumps(ours)) == before < len(ours.model_bytes) + 1000
    assert pickle.loads(pickle.dumps(ours)).encode_batch(texts) == ids
    (tmp_path / "spm.model").write_bytes(ours.model_bytes)
    assert SentencePieceTokenizer.from_file(tmp_path / "spm.model").encode_batch(texts) == ids


def test_several_processes_give_the_ids_of_one():
    ours = SentencePieceTokenizer(model_of("bpe", "plain"))
    assert ours.encode_batch(english(), processes=2) == ours.encode_batch(english())


def test_an_id_out_of_range_is_no_piece():
    ours = SentencePieceTokenizer(model_of("bpe", "plain"))
    for token_id in (-1, 1000):
        with pytest.raises(IndexError):
            ours.decode([token_id])


@pytest.mark.skipif("BERT_DATA" not in os.environ, reason="needs the data sets that BERT_DATA names")
@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_ids_are_the_librarys_on_english_german_and_chinese_data(model_type):
    data = Path(os.environ["BERT_DATA"])
    german = (data / "multi30k/train.de").read_text("utf-8").split("\n")
    articles = json.loads((data / "xquad/zh.train.json").read_text("utf-8"))["data"]
    chinese = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    with lzma.open(data / "imdb/train.tsv.xz", "rt", encoding="utf-8") as lines:
        reviews = [line.rstrip("\n").split("\t", 1)[1] for _, line in zip(range(600), lines)]
    texts = german[:6000] + chinese + reviews
    model = train_sentencepiece(texts[::4], 4000, model_type)
    library, ours = library_of(model), SentencePieceTokenizer(model)
    encoded = ours.encode_batch(texts)
    assert encoded == library.encode(texts)
    assert [ours.decode(ids) for ids in encoded] == library.decode(encoded)
