"""Checks of the longest match: words in a small vocabulary, and random words beside another way to cut them."""

import random
from types import ModuleType

from bert.exercises.checks.compare import require

PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able a ##a able ab ##bc u ##n ##f ##ffab ##le ##ab c ##c ##fg".split()
)


def check_the_beginning_and_the_rest(module: ModuleType) -> None:
    _check(module, "a", "a", {"##a": "the first piece of a word has no ##"})
    _check(module, "un", "un", {"u ##n": "the shortest piece is taken; take the longest one that fits"})
    _check(module, "aable", "a ##able", {
        "a able": "a piece that goes on with a word starts with ##: look it up in self._continuation_ids",
    })  # fmt: skip
    _check(module, "able", "able")
    _check(module, "", "")


def check_the_papers_word(module: ModuleType) -> None:
    _check(module, "unaffable", "un ##aff ##able")


def check_words_without_pieces(module: ModuleType) -> None:
    _check(module, "unz", "[UNK]", {
        "un [UNK]": "if a part of the word has no piece, the whole word is one [UNK]",
        "un": "if a part of the word has no piece, the whole word is one [UNK]; here the rest is dropped",
        "": "if a part of the word has no piece, the whole word is one [UNK]; here nothing is left",
    })  # fmt: skip
    _check(module, "zun", "[UNK]", {"[UNK] un": "if a part of the word has no piece, the whole word is one [UNK]"})
    _check(module, "ba", "[UNK]")
    # Longest first gives ab, and nothing goes on from there. A search that goes back would find a ##bc.
    _check(module, "abc", "ab ##c")
    _check(module, "abbc", "ab ##bc")
    _check(module, "uaffg", "[UNK]", {
        "u ##a ##f ##fg": "the match goes back to a shorter piece; longest match first never does",
    })  # fmt: skip


def check_long_words(module: ModuleType) -> None:
    _check(module, "a" * 100, " ".join(["a", *["##a"] * 99]))
    found = _cut(module, "a" * 101)
    require(found == ["[UNK]"], "a word of more than MAX_WORD_LENGTH characters is [UNK]; it is cut instead")


def check_the_rest_of_a_word(module: ModuleType) -> None:
    found = _cut(module, "able", continues_word=True)
    require(found != ["able"], "with continues_word=True the first piece starts with ##, too")
    require(found == ["##able"], f"with continues_word=True, able gives {found}, but ##able was expected")


def check_random_words(module: ModuleType) -> None:
    generator = random.Random(0)
    for _ in range(300):
        word = "".join(generator.choices("abc", k=generator.randint(1, 7)))
        _check(module, word, " ".join(_cut_by_prefixes(word)))


def _cut_by_prefixes(word: str) -> list[str]:
    """The same by another way: of all pieces that the rest begins with, the longest."""
    pieces: list[str] = []
    while word:
        mark = "##" if pieces else ""
        fitting = [piece for piece in PIECES[5:] if piece.startswith("##") == bool(mark)]
        fitting = [piece for piece in fitting if word.startswith(piece.removeprefix("##"))]
        if not fitting:
            return ["[UNK]"]
        pieces.append(max(fitting, key=len))
        word = word[len(pieces[-1]) - len(mark) :]
    return pieces


def _check(module: ModuleType, word: str, expected: str, mistakes: dict[str, str] | None = None) -> None:
    found = _cut(module, word)
    for beginning, sentence in (mistakes or {}).items():
        is_mistake = found[: len(beginning.split())] == beginning.split() and (beginning or not found)
        require(not is_mistake or found == expected.split(), f"{sentence} (the word {word})")
    require(found == expected.split(), f'the word "{word}" gives {found}, but {expected.split()} was expected')


def _cut(module: ModuleType, word: str, **options: bool) -> list[str]:
    ids = module.WordPieceTokenizer(PIECES).match_longest_first(word, **options)
    is_ids = isinstance(ids, tuple | list) and all(type(each) is int for each in ids)
    require(is_ids, f"the function must return ids, a tuple of integers; for {word[:20]} it returns {str(ids)[:40]}")
    return [PIECES[each] for each in ids]
