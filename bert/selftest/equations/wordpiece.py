"""WordPiece's rules, one after another over a whole text (google-research/bert, tokenization.py).

clean           control characters go; white space becomes a space
Chinese         each ideograph is a word
accents         decompose (NFD), drop combining marks
case            lower
words           split at spaces; each punctuation character is a word
pieces          the longest piece that begins the word, then the longest that goes on with it, and so on
"""

import re
import unicodedata
from collections.abc import Sequence

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHINESE = (
    "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf"
    "\uf900-\ufaff\U0002f800-\U0002fa1f"
)
LONGEST_WORD = 100  # characters; a longer word is [UNK]


def words(text: str, lowercase: bool, strip_accents: bool, split_chinese: bool) -> list[str]:
    """The words of a text without special tokens."""
    cleaned = ""
    for character in text:
        category = unicodedata.category(character)
        if character in "\t\n\r" or category.startswith("Z"):
            cleaned += " "
        elif category not in ("Cc", "Cf", "Co", "Cs") and character != "\ufffd":
            cleaned += character
    if split_chinese:
        cleaned = re.sub(f"([{CHINESE}])", r" \1 ", cleaned)
    if strip_accents:
        decomposed = unicodedata.normalize("NFD", cleaned)
        cleaned = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    if lowercase:
        cleaned = "".join(character.lower() for character in cleaned)
    spaced = "".join(f" {character} " if is_punctuation(character) else character for character in cleaned)
    return [word for word in spaced.split(" ") if word]


def is_punctuation(character: str) -> bool:
    """Unicode's punctuation, and ASCII's signs such as $ and +."""
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return code > 126 and unicodedata.category(character).startswith("P")


def pieces_of_word(word: str, vocabulary: Sequence[str] | frozenset[str]) -> list[str]:
    """The pieces of a word, greedily. If one is missing, the whole word is [UNK].

    >>> pieces_of_word("unaffable", frozenset(["un", "unaff", "##able", "##affable"]))
    ['unaff', '##able']
    """
    pieces, rest = [], word
    while rest and len(word) <= LONGEST_WORD:
        begins = "##" if pieces else ""
        found = [length for length in range(1, len(rest) + 1) if begins + rest[:length] in vocabulary]
        if not found:
            return ["[UNK]"]
        pieces.append(begins + rest[: max(found)])
        rest = rest[max(found) :]
    return ["[UNK]"] if rest else pieces


def pieces(
    text: str, vocabulary: frozenset[str], lowercase: bool, strip_accents: bool, split_chinese: bool
) -> list[str]:
    """The pieces of a text. A special token in it stays whole."""
    found = []
    for part in re.split("(" + "|".join(map(re.escape, SPECIAL)) + ")", text):
        if part in SPECIAL:
            found.append(part)
            continue
        for word in words(part, lowercase, strip_accents, split_chinese):
            found.extend(pieces_of_word(word, vocabulary))
    return found


def model_input(first: list[str], second: list[str] | None) -> tuple[list[str], list[int]]:
    """[CLS] first [SEP], or [CLS] first [SEP] second [SEP]; and the segment of each piece.

    >>> model_input(["good"], ["not", "bad"])
    (['[CLS]', 'good', '[SEP]', 'not', 'bad', '[SEP]'], [0, 0, 0, 1, 1, 1])
    """
    tokens = ["[CLS]", *first, "[SEP]"]
    segments = [0] * len(tokens)
    if second is not None:
        tokens += [*second, "[SEP]"]
        segments += [1] * (len(second) + 1)
    return tokens, segments
