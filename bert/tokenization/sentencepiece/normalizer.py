"""How SentencePiece prepares a text: characters are mapped, and white space becomes visible.

A model brings its own normalization, compiled from rules: "ﬁ -> fi" (NFKC), "<control> -> nothing" or
"U+3000 -> space" (nmt), "A -> a" (cf). It does not depend on the reader's Unicode tables. Source:
google/sentencepiece, ``src/normalizer.cc``.

    "  Hello\\tﬁne  world"  ->  "▁Hello▁fine▁world"
"""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np

from bert.errors import InputError
from bert.tokenization.sentencepiece.model_file import SPACE_MARK, NormalizerSettings

# The replacement for bytes that are not UTF-8. Python keeps such bytes, from undecodable names and the like, as lone
# surrogates. Each takes three bytes in UTF-8, and each byte is replaced.
_LONE_SURROGATE_REPLACED = "\ufffd" * 3
# Longer rules do not occur (NFKC's longest has 33 bytes), nor do longer replacements. This bounds the check of a file,
# and the length of a normalized text.
_MAX_RULE_BYTES = 256
# This many first characters of rules are remembered: most that any language uses.
_MAX_REMEMBERED = 1 << 16


class CharacterMap:
    """Rules that replace a few characters by others. Of the rules that match at a position, the longest holds.

    The rules are the paths of a trie over UTF-8 bytes. It is stored as a double array (Aoe 1989, in the layout of
    darts-clone). A node is one integer. The offset packed into it gives its base: ``base = node ^ offset``. A node's
    child by a byte is at ``base ^ byte``, if the label there is the byte. If a rule ends at a node, its child by byte 0
    holds the index of the replacement. Replacements are zero-terminated strings in a row.

        bit 31           10                9   8         7      0
        | offset                    | scale | ends here | label  |

    Args:
        data: the size of the array in bytes (4 bytes, the lowest first), the array, the replacements.

    Raises:
        InputError: if an array leads out of itself or out of the replacements.
    """

    def __init__(self, data: bytes):
        size = int.from_bytes(data[:4], "little")
        if len(data) <= 4 or not 4 <= size < len(data) - 4 or size % 4 or data[-1] != 0:
            raise InputError("its normalization rules are damaged")
        units = np.frombuffer(data, "<u4", count=size // 4, offset=4)
        self._replacements = data[4 + size :]
        offset = (units >> 10) << ((units & 0x200) >> 6)
        bases = np.arange(len(units)) ^ offset.astype(np.int64)
        # A unit with the index of a replacement has its highest bit set. So it is no byte's child.
        labels = (units & 0x800000FF).astype(np.int64)
        ends_here = (units & 0x100).astype(bool)
        nodes = _reachable_nodes(bases, labels)
        self._check_replacements(units, bases[nodes & ends_here])
        self._units, self._bases, self._labels = units.tolist(), bases.tolist(), labels.tolist()
        self._node_of_first: dict[str, int | None] = {}
        # Whether no rule reads a space or writes a mark. Then a text can be cut at its spaces before normalization, and
        # each part normalized alone.
        self.leaves_spaces_alone = not (
            np.any(nodes & (labels == ord(" "))) or SPACE_MARK.encode() in self._replacements
        )

    def _check_replacements(self, units: np.ndarray, leaves: np.ndarray) -> None:
        indices = units[leaves[leaves < len(units)]] & 0x7FFFFFFF
        if np.any(leaves >= len(units)) or np.any(indices >= len(self._replacements)):
            raise InputError("its normalization rules lead out of the file")
        content = np.frombuffer(self._replacements, np.uint8)
        ends = np.flatnonzero(content == 0)
        if np.any(ends[np.searchsorted(ends, indices)] - indices > _MAX_RULE_BYTES):
            raise InputError(f"a normalization rule writes more than {_MAX_RULE_BYTES} bytes")
        first_bytes = content[indices]
        try:
            self._replacements.decode("utf-8")
        except UnicodeDecodeError:
            raise InputError("its normalization rules write bytes that are not UTF-8") from None
        if np.any(first_bytes & 0xC0 == 0x80):
            raise InputError("its normalization rules write half a character")

    def longest_rule(self, text: str, start: int) -> tuple[str, int] | None:
        """The replacement by the longest rule that matches at ``start``, and the match's end."""
        first = text[start]
        try:
            node = self._node_of_first[first]
        except KeyError:
            node = self._step(0, first)
            if len(self._node_of_first) < _MAX_REMEMBERED:
                self._node_of_first[first] = node
        end, rule = start + 1, None
        while node is not None:
            if self._units[node] & 0x100:
                rule = node, end
            if end == len(text):
                break
            node = self._step(node, text[end])
            end += 1
        return None if rule is None else (self._replacement(rule[0]), rule[1])

    def has_rule_of_two(self, characters: Sequence[str]) -> bool:
        """Whether some rule starts with two of the characters."""
        nodes = [node for character in characters if (node := self._step(0, character)) is not None]
        return any(self._step(node, character) is not None for node in nodes for character in characters)

    def _step(self, node: int, character: str) -> int | None:
        """The node reached from ``node`` by the bytes of a character."""
        for byte in character.encode("utf-8", "surrogatepass"):
            node = self._bases[node] ^ byte
            if node >= len(self._labels) or self._labels[node] != byte:
                return None
        return node

    def _replacement(self, node: int) -> str:
        index = self._units[self._bases[node]] & 0x7FFFFFFF
        return self._replacements[index : self._replacements.index(0, index)].decode("utf-8")


def _reachable_nodes(bases: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which units are nodes of the trie, as a mask.

    It works level by level over the whole array. A unit is a node if some node's base leads to it by its own label.
    """
    size = len(bases)
    is_labelled = (labels > 0) & (labels < 256)
    base_of_parent = np.where(is_labelled, np.arange(size) ^ labels, 0)
    is_inside = is_labelled & (base_of_parent < size)
    base_of_parent = np.where(is_inside, base_of_parent, 0)
    nodes = np.zeros(size, bool)
    nodes[0] = True
    for _ in range(_MAX_RULE_BYTES):
        is_base = np.zeros(size, bool)
        is_base[bases[nodes & (bases < size)]] = True
        reached = nodes | (is_inside & is_base[base_of_parent])
        if np.array_equal(reached, nodes):
            return nodes
        nodes = reached
    raise InputError("its normalization rules go round in circles")


class Normalizer:
    """Prepares text as a model's settings ask.

    Args:
        settings: of the model.
        whitespace_as_suffix: whether the added space goes to the end of the text.
        user_defined: pieces that are kept as they are, anywhere in a text.
    """

    def __init__(
        self, settings: NormalizerSettings, whitespace_as_suffix: bool = False, user_defined: Sequence[str] = ()
    ):
        self.settings = settings
        self._whitespace_as_suffix = whitespace_as_suffix
        self._space = SPACE_MARK if settings.escape_whitespaces else " "
        self._character_map = CharacterMap(settings.character_map) if settings.character_map else None
        self._user_defined = Symbols(user_defined) if user_defined else None
        self.plain_characters = self._find_plain_characters()
        self._plain_run = re.compile(pattern_of_run(self.plain_characters))
        self.leaves_spaces_alone = self._character_map is None or self._character_map.leaves_spaces_alone

    def adding_space(self, adds: bool) -> "Normalizer":
        """This normalizer, with or without the space that is added to a text."""
        other = copy(self)
        other.settings = replace(self.settings, add_dummy_prefix=adds)
        return other

    def normalize(self, text: str) -> tuple[str, list[int]]:
        """The prepared text, and an index in ``text`` for each of its characters and for its end.

        >>> Normalizer(NormalizerSettings()).normalize("to  be")
        ('▁to▁be', [0, 0, 1, 2, 4, 5, 6])
        """
        settings, space = self.settings, self._space
        position = 0
        if settings.remove_extra_whitespaces:
            while position < len(text):
                replacement, after = self._prefix(text, position)
                if replacement != " ":
                    break
                position = after
        if position == len(text):
            return "", [position]
        written, origins = [], []
        if settings.add_dummy_prefix and not self._whitespace_as_suffix:
            written.append(space)
            origins.append(position)
        after_space = settings.remove_extra_whitespaces
        while position < len(text):
            run = self._plain_run.match(text, position)
            if run is not None:
                # All but the last of a run of plain characters: a rule may begin with the last one.
                end = run.end() - 1
                written.append(text[position:end].translate(self.plain_characters))
                origins.extend(range(position, end))
                after_space = after_space and end == position
                position = end
            replacement, after = self._prefix(text, position)
            if after_space:
                replacement = replacement.lstrip(" ")
            if replacement:
                written.append(replacement)
                origins.extend([position] * len(replacement))
                after_space = settings.remove_extra_whitespaces and replacement[-1] == " "
            position = after
        normalized = "".join(written).replace(" ", space)
        if settings.remove_extra_whitespaces:
            # Like the library, this also drops marks of the text itself.
            normalized = normalized.rstrip(space)
            if len(normalized) < len(origins):
                position = origins[len(normalized)]
                del origins[len(normalized) :]
        if settings.add_dummy_prefix and self._whitespace_as_suffix:
            normalized += space
            origins.append(position)
        origins.append(position)
        return normalized, origins

    def _find_plain_characters(self) -> dict[int, str]:
        """The replacement of each plain character in a word of plain characters only, for ``str.translate``.

        Plain characters are printable ASCII. They start no user-defined symbol, and become one character other than
        white space. If a rule begins with two of them, none is plain. Most words have plain characters only.
        """
        characters = [chr(code) for code in range(ord("!"), 0x7F)]
        if self._character_map is not None and self._character_map.has_rule_of_two(characters):
            return {}
        plain = {}
        for character in characters:
            replacement, _ = self._prefix(character, 0)
            starts_symbol = self._user_defined is not None and self._user_defined.may_start_with(character)
            if len(replacement) == 1 and replacement != " " and not starts_symbol:
                plain[ord(character)] = replacement
        return plain

    def _prefix(self, text: str, start: int) -> tuple[str, int]:
        """The replacement of the character at ``start``, perhaps with some after it, and the replaced part's end."""
        if self._user_defined and (end := self._user_defined.end_of_match(text, start)) is not None:
            return text[start:end], end
        if self._character_map is not None and (rule := self._character_map.longest_rule(text, start)):
            return rule
        character = text[start]
        if "\ud800" <= character <= "\udfff":
            return _LONE_SURROGATE_REPLACED, start + 1
        return character, start + 1


def pattern_of_run(characters: Iterable[int]) -> str:
    """A regular expression for one or more of the characters; it matches nothing if there are none."""
    escaped = "".join(re.escape(chr(code)) for code in characters)
    return f"[{escaped}]+" if escaped else "(?!)"


class Symbols:
    """Strings that are never split. Of those that match at a position, the longest holds."""

    def __init__(self, symbols: Iterable[str]):
        by_first: dict[str, list[str]] = {}
        for symbol in sorted(symbols, key=len, reverse=True):
            by_first.setdefault(symbol[0], []).append(symbol)
        self._patterns = {
            first: re.compile("|".join(map(re.escape, longest_first))) for first, longest_first in by_first.items()
        }

    def may_start_with(self, character: str) -> bool:
        """Whether one of the symbols starts with ``character``."""
        return character in self._patterns

    def end_of_match(self, text: str, start: int) -> int | None:
        """The end of the symbol that starts at ``start``; None if none does."""
        pattern = self._patterns.get(text[start])
        match = pattern and pattern.match(text, start)
        return match.end() if match else None
