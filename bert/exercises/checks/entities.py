"""Checks of reading entities from tags.

The rules are those of conlleval, the script of the CoNLL tasks.
"""

from types import ModuleType

from bert.exercises.checks.compare import require

# Tags; the entities (type, start, end); the probable mistake.
CASES = [
    ("O O", [], "O is outside of any entity"),
    (
        "B-PER O B-LOC",
        [("PER", 0, 1), ("LOC", 2, 3)],
        "each B begins an entity; its end is the word after its last one",
    ),
    ("B-PER I-PER O", [("PER", 0, 2)], "I goes on with the entity before; its end is the word after its last one"),
    ("O B-PER I-PER I-PER", [("PER", 1, 4)], "an entity may end with the sentence"),
    ("B-LOC B-LOC I-LOC", [("LOC", 0, 1), ("LOC", 1, 3)], "B begins a new entity, right after another one too"),
    ("B-PER I-LOC", [("PER", 0, 1), ("LOC", 1, 2)], "I of another type does not go on with the entity before"),
    ("O I-PER I-PER", [("PER", 1, 3)], "an odd I after O begins an entity, as conlleval has it"),
    ("B-PER O I-PER", [("PER", 0, 1), ("PER", 2, 3)], "O ends an entity: a later I begins a new one"),
    ("B-A-B I-A-B I-A", [("A-B", 0, 2), ("A", 2, 3)], "the type is all that comes after the first dash"),
    ("", [], "a sentence may have no word"),
]
BIOES_CASES = [
    ("B-PER E-PER O S-LOC", [("PER", 0, 2), ("LOC", 3, 4)], "in BIOES, E is the last word and S a single one"),
    ("S-LOC I-LOC", [("LOC", 0, 1), ("LOC", 1, 2)], "in BIOES, an entity has ended with S, so I begins a new one"),
    ("B-LOC E-LOC E-LOC", [("LOC", 0, 2), ("LOC", 2, 3)], "in BIOES, an entity has ended with E"),
]


def check_bio(module: ModuleType) -> None:
    for case in CASES:
        _check(module, case, module.IOB2)


def check_bioes(module: ModuleType) -> None:
    for case in CASES + BIOES_CASES:
        _check(module, case, module.BIOES)


def _check(module: ModuleType, case: tuple[str, list[tuple], str], scheme: tuple) -> None:
    tags, expected, reason = case
    found = module.find_entities(tags.split(), scheme)
    require(isinstance(found, list), f"find_entities must return a list; it returns {type(found).__name__}")
    entities = [tuple(entity) if isinstance(entity, tuple | list) else entity for entity in found]
    require(entities == expected, f'the tags "{tags}" give {entities}, but {expected} was expected: {reason}')
