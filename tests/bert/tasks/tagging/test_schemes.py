"""Schemes: each is recognised, read as entities and written again, as seqeval and conlleval read it."""

import os
import random
from pathlib import Path

import pytest

from bert.tasks.tagging.schemes import (
    BIOES,
    IOB2,
    SCHEMES,
    Entity,
    are_entities,
    count_odd,
    find_entities,
    inner,
    nearly_fitting,
    recognise,
    write_tags,
)

BY_NAME = {scheme.name: scheme for scheme in SCHEMES}
EXAMPLE = [Entity("PER", 0, 2), Entity("LOC", 3, 4), Entity("LOC", 4, 7)]
WRITTEN = {
    "IOB1": "I-PER I-PER O I-LOC B-LOC I-LOC I-LOC O",
    "IOB2": "B-PER I-PER O B-LOC B-LOC I-LOC I-LOC O",
    "BIOES": "B-PER E-PER O S-LOC B-LOC I-LOC E-LOC O",
    "BILOU": "B-PER L-PER O U-LOC B-LOC I-LOC L-LOC O",
    "BMES": "B-PER E-PER O S-LOC B-LOC M-LOC E-LOC O",
    "BMEWO": "B-PER E-PER O W-LOC B-LOC M-LOC E-LOC O",
}
CASES = {  # by the rules of conlleval's startOfChunk and endOfChunk
    "B-A I-A O B-A": [("A", 0, 2), ("A", 3, 4)],
    "B-A B-A": [("A", 0, 1), ("A", 1, 2)],
    "I-A I-A O": [("A", 0, 2)],
    "B-A I-B": [("A", 0, 1), ("B", 1, 2)],
    "S-A B-A E-A": [("A", 0, 1), ("A", 1, 3)],
    "E-A I-A": [("A", 0, 1), ("A", 1, 2)],
    "S-A I-A": [("A", 0, 1), ("A", 1, 2)],
    "B-A-B I-A-B I-A": [("A-B", 0, 2), ("A", 2, 3)],
    "O O": [],
    "": [],
}


def random_entities(generator, length, types=("A", "B-C")):
    """Entities of one to four words, which often touch."""
    entities, start = [], 0
    while start < length:
        if generator.random() < 0.6:
            entities.append(Entity(generator.choice(types), start, min(start + generator.randint(1, 4), length)))
            start = entities[-1].end
        else:
            start += 1
    return entities


@pytest.mark.parametrize("name", WRITTEN)
def test_the_example_is_written_and_read_in_each_scheme(name):
    assert write_tags(EXAMPLE, 8, BY_NAME[name]) == WRITTEN[name].split()
    assert find_entities(WRITTEN[name].split(), BY_NAME[name]) == EXAMPLE


def test_io_joins_entities_of_a_type_that_touch():
    tags = write_tags(EXAMPLE, 8, BY_NAME["IO"])
    assert tags == "I-PER I-PER O I-LOC I-LOC I-LOC I-LOC O".split()
    assert find_entities(tags, BY_NAME["IO"]) == [Entity("PER", 0, 2), Entity("LOC", 3, 7)]


@pytest.mark.parametrize("types", [("A", "B-C"), ("",)])
@pytest.mark.parametrize("name", WRITTEN)
def test_entities_come_back_from_any_scheme_and_the_scheme_is_recognised(name, types):
    generator = random.Random(1)
    sentences = [(length := generator.randint(1, 12), random_entities(generator, length, types)) for _ in range(200)]
    tags = [write_tags(entities, length, BY_NAME[name]) for length, entities in sentences]
    assert [find_entities(each, BY_NAME[name]) for each in tags] == [entities for _, entities in sentences]
    scheme, odd = recognise(tags)
    assert (scheme and scheme.name, odd) == (name, 0)


@pytest.mark.parametrize("name", ["IOB1", "IOB2", "BIOES"])
def test_a_scheme_is_recognised_in_spite_of_errors(name):
    generator = random.Random(2)
    scheme = BY_NAME[name]
    tags = [write_tags(random_entities(generator, 10), 10, scheme) for _ in range(200)]
    letters = [f"{letter}-{kind}" for letter in sorted(set(scheme.letters)) for kind in ("A", "B-C")]
    damaged = [[generator.choice(letters) if generator.random() < 0.1 else tag for tag in each] for each in tags]
    assert recognise(damaged) == (scheme, count_odd(damaged, scheme))
    assert count_odd(damaged, scheme) > 50


def test_the_scheme_of_the_training_file_is_meant_if_others_fit_no_better():
    ends = [["B-A", "E-A", "S-A"]]
    assert recognise(ends)[0] == BIOES
    assert recognise(ends, BY_NAME["BMES"])[0] == BY_NAME["BMES"]
    assert recognise([["B-A", "I-A", "O"]], BIOES)[0] == IOB2  # it fits better
    assert recognise([["O", "O"]], BY_NAME["IO"])[0] == BY_NAME["IO"]


@pytest.mark.parametrize(
    "tags", ["NN VB", "O COMMA", "PER O", "B-", "B I O X", "B-PER I O", "B-A M-A L-A", "E S", "b-per o", "1 0"]
)
def test_other_tags_are_in_no_scheme(tags):
    assert recognise([tags.split()]) == (None, 0)
    assert not are_entities(tags.split())


def test_tags_that_are_nearly_in_a_scheme_name_it():
    assert nearly_fitting([["B-A", "I-A", "O", "PER"]]) == IOB2
    assert nearly_fitting([["B-A", "M-A", "L-A", "M-A", "E-A"]]) == BY_NAME["BMES"]
    assert nearly_fitting([["NN", "B-A", "VB"]]) is None


def test_the_model_learns_iob2_or_bioes_by_whether_ends_are_marked():
    assert {name: inner(scheme).name for name, scheme in BY_NAME.items()} == {
        "IO": "IOB2", "IOB1": "IOB2", "IOB2": "IOB2",
        "BIOES": "BIOES", "BILOU": "BIOES", "BMES": "BIOES", "BMEWO": "BIOES",
    }  # fmt: skip


@pytest.mark.parametrize("tags", CASES)
def test_entities_begin_and_end_by_conllevals_rules(tags):
    assert find_entities(tags.split()) == [Entity(*entity) for entity in CASES[tags]]


def test_the_entities_of_conll2003_are_the_same_in_its_published_scheme():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    blocks = Path(os.environ["BERT_DATA"], "conll2003/valid.txt").read_text(encoding="utf-8").split("\n\n")
    tags = [[line.split()[-1] for line in block.splitlines()] for block in blocks]
    assert recognise(tags) == (IOB2, 0)
    published = []
    for sentence in tags:  # I for B, unless the word before is of the same type
        pairs = zip(["O", *sentence], sentence)
        published.append([f"I{tag[1:]}" if tag[0] == "B" and before[2:] != tag[2:] else tag for before, tag in pairs])
    assert published != tags
    scheme, odd = recognise(published)
    assert scheme is not None and (scheme.name, odd) == ("IOB1", 0)
    assert [write_tags(find_entities(each, scheme), len(each), IOB2) for each in published] == tags


@pytest.mark.peers
@pytest.mark.parametrize("name, theirs", [("IOB1", "IOB1"), ("IOB2", "IOB2"), ("BIOES", "IOBES"), ("BILOU", "BILOU")])
def test_well_formed_tags_are_seqevals_in_its_strict_mode(name, theirs):
    seqeval = pytest.importorskip("seqeval.scheme")
    generator = random.Random(3)
    for _ in range(200):
        length = generator.randint(1, 12)
        entities = random_entities(generator, length)
        tags = write_tags(entities, length, BY_NAME[name])
        (found,) = seqeval.Entities([tags], getattr(seqeval, theirs)).entities
        assert [Entity(each.tag, each.start, each.end) for each in found] == entities


@pytest.mark.peers
@pytest.mark.parametrize("name", BY_NAME)
def test_random_tags_are_seqevals_in_its_default_mode(name):
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    generator, scheme = random.Random(4), BY_NAME[name]
    letters = dict(zip("MLUW", "IESS")) | dict(zip("BIES", "BIES"))  # seqeval's default mode knows these
    tags = ["O", *(f"{letter}-{kind}" for letter in sorted(set(scheme.letters)) for kind in ("A", "B-C"))]
    for _ in range(300):
        sentence = generator.choices(tags, k=generator.randint(1, 12))
        theirs = labeling.get_entities([letters.get(tag[0], tag[0]) + tag[1:] for tag in sentence])
        found = find_entities(sentence, scheme)
        assert found == [Entity(kind, start, end + 1) for kind, start, end in theirs]
