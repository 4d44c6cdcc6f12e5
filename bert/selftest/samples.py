"""Texts and a vocabulary to check with: cases that tokenizers get wrong."""

from bert.tokenization.special_tokens import SPECIAL_TOKENS

# The first texts of inputs, and second texts beside them. The lengths differ, so a batch of them has padding.
PAIRS: tuple[tuple[str, str | None], ...] = (
    ("The unaffable bird sings in the old garden.", "It never sings in winter!"),
    ("A road.", None),
    ("Rivers fall; stones wait: under the bridge a small ship turns.", "Why does it turn?"),
)
ASCII = (
    "", " ", "bird", "The bird's song, again.", "unaffable unaffableness UNAFFABLE", "abcd abc abcx", "a-b_c/d\\e",
    "$5 + 3 = 8; x<y>z ~`|^", "tabs\tand\nlines\r\nend", "x" * 100, "x" * 101, "[MASK] [mask] a[SEP]b [CLS",
    "don't stop... now!?", "##ing ing## #", "a\x00b\x0bc\x1fd\x7fe",
)  # fmt: skip
OTHERS = (
    "Crème brûlée naïve", "ÀÉÎÕÜ ß ẞ İstanbul ΣΑΣ", "中文测试 and 日本語 한국어", "a\u0301 e\u0323\u0301 o\u0301\u0323",
    "\u200bzero\u00adwidth\ufeff", "em—dash «quotes» ¿qué? ‚low‘ „high“", "１２３ ｆｕｌｌ",
    "a\u00a0b\u2003c\u3000d\u2028e\u2029f",
    "Привет, мир! שָׁלוֹם सत्य ไทย", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 😀👍🏽 \U00020000\U0002f800", "\ufffd\ue000\ud7ff x\u0378y", "ǅ ﬁ ½ ²",
)  # fmt: skip
# Every cut of these is tried.
SHORT_WORDS = ("the", "river", "unaffable", "garden", "was", "bad", "winters", "again", "nothing", "中文")

# Words of this vocabulary have several cuts. "abcd" begins with "abc", and no piece goes on from there.
VOCABULARY = (
    *SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxy", *(f"##{letter}" for letter in "abefghijklmnopqrstuvwxy"),
    *"0123456789.,;:!?'-$#[]", "the", "bird", "sing", "##ing", "un", "unaff", "##aff", "##able", "##affable",
    "##ness", "garden", "old", "winter", "abc", "ab", "##cd", "中", "文", "creme", "é", "##\u0301", "м", "##и", "##р",
)  # fmt: skip
