"""From raw text to words: clean, set Chinese apart, strip accents, lower-case, split punctuation.

These are the rules of ``BasicTokenizer`` in google-research/bert's ``tokenization.py``, as the Rust
library ``tokenizers`` (``BertNormalizer`` and ``BertPreTokenizer``) applies them, since that is what
checkpoints are used with today. Where the two differ this follows Rust: private-use code points are
dropped (Google's code keeps them), accents can be stripped without lower-casing and the other way
about, and lower-casing knows no final sigma. A code point that Unicode has not assigned, an emoji newer
than the tables say, is an ordinary character, and its word becomes ``[UNK]``.

Every step takes and gives pairs (character, origin): ``origin`` is the index, in the original text,
of the character that this one comes from. So after any number of steps each piece can still be found
in the text that the user typed:

    "Crème!"    clean, strip accents, lower-case     c r e m e !
                origins                              0 1 2 3 4 5

Departures from the Rust library, whose tables of Unicode categories are those of about 2015. A code point
assigned or moved since has the category that Python's ``unicodedata`` gives it; Rust treats it as it was
then, the unassigned as ordinary characters. In Unicode 14, Python 3.11's, that makes about 760 differences:

- combining marks (Mn; 384): stripped here with the accents, kept there;
- punctuation (P; 104): split off here, part of the word there;
- format characters (Cf; 13, such as U+08E2): dropped here, kept there;
- the Chinese characters U+2B820..U+2B91F (256), where CJK extension E begins: set apart here, as in Google's
  code; the Rust source has the block begin at U+2B920, a slip of one digit;
- U+166D and U+1734, moved out of P and Mn since, and U+11938, whose canonical decomposition is new;
- U+1715, U+1193D, U+16FF0 and U+16FF1, which now have a place among other marks: sorted here, not there.

The other way about, upper-case letters assigned since Python's tables are lower-cased by Rust alone.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

from bert.tokenization.memo import Memo

# (character, index of the character of the original text that it comes from)
Character = tuple[str, int]

# google-research/bert, tokenization.py, _is_chinese_char: the ideographs of CJK, which are written
# without spaces. Hangul, Hiragana and Katakana are not among them: Korean has spaces.
_CHINESE_BLOCKS = (
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
# Control characters at which ``str.split`` splits a text, but BERT, which drops them, does not.
SPLIT_IN_PYTHON_ALONE = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
_REPLACEMENT_CHARACTER = "\ufffd"  # what a decoder writes for bytes that it could not read


def is_whitespace(character: str) -> bool:
    """Tab, line feed, carriage return and Unicode's separators; other controls are no white space."""
    return character in "\t\n\r" or unicodedata.category(character) in _SPACE_CATEGORIES


def is_control(character: str) -> bool:
    """Control, format, private-use and surrogate code points, which text cannot be read from."""
    return character not in "\t\n\r" and unicodedata.category(character) in _CONTROL_CATEGORIES


def is_punctuation(character: str) -> bool:
    """Unicode's punctuation, and every visible ASCII character that is no letter or digit: $ + < = ..."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def is_chinese(character: str) -> bool:
    """An ideograph of the CJK blocks (which Japanese and Korean texts hold too)."""
    code_point = ord(character)
    return any(first <= code_point <= last for first, last in _CHINESE_BLOCKS)


def clean(characters: Iterable[Character]) -> Iterator[Character]:
    """Drop control characters and replacement characters; make every white space a plain space."""
    for character, origin in characters:
        if is_whitespace(character):
            yield " ", origin
        elif character != _REPLACEMENT_CHARACTER and not is_control(character):
            yield character, origin


def set_chinese_apart(characters: Iterable[Character]) -> Iterator[Character]:
    """A space before and after each Chinese character, which makes each a word of its own."""
    for character, origin in characters:
        if is_chinese(character):
            yield from ((" ", origin), (character, origin), (" ", origin))
        else:
            yield character, origin


def decompose(characters: Iterable[Character]) -> Iterator[Character]:
    """Unicode's canonical decomposition (NFD): a letter, then its accents in their canonical order.

    Marks that stand in another order are sorted. Which origin a sorted mark then has follows the Rust
    library: origins stay in the order of the text, whatever mark has moved to their place.
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
    """Without the combining marks that take no room of their own (category Mn)."""
    return (item for item in characters if unicodedata.category(item[0]) != "Mn")


def lower(characters: Iterable[Character]) -> Iterator[Character]:
    """Lower case, character by character: a Greek sigma at the end of a word is as any other sigma."""
    for character, origin in characters:
        for part in character.lower():
            yield part, origin


class Normalizer:
    """Splits text into normalized words.

    Two ways to the same words: ``words_with_origins`` applies the steps above one by one, and ``words``
    applies them once per distinct code point, remembers what became of it, and then leaves all the work
    to ``str.translate``.
    """

    def __init__(self, lowercase: bool, strip_accents: bool, split_chinese: bool):
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_chinese = split_chinese
        # Code point -> what it becomes, with spaces around what is a word of its own. The bound is
        # there for text that runs through all of Unicode.
        self._becomes = Memo(self._normalized_alone, limit=1 << 16)

    def normalized(self, text: str) -> Iterator[Character]:
        """The characters that ``text`` becomes, each with its origin, before it is split into words."""
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
        words: list[tuple[str, list[int]]] = []
        word, origins = "", []
        for character, origin in [*self.normalized(text), (" ", len(text))]:
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

    def words(self, text: str) -> list[str]:
        """The words of ``text``.

        >>> Normalizer(True, True, True).words("Ça va?")
        ['ca', 'va', '?']
        """
        text = text.translate(self._becomes)
        if self.strip_accents and not text.isascii():
            # What is left of the marks (those that do take room) in their canonical order.
            text = unicodedata.normalize("NFD", text)
        return text.split()

    def _normalized_alone(self, code_point: int) -> str:
        return "".join(
            f" {character} " if is_punctuation(character) else character
            for character, _ in self.normalized(chr(code_point))
        )
