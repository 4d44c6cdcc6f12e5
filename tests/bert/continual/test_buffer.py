"""The file of kept examples."""

import pytest

from bert.continual.buffer import BUFFER, kept_of, read_buffer, write_buffer
from bert.continual.label_groups import LabelGroups
from bert.errors import InputError
from bert.tasks.classification.read import Example

GROUPS = LabelGroups(("b", "a"), (("b", "a"),))


def test_what_is_written_is_read_again(tmp_path):
    examples = [
        Example(number, f"text {number}\n\u2028", "two" if number % 2 else None, "ab"[number % 2])
        for number in range(20)
    ]
    kept = kept_of(examples, 0.25, 0, seed=1)
    assert len(kept) == 5
    assert len(kept_of(examples, 0.001, 0, seed=1)) == 1
    assert read_buffer(tmp_path, GROUPS) == []
    write_buffer(tmp_path, kept, GROUPS)
    found = read_buffer(tmp_path, GROUPS)
    assert [(each.example[1:], each.task) for each in found] == [(each.example[1:], each.task) for each in kept]


def test_another_label_set_and_a_damaged_file_are_one_sentence(tmp_path):
    write_buffer(tmp_path, kept_of([Example(2, "text", None, "a")], 1.0, 0, seed=1), GROUPS)
    for other in (LabelGroups(("a", "b"), (("a", "b"),)), GROUPS.extended(["c"]), GROUPS.extended(["a"])):
        with pytest.raises(InputError, match=r"was kept for 2 labels of 1 tasks .b, a., and the model has"):
            read_buffer(tmp_path, other)
    lines = (tmp_path / BUFFER).read_text().splitlines()
    damages = {
        "line 2: is not JSON": [lines[0], lines[1][:-4]],
        "line 2: task is '0'": [lines[0], lines[1].replace('"task": 0', '"task": "0"')],
        "line 2: has the label 'c' of task 0": [lines[0], lines[1].replace('"a"', '"c"')],
        "line 2: has the label 'a' of task 1": [lines[0], lines[1].replace('"task": 0', '"task": 1')],
        "line 2: has no text_pair": [lines[0], lines[1].replace(', "text_pair": null', "")],
        "line 1: has no labels": [lines[1], lines[1]],
        "holds no examples": lines[:1],
    }
    for message, damaged in damages.items():
        (tmp_path / BUFFER).write_text("\n".join(damaged) + "\n")
        with pytest.raises(InputError, match=f"{BUFFER}: {message}"):
            read_buffer(tmp_path, GROUPS)
    (tmp_path / BUFFER).write_text("")
    with pytest.raises(InputError, match="holds no examples"):
        read_buffer(tmp_path, GROUPS)
