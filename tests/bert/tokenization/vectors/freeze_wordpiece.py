"""Writes wordpiece.json, beside this file: the Rust library's pieces for texts of every kind.

    python tests/bert/tokenization/vectors/freeze_wordpiece.py

Needs requirements-dev.txt. The tests read the file without it. It holds a small vocabulary. In some cases our
tokenizer must agree with the library. In others it must differ, as ``bert/tokenization/normalization.py`` says. All
code points have kept their properties since Unicode 10 (agreement) or 13 (difference). So no version of Python
changes a case.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALONE = [
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~0123456789abcdefghijklmnopqrstuvwxyzABCDEF",
    *"éïüßçñøØÅåΣσςдж中文字東京あア한각ᄒᄀ‘’“”…—。、؟€£°😀👍ﬁ①½ǆ",
]
CONTINUATIONS = [*"0123456789abcdefghijklmnopqrstuvwxyzéïüßçñøåσςдж文あア", *"ᅡᆫᆨ\u0301\u0308\u302e"]
WORDS = ["the", "mask", "naive", "cafe", "un", "hello", "world", "istanbul", "##ing", "##able", "##aff", "##ed"]
VOCABULARY = [*SPECIAL, *ALONE, *("##" + piece for piece in CONTINUATIONS), *WORDS]

CONFIGURATIONS = [  # lowercase, strip_accents, split_chinese
    (True, None, True),
    (False, None, True),
    (True, False, False),
    (False, True, True),
]

WHITE_SPACE = "\t\n\r \xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"
DROPPED = "\x00\x01\x08\x0b\x0c\x1b\x1c\x1f\x7f\x80\x85\x9f\xad\u200b\u200d\u200e\u202a\u2060\ufeff\ufffd\ue000"
KEPT_UNASSIGNED = "\u0378\ufdd0\uffff"
TEXTS = [
    "",
    " ",
    "Hello, world!",
    "Hello,world!Unaffable...masking the Worlds",
    "naïve café Crème BRÛLÉE Ångström ØÅß İstanbul",
    "nai\u0308ve cafe\u0301 e\u0301\u0323 e\u0323\u0301 \u0301alone a\u0301\u0308\u0327b",
    "ΣΑΣ ΟΔΟΣ Σς σ ΑΣ. Дж",
    "中文字abc東京 あア 한각 각각 \uf900豈 𠀀 \u2f00",
    "a\u302eb e\u0301\u302e e\u302e\u0301 ka\u1baa\u0301 \U0001d15e\U0001d165\u0301",
    "“quoted” ‘single’ … — 。、؟ $5 £5 €5 50° ½ ① ﬁne ǅ Ǆ",
    "😀 👍🏽 👨‍👩‍👧 ❤️ 🇩🇪 😀😀 a😀b",
    "[MASK] [mask] [ MASK ] [MASK][SEP]the[CLS]s [MASK]ing un[MASK]s! [[MASK]] [PAD",
    "[MA\x0bSK] [MASK]\x0b [MASK]\u0301s \u0301[MASK] [UNK]",
    "##ing a##ing # #",
    "x" * 100 + " " + "x" * 101 + " " + "é" * 100 + " " + "e\u0301" * 101,
    "a" * 50 + "." + "b" * 60,
    "≠ ≮ \u037e \u0387 \u1fef \u212b \u2126 \u1e9e",
    "<br /><br />It's can't, don't; we've they're I'm",
    "http://www.example.com/~user?q=1&r=2#top user@example.com C:\\dir 3.14 1,000",
    "the\u00a0world\u3000the\u2028world\x85the",
    *(f"a{character}b" for character in WHITE_SPACE + DROPPED + KEPT_UNASSIGNED),
]

DIFFERENT = {  # category -> what a{}b becomes here, and code points that Rust's tables do not class as Unicode 13 does
    "combining mark": (["ab"], "\u08d3\u09fe\u0afa\u1df6\U0001e130"),
    "punctuation": (["a", "{}", "b"], "\u2e43\u2e4f\U0001e95e\u09fd\u2e52"),
    "format character": (["ab"], "\u08e2\U000110cd\U00013430"),
    "CJK extension E": (["a", "{}", "b"], "\U0002b820\U0002b8ff\U0002b91f"),
    "moved out of punctuation": (["a{}b"], "\u166d"),
    "new decomposition": (["a\U00011935\U00011930b"], "\U00011938"),
}


def main() -> None:
    lines = [f'"vocabulary": {json.dumps(VOCABULARY)}']
    cases = []
    for lowercase, strip_accents, split_chinese in CONFIGURATIONS:
        rust = Tokenizer(WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
        rust.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
        rust.normalizer = BertNormalizer(True, split_chinese, strip_accents, lowercase)
        rust.pre_tokenizer = BertPreTokenizer()
        for text in TEXTS:
            encoding = rust.encode(text, add_special_tokens=False)
            cases.append(
                {
                    "lowercase": lowercase,
                    "strip_accents": strip_accents,
                    "split_chinese": split_chinese,
                    "text": text,
                    "ids": encoding.ids,
                    "offsets": encoding.offsets,
                    "word_ids": encoding.word_ids,
                }
            )
    lines.append('"agreement": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]")
    cases = []
    for category, (ours, characters) in DIFFERENT.items():
        for character in characters:
            normalized = BertNormalizer(True, True, True, True).normalize_str(f"a{character}b")
            cases.append(
                {
                    "category": category,
                    "text": f"a{character}b",
                    "ours": [word.format(character) for word in ours],
                    "rust": [word for word, _ in BertPreTokenizer().pre_tokenize_str(normalized)],
                }
            )
    lines.append('"difference": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]")
    Path(__file__).with_name("wordpiece.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
