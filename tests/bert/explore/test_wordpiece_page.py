"""A text has the same pieces in the page as here: ids, offsets and words."""

import json
import os
import random
from pathlib import Path

import pytest

from bert.explore.page import joined_scripts
from bert.explore.tokenizer import tokenizer_settings
from bert.tokenization.added_tokens import AddedToken
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.browser import NODE, run_node

pytestmark = [pytest.mark.peers, pytest.mark.skipif(NODE is None, reason="needs Node")]

TEXTS = [
    "", " ", "Unaffable!", "Crème BRÛLÉE à la carte", "naïve Ångström İstanbul ΣΊΣΥΦΟΣ ß ﬁ",
    "don't $5.00 + <b>50%</b>", "E\u0301a\u0323\u0307\u0323", "\u0301starts with a mark",
    "北京大学 and 東京, 서울 각 ひらがな カタカナ", "豈 更 丽",
    "a\u200bb\u00a0c\u2028d\te\r\nf\x0bg\x1ch\x85i x\ufffdy\x00z\x7f\ue000q", "𝒳 😀 \U0001f469\u200d\U0001f467 🇩🇪",
    "\U00020000 \U0002b91f", "[MASK] [mask] [MASK][CLS]x[SEP]", "in[E1]Paris[/E1] the theory  the", "a" * 100,
    "a" * 101, "ดี हिन्दी עִבְרִית العربية", "Ⅷ ⓐ Ｆｕｌｌ ０", "\U00011938 \u1715\u0301 \U00016ff0\u0301",
]  # fmt: skip
ADDED = [
    AddedToken("the", special=False, normalized=True, single_word=True), AddedToken("[E1]", lstrip=True, rstrip=True),
    AddedToken("[/E1]"), AddedToken("CAFÉ ", special=False, normalized=True), AddedToken("par", single_word=True),
]  # fmt: skip


def random_texts(count: int) -> list[str]:
    """Code points of every plane, letters and white space mixed; no halves of UTF-16."""
    generator = random.Random(0)
    texts = []
    for _ in range(count):
        start = generator.randrange(0x110000)
        codes = [
            generator.choice((start + generator.randrange(150), generator.randrange(0x20, 0x500), 0x20, 0x61, 0x301))
            for _ in range(generator.randrange(1, 30))
        ]
        texts.append("".join(chr(code) for code in codes if code < 0x110000 and not 0xD800 <= code < 0xE000))
    return texts


def vocabulary_of(texts: list[str]) -> list[str]:
    """Every character of the texts, normalized or not, alone and within a word; and some longer pieces."""
    characters = {part for text in texts for form in (text, text.lower()) for part in form if not part.isspace()}
    pieces = [*"un ##aff ##able the para ca ##fe ##rème 北京".split(), *sorted(characters - set("qxZ"))]
    return list(dict.fromkeys([*SPECIAL_TOKENS, *pieces, *(f"##{piece}" for piece in sorted(characters - set("yY")))]))


def pieces_in_the_page(tokenizer: WordPieceTokenizer, texts: list[str]) -> list[list[list[int]]]:
    script = joined_scripts(["normalization.js", "added_tokens.js", "wordpiece.js"]) + (
        'import fs from "fs";\n'
        'const { settings, texts } = JSON.parse(fs.readFileSync(0, "utf8"));\n'
        'const { makeTokenizer, pieces } = modules["wordpiece.js"];\n'
        "const tokenizer = makeTokenizer(settings);\n"
        "const cut = (text) => pieces(text, tokenizer).map(({ id, start, end, word }) => [id, start, end, word]);\n"
        "console.log(JSON.stringify(texts.map(cut)));"
    )
    return json.loads(run_node(script, json.dumps({"settings": tokenizer_settings(tokenizer, "it"), "texts": texts})))


def check(tokenizer: WordPieceTokenizer, texts: list[str]) -> None:
    for text, found in zip(texts, pieces_in_the_page(tokenizer, texts), strict=True):
        pieces = tokenizer.pieces(text)
        expected = [[each, *offsets, word] for each, offsets, word in zip(*pieces)]
        assert found == expected, repr(text)
        assert [each for each, *_ in found] == tokenizer.encode(text)


@pytest.mark.parametrize(
    "switches", [(True, None, True), (False, None, True), (True, False, False), (False, True, False)]
)
def test_pieces_are_ours_in_all_scripts(switches):
    texts = TEXTS + random_texts(150)
    check(WordPieceTokenizer(vocabulary_of(texts), *switches), texts)


def test_added_tokens_are_found_as_here():
    check(WordPieceTokenizer(vocabulary_of(TEXTS), added_tokens=ADDED), TEXTS)
    check(WordPieceTokenizer(vocabulary_of(TEXTS), lowercase=False, added_tokens=ADDED), TEXTS)


def test_of_equal_pieces_the_last_counts_and_added_ones_are_not_in_words():
    check(WordPieceTokenizer([*SPECIAL_TOKENS, "a", "b", "a", "##b"], added_tokens=[AddedToken("ab")]), ["a ab abb b"])


def test_a_pair_is_joined_and_cut_as_here():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "b", "##b"])
    pairs = [("a ab b", "b a"), ("a", "b " * 9), ("a " * 9, "b"), ("a " * 9, "b " * 9), ("a " * 9, " "), ("", "b")]
    script = joined_scripts(["normalization.js", "added_tokens.js", "wordpiece.js", "sentence.js", "encoding.js"]) + (
        'import fs from "fs";\n'
        'const { settings, pairs } = JSON.parse(fs.readFileSync(0, "utf8"));\n'
        'const tokenizer = modules["wordpiece.js"].makeTokenizer(settings);\n'
        'const all = pairs.map((pair) => modules["encoding.js"].encode(...pair, tokenizer, 10));\n'
        "console.log(JSON.stringify(all));"
    )
    values = {"settings": tokenizer_settings(tokenizer, "it"), "pairs": pairs}
    for (first, second), found in zip(pairs, json.loads(run_node(script, json.dumps(values))), strict=True):
        expected = tokenizer(first, second if second.strip() else None, max_length=10)
        assert [token["id"] for token in found["tokens"]] == expected.input_ids
        assert [token["type"] for token in found["tokens"]] == expected.token_type_ids
        assert [token["piece"] for token in found["tokens"]] == expected.tokens
        offsets = [(token["start"], token["end"]) if "start" in token else None for token in found["tokens"]]
        assert offsets == expected.offsets
        assert found["left"] == len(tokenizer.encode(first)) + len(tokenizer.encode(second)) - len(offsets) + (
            3 if second.strip() else 2
        )


@pytest.mark.skipif("BERT_DATA" not in os.environ, reason="BERT_DATA names no folder")
def test_published_texts_have_the_same_pieces():
    """The folder holds 13,100 texts besides, of which all were compared once."""
    folder = Path(os.environ["BERT_DATA"])
    texts = []
    for language in ("en", "zh"):
        articles = json.loads((folder / f"xquad/{language}.train.json").read_text(encoding="utf-8"))["data"]
        texts += [paragraph["context"] for article in articles[:12] for paragraph in article["paragraphs"]]
    check(WordPieceTokenizer.from_file(folder / "vocab/bert-base-uncased.txt"), texts)
