"""From raw text to words: clean, set Chinese apart, strip accents, lower-case, split punctuation.

The rules are those of ``BasicTokenizer`` in google-research/bert, ``tokenization.py``. Checkpoints are used today
with the Rust library ``tokenizers`` (``BertNormalizer``, ``BertPreTokenizer``). If the two differ, we follow Rust:

- private-use code points are dropped; Google's code keeps them;
- accents can be stripped without lower-casing, and the reverse;
- lower-casing knows no final sigma.

A code point that Unicode has not assigned, such as a newer emoji, is an ordinary character. Its word becomes
``[UNK]``.

Every step takes and gives pairs (character, origin). ``origin`` is the index of its source character in the original
text. So each piece can be found again in the text that the user typed:

    "Crème!"    clean, strip accents, lower-case     c r e m e !
                origins                              0 1 2 3 4 5

Departures from the Rust library. Its tables of Unicode categories date from about 2015. Code points assigned or moved
since have the category of Python's ``unicodedata`` here; in Rust they have the old one, and unassigned ones are
ordinary characters. With Unicode 14 (Python 3.11) about 760 code points differ:

- 384 combining marks (Mn) are stripped here with the accents. Rust keeps them.
- 104 punctuation characters (P) are split off here. In Rust they are part of the word.
- 13 format characters (Cf), such as U+08E2, are dropped here. Rust keeps them.
- 256 Chinese characters, U+2B820..U+2B91F, are set apart here, as in Google's code. CJK extension E begins there.
  The Rust source begins the block at U+2B920, a slip of one digit.
- U+166D and U+1734 have left P and Mn since. U+11938 has a new canonical decomposition.
- U+1715, U+1193D, U+16FF0 and U+16FF1 now have a place among other marks. They are sorted only here.

In the other direction, upper-case letters newer than Python's tables are lower-cased only by Rust.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

from bert.tokenization.memo import Memo

# (character, index of its source character in the original text)
Character = tuple[str, int]

# google-research/bert, tokenization.py, _is_chinese_char: the CJK ideographs, which are written without spaces. Hangul,
# Hiragana and Katakana are not among them: Korean has spaces.
CHINESE_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_CONTROL_CATEGORIES = ("Cc", "Cf", "Co", "Cs")  # not Cn: unassigned is an ordinary character
_SPACE_CATEGORIES = ("Zs", "Zl", "Zp")
# ``str.split`` splits a text at these control characters. BERT drops them and does not split.
SPLIT_IN_PYTHON_ALONE = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
_REPLACEMENT_CHARACTER = "\ufffd"  # decoders write it for bytes that they cannot read


def is_whitespace(character: str) -> bool:
    """Tab, line feed, carriage return and Unicode's separators. Other controls are not white space."""
    return character in "\t\n\r" or unicodedata.category(character) in _SPACE_CATEGORIES


def is_control(character: str) -> bool:
    """Control, format, private-use and surrogate code points: nothing to read."""
    return character not in "\t\n\r" and unicodedata.category(character) in _CONTROL_CATEGORIES


def is_punctuation(character: str) -> bool:
    """Unicode's punctuation, and every visible ASCII character except letters and digits: $ + < = ..."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def is_chinese(character: str) -> bool:
    """An ideograph of the CJK blocks. Japanese and Korean texts have them too."""
    code_point = ord(character)
    return any(first <= code_point <= last for first, last in CHINESE_BLOCKS)


def clean(characters: Iterable[Character]) -> Iterator[Character]:
    """Drops control characters and replacement characters; every white space becomes a plain space."""
    for character, origin in characters:
        if is_whitespace(character):
            yield " ", origin
        elif character != _REPLACEMENT_CHARACTER and not is_control(character):
            yield character, origin


def set_chinese_apart(characters: Iterable[Character]) -> Iterator[Character]:
    """Puts a space before and after each Chinese character, so each is a word of its own."""
    for character, origin in characters:
        if is_chinese(character):
            yield from ((" ", origin), (character, origin), (" ", origin))
        else:
            yield character, origin


def decompose(characters: Iterable[Character]) -> Iterator[Character]:
    """Unicode's canonical decomposition (NFD): a letter, then its accents in canonical order.

    Marks in another order are sorted, but not their origins. As in the Rust library, origins stay in the order of the
    text.
    """
    decomposed = []  # (part, whether it is the first part of its character)
    origins = []
    for character, origin in characters:
        origins.append(origin)
        for position, part in enumerate(unicodedata.normalize("NFD", character)):
            decomposed.append((part, position == 0))
    origin, remaining = 0, iter(origins)
    for is_mark, run in groupby(decomposed, key=lambda item: unicodedata.combining(item[0]) > 0):
        if is_mark:
            run = sorted(run, key=lambda item: unicodedata.combining(item[0]))
        for part, is_first in run:
            if is_first:
                origin = next(remaining)
            yield part, origin


def drop_accents(characters: Iterable[Character]) -> Iterator[Character]:
    """Drops combining marks that take no room of their own (category Mn)."""
    return (item for item in characters if unicodedata.category(item[0]) != "Mn")


def lower(characters: Iterable[Character]) -> Iterator[Character]:
    """Lower-cases each character alone: a Greek sigma at the end of a word is like any other."""
    for character, origin in characters:
        for part in character.lower():
            yield part, origin


def split_into_words(characters: Iterable[Character]) -> list[tuple[str, list[int]]]:
    """The words of normalized characters, each with the origin of each of its characters.

    White space ends a word. A punctuation character is a word of its own.
    """
    words: list[tuple[str, list[int]]] = []
    word, origins = "", []
    for character, origin in [*characters, (" ", -1)]:
        stands_alone = is_punctuation(character)
        if word and (character == " " or stands_alone):
            words.append((word, origins))
            word, origins = "", []
        if stands_alone:
            words.append((character, [origin]))
        elif character != " ":
            word += character
            origins.append(origin)
    return words


class Normalizer:
    """Splits text into normalized words, in two ways.

    ``words_with_origins`` applies the steps above one by one. ``words`` applies them once per distinct code point and
    remembers the result. ``str.translate`` does the rest, so it is faster. The words are the same.
    """

    def __init__(self, lowercase: bool, strip_accents: bool, split_chinese: bool):
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_chinese = split_chinese
        # Code point -> its normalized form, with spaces around a character that is a word of its own. The limit is for
        # text that runs through all of Unicode.
        self._becomes = Memo(self._normalized_alone, limit=1 << 16)

    def normalized(self, text: str) -> Iterator[Character]:
        """The normalized characters of ``text``, each with its origin, before it is split into words."""
        characters = clean(zip(text, range(len(text))))
        if self.split_chinese:
            characters = set_chinese_apart(characters)
        if self.strip_accents:
            characters = drop_accents(decompose(characters))
        if self.lowercase:
            characters = lower(characters)
        return characters

    def words_with_origins(self, text: str) -> list[tuple[str, list[int]]]:
        """The words of ``text``, each with the origin of each of its characters.

        >>> Normalizer(True, True, True).words_with_origins("Ça va?")
        [('ca', [0, 1]), ('va', [3, 4]), ('?', [5])]
        """
        return split_into_words(self.normalized(text))

    def words(self, text: str) -> list[str]:
        """The words of ``text``.

        >>> Normalizer(True, True, True).words("Ça va?")
        ['ca', 'va', '?']
        """
        text = text.translate(self._becomes)
        if self.strip_accents and not text.isascii():
            # Sorts the remaining marks (those that take room) into canonical order.
            text = unicodedata.normalize("NFD", text)
        return text.split()

    def _normalized_alone(self, code_point: int) -> str:
        return "".join(
            f" {character} " if is_punctuation(character) else character
            for character, _ in self.normalized(chr(code_point))
        )
