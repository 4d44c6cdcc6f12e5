"""Tagged sentences as JSON lines, in two published forms.

    {"tokens": ["West", "Indian"], "ner_tags": ["B-MISC", "I-MISC"]}        words, and a tag for each
    {"text": "彭小军认为", "label": {"name": {"彭小军": [[0, 2]]}}}             CLUENER 2020: entities by type

CLUENER counts letters from 0, and an entity's last letter is in it. Its texts are divided by ``words_of``: into single
Chinese characters, and words of other scripts. An entity that ends inside of a word gets the whole word.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.schemes import IOB2, Entity, write_tags
from bert.tasks.tagging.sentence import TaggedSentence, words_of

WORD_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "labels", "pos_tags")  # the first one that is there


def word_key(values: dict[str, Any], columns: Columns) -> str | None:
    """The key of the words, by the flag or by its usual names. None: the object has none."""
    keys = WORD_KEYS if columns.word is None else (columns.word,)
    return next((key for key in keys if key in values), None)


def read_json(
    objects: Iterable[tuple[int, dict[str, Any]]], columns: Columns, labelled: bool, path: str
) -> Iterator[TaggedSentence]:
    """The sentences of a file's objects, each with the number of its line.

    Raises:
        InputError: if an object has neither form, or another number of words than of tags. Also if there is no word
            to train on.
    """
    overlapping = blank = sentences = 0
    for line, values in objects:
        place = f"{path}: line {line}"
        key = word_key(values, columns)
        if key is not None:
            words = _strings(values[key], key, place)
            sentence = TaggedSentence(line, words, _tags(values, columns, len(words), place) if labelled else ())
        elif isinstance(values.get("text"), str) and isinstance(values.get("label"), dict):
            sentence, left_out = _read_cluener(line, values["text"], values["label"], place)
            overlapping += left_out
        else:
            raise InputError(
                f"{place}: has no words; {', '.join(map(repr, WORD_KEYS))} or --word-column was expected, or 'text' "
                f"with 'label' as in CLUENER; its keys are {', '.join(name[:80] for name in list(values)[:20])}"
            )
        if labelled and not sentence.words:
            blank += 1
            continue
        sentences += 1
        yield sentence
    if not sentences:
        raise InputError(f"{path}: holds no words; lists of words and their tags were expected")
    if blank:
        warnings.warn(f"{path}: {blank:,} sentences without a word are passed over", stacklevel=2)
    if overlapping:
        warnings.warn(f"{path}: {overlapping:,} entities that overlap with another are left out", stacklevel=2)


def _tags(values: dict[str, Any], columns: Columns, count: int, place: str) -> tuple[str, ...]:
    keys = TAG_KEYS if columns.tag is None else (columns.tag,)
    key = next((key for key in keys if key in values), None)
    if key is None:
        raise InputError(
            f"{place}: has no tags; {', '.join(map(repr, keys))} was expected (--tag-column); its keys are "
            f"{', '.join(name[:80] for name in list(values)[:20])}"
        )
    tags = values[key]
    if isinstance(tags, list) and any(type(tag) is int for tag in tags):
        raise InputError(
            f"{place}: {key!r} has numbers, whose names are not in the file; write names instead, which the library "
            f"datasets has: dataset.features[{key!r}].feature.int2str(tags)"
        )
    tags = _strings(tags, key, place)
    if len(tags) != count or not all(map(str.strip, tags)):
        raise InputError(f"{place}: has {count} words, and {len(tags)} tags in {key!r}; a tag for each was expected")
    return tags


def _strings(value: Any, key: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{place}: {key!r} is {repr(value)[:80]}; a list of texts was expected")
    return tuple(value)


def _read_cluener(line: int, text: str, label: dict[str, Any], place: str) -> tuple[TaggedSentence, int]:
    """The sentence of an object, and how many entities were left out. If some overlap, it keeps the first."""
    spans = words_of(text)
    entities = []
    for kind, surfaces in label.items():
        try:
            found = [(surface, start, end + 1) for surface, each in surfaces.items() for start, end in each]
            right = all(surface and text[start:end] == surface for surface, start, end in found)
        except (AttributeError, TypeError, ValueError):
            right = False
        if not right or not re.fullmatch(r"\S+", kind):
            raise InputError(
                f"{place}: the label {kind[:80]!r} is {repr(surfaces)[:80]}; each entity with its first and last "
                f"letter in the text was expected, as in CLUENER"
            )
        for _, start, end in found:
            inside = [index for index, (first, last) in enumerate(spans) if first < end and start < last]
            entities += [Entity(kind, inside[0], inside[-1] + 1)] if inside else []
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end)):
        if not kept or entity.start >= kept[-1].end:
            kept.append(entity)
    words = tuple(text[start:end] for start, end in spans)
    sentence = TaggedSentence(line, words, tuple(write_tags(kept, len(words), IOB2)))
    return sentence, len(entities) - len(kept)
