"""Relations to train on: SemEval's own file to the last sentence, and labels that are known."""

import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.task_inputs.marked_texts import MarkedText
from data.tasks.relations import find_relations, read_relations, relation_numbers


def example(line, label):
    return MarkedText(line, "a b", (0, 1), (2, 3), label)


def test_a_file_is_read_with_its_relations(tmp_path):
    (tmp_path / "a.txt").write_text('7\t"<e1>a</e1> <e2>b</e2>"\nCause-Effect(e1,e2)\nComment:\n\n')
    assert read_relations(tmp_path / "a.txt") == [example(1, "Cause-Effect(e1,e2)")]
    (tmp_path / "a.txt").write_text('7\t"<e1>a</e1> <e2>b</e2>"\n')
    with pytest.raises(InputError, match=r"a\.txt: line 1: the sentence has no relation"):
        read_relations(tmp_path / "a.txt")


def test_relations_are_numbered_in_alphabetical_order():
    examples = [example(1, "Other"), example(2, "B(e2,e1)"), example(3, "B(e1,e2)"), example(4, "Other")]
    relations = find_relations(examples, "here")
    assert relations == ["B(e1,e2)", "B(e2,e1)", "Other"]
    assert relation_numbers(examples, relations, "here").tolist() == [2, 1, 0, 2]


def test_a_single_relation_is_nothing_to_learn():
    with pytest.raises(InputError, match="here: all 2 relations are 'Other'"):
        find_relations([example(1, "Other"), example(2, "Other")], "here")


def test_a_relation_that_was_not_trained_on_is_named_with_its_line():
    with pytest.raises(InputError, match="dev: line 5: the relation 'C' is not one of those trained on: A, B"):
        relation_numbers([example(1, "A"), example(5, "C")], ["A", "B"], "dev")


def test_semeval_2010_is_read_to_the_last_sentence():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    examples = read_relations(Path(os.environ["BERT_DATA"], "semeval2010-task8", "train.txt"))
    assert len(examples) == 8_000
    assert len(find_relations(examples, "train")) == 19
    assert sum(each.label == "Other" for each in examples) == 1_410
    marked = examples[2]
    assert [marked.text[slice(*span)] for span in (marked.first, marked.second)] == ["author", "disassembler"]
