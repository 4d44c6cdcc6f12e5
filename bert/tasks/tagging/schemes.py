"""Schemes: how the tags of single words mark entities of several words.

Each tag has a letter and the entity's type: B-PER. O is outside of any entity. "Peter Smith" is a person, and two
places stand side by side:

             Peter  Smith  left  Lima   Rio    de     Janeiro  .
    IO       I-PER  I-PER  O     I-LOC  I-LOC  I-LOC  I-LOC    O     I: inside. Lima and Rio de Janeiro become one
    IOB1     I-PER  I-PER  O     I-LOC  B-LOC  I-LOC  I-LOC    O     B: begins, if the word before is of the same type
    IOB2     B-PER  I-PER  O     B-LOC  B-LOC  I-LOC  I-LOC    O     B: begins. Also called BIO
    BIOES    B-PER  E-PER  O     S-LOC  B-LOC  I-LOC  E-LOC    O     E: ends. S: a single word
    BILOU    B-PER  L-PER  O     U-LOC  B-LOC  I-LOC  L-LOC    O     L: last. U: a unit
    BMES     B-PER  E-PER  O     S-LOC  B-LOC  M-LOC  E-LOC    O     M: in the middle
    BMEWO    B-PER  E-PER  O     W-LOC  B-LOC  M-LOC  E-LOC    O     W: a whole entity

Corpora with a single type leave it out: B, I, O. The model learns IOB2, or BIOES if the file says where entities end.
So the tags of a file are read as entities, and the entities are written in one of these two.

A tag may be odd: I-PER after O, in IOB2. There ``conlleval``, the script of the CoNLL tasks, begins an entity. So do
we. IOB1 and IOB2 are from Tjong Kim Sang & Veenstra 1999, BILOU from Ratinov & Roth 2009.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"  # the tag of words outside of any entity
_TYPED = re.compile(r"[A-Z]-\S+")


class Entity(NamedTuple):
    """An entity of a type: the words from ``start`` up to, not including, ``end``."""

    type: str
    start: int
    end: int


class Scheme(NamedTuple):
    """A scheme: its letters for a word that begins, continues or ends an entity, and for a whole entity."""

    name: str
    begin: str
    inside: str
    end: str
    single: str
    touching: str = ""  # IOB1 alone: begins an entity right after one of the same type

    @property
    def letters(self) -> str:
        return "".join(self[1:])


IOB2 = Scheme("IOB2", "B", "I", "I", "B")
BIOES = Scheme("BIOES", "B", "I", "E", "S")
SCHEMES = (  # if two fit equally well, the earlier one is meant
    IOB2,
    Scheme("IO", "I", "I", "I", "I"),
    Scheme("IOB1", "I", "I", "I", "I", touching="B"),
    BIOES,
    Scheme("BILOU", "B", "I", "L", "U"),
    Scheme("BMES", "B", "M", "E", "S"),
    Scheme("BMEWO", "B", "M", "E", "W"),
)


def inner(scheme: Scheme) -> Scheme:
    """The scheme that the model learns for a file's scheme: IOB2 or BIOES."""
    return IOB2 if scheme.end == scheme.inside else BIOES


def find_entities(tags: Sequence[str], scheme: Scheme = BIOES) -> list[Entity]:
    """The entities of a sentence, in order; tags may be odd.

    I or E goes on with the entity before, if the types agree and it has not ended (with E or S). Any other tag than O
    begins an entity. conlleval reads predictions in the same way. BIOES has all of IOB2's tags.

    >>> find_entities(["B-PER", "I-PER", "I-LOC", "O", "I-PER"])
    [Entity(type='PER', start=0, end=2), Entity(type='LOC', start=2, end=3), Entity(type='PER', start=4, end=5)]
    """
    entities: list[Entity] = []
    is_open = False  # whether the entity before can go on
    for place, tag in enumerate(tags):
        letter, _, kind = tag.partition("-")
        if tag == OUTSIDE:
            is_open = False
            continue
        if letter in (scheme.inside, scheme.end) and is_open and kind == entities[-1].type:
            entities[-1] = entities[-1]._replace(end=place + 1)
        else:
            entities.append(Entity(kind, place, place + 1))
        is_open = letter in (scheme.begin, scheme.inside, scheme.touching)
    return entities


def write_tags(entities: Iterable[Entity], length: int, scheme: Scheme) -> list[str]:
    """The tags of a sentence of ``length`` words, from its entities in order.

    >>> write_tags([Entity("PER", 0, 2), Entity("LOC", 3, 4)], 4, BIOES)
    ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    tags = [OUTSIDE] * length
    before = Entity("", 0, 0)
    for entity in entities:
        kind, start, end = entity
        letters = [scheme.begin, *[scheme.inside] * (end - start - 2), scheme.end]
        if end - start == 1:
            letters = [scheme.single]
        if scheme.touching and start > 0 and (before.end, before.type) == (start, kind):
            letters[0] = scheme.touching
        tags[start:end] = [f"{letter}-{kind}" if kind else letter for letter in letters]
        before = entity
    return tags


def count_odd(sentences: Iterable[Sequence[str]], scheme: Scheme) -> int:
    """How many tags differ from how the scheme writes the entities of their sentence."""
    return sum(
        sum(map(str.__ne__, tags, write_tags(find_entities(tags, scheme), len(tags), scheme))) for tags in sentences
    )


def fits(tags: Iterable[str], scheme: Scheme) -> bool:
    """Whether all tags are O or the scheme's: all with a type, or all without one."""
    tags = set(tags) - {OUTSIDE}
    has_types = all(map(_TYPED.fullmatch, tags))
    has_none = "B" in tags and all(len(tag) == 1 for tag in tags)
    return (has_types or has_none) and all(tag[0] in scheme.letters for tag in tags)


def are_entities(labels: Iterable[str]) -> bool:
    """Whether the labels of a model mark entities, in IOB2 or BIOES."""
    return fits(labels, BIOES)


def recognise(sentences: Sequence[Sequence[str]], first: Scheme = IOB2) -> tuple[Scheme | None, int]:
    """The scheme with the fewest odd tags, and their number, among those that have all tags. None: no scheme has.

    IOB1 and IOB2 have the same letters. An entity that touches no other of its type begins with I in IOB1, and with B
    in IOB2. So the more frequent of the two decides.

    Args:
        sentences: the tags of each sentence.
        first: the scheme that is meant if others fit no better.
    """
    used = {tag for tags in sentences for tag in tags}
    best, fewest = None, 0
    for scheme in (first, *SCHEMES):
        if fits(used, scheme) and (best is None or fewest > 0):
            odd = count_odd(sentences, scheme)
            if best is None or odd < fewest:
                best, fewest = scheme, odd
    return best, fewest


def nearly_fitting(sentences: Iterable[Sequence[str]]) -> Scheme | None:
    """The scheme that has most tags, O apart, of a file that is in no scheme. None: no scheme has half of them."""
    counts = Counter(tag for tags in sentences for tag in tags if tag != OUTSIDE)

    def covered(scheme: Scheme) -> int:
        return sum(count for tag, count in counts.items() if is_of(tag, scheme))

    best = max(SCHEMES, key=covered)
    return best if 2 * covered(best) > counts.total() else None


def is_of(tag: str, scheme: Scheme) -> bool:
    """Whether a tag is O, or a letter of the scheme with a type."""
    return tag == OUTSIDE or (_TYPED.fullmatch(tag) is not None and tag[0] in scheme.letters)
