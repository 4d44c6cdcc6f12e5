"""The verbalizer: the words of each label, as pieces of the vocabulary."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bert.errors import InputError
from bert.tasks.cloze.patterns import PAIR, TEXT, parts_of
from bert.tasks.options import Patterns
from bert.tokenization.tokenizer import Tokenizer

NO_PIECE = -1  # fills up the rows of shorter words


@dataclass(frozen=True)
class Verbalizer:
    """The pieces of each word.

    Attributes:
        words: the ids of each word's pieces, label by label.
        label_of_word: the index of each word's label.
    """

    words: tuple[tuple[int, ...], ...]
    label_of_word: tuple[int, ...]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The numbers of pieces that words have, the smallest first. A word of k pieces needs a blank of k masks."""
        return tuple(sorted(set(map(len, self.words))))

    @property
    def most_pieces(self) -> int:
        """The number of pieces of the longest word."""
        return self.lengths[-1]

    @cached_property
    def table(self) -> np.ndarray:
        """(words, most_pieces) int64: the pieces of each word, then NO_PIECE."""
        table = np.full((len(self.words), self.most_pieces), NO_PIECE)
        for row, word in zip(table, self.words):
            row[: len(word)] = word
        return table


def make_verbalizer(tokenizer: Tokenizer, patterns: Patterns) -> Verbalizer:
    """The pieces of the patterns' words.

    Raises:
        InputError: if a word is empty, unknown, a special token, or the same pieces as another word.
    """
    words: dict[tuple[int, ...], tuple[int, str]] = {}
    for index, (label, of_label) in enumerate(patterns.words.items()):
        for word in of_label:
            place, pieces = f"{patterns.source}: words of {label}: {word!r}", tuple(tokenizer.encode(word))
            if not pieces or tokenizer.unk_token_id in pieces:
                raise InputError(f"{place} is unknown to the checkpoint's vocabulary; name another word")
            if special := tokenizer.special_token_ids.intersection(pieces):
                token = tokenizer.id_to_token(min(special))
                raise InputError(f"{place} has the special token {token}, which no text has; name an ordinary word")
            if pieces in words:
                _, other = words[pieces]
                raise InputError(f"{place} is the same as {other!r} to the vocabulary; name each word once")
            words[pieces] = (index, word)
    return Verbalizer(tuple(words), tuple(index for index, _ in words.values()))


def unknown_in_patterns(tokenizer: Tokenizer, patterns: Patterns) -> list[int]:
    """The numbers, from 1, of the patterns with a word that the vocabulary cannot spell."""
    literals = [[part for part in parts_of(pattern) if part not in (TEXT, PAIR)] for pattern in patterns.texts]
    return [
        number
        for number, parts in enumerate(literals, start=1)
        if any(tokenizer.unk_token_id in tokenizer.encode(part) for part in parts)
    ]


def words_in_pieces(tokenizer: Tokenizer, patterns: Patterns) -> list[str]:
    """The words of several pieces, each with its pieces: "unhappy (un ##hap ##py)"."""
    words = [word for of_label in patterns.words.values() for word in of_label]
    pieces = {word: tokenizer.tokenize(word) for word in words}
    return [f"{word} ({' '.join(parts)})" for word, parts in pieces.items() if len(parts) > 1]
