"""Choices become batches of three axes."""

import json

import pytest

from bert.errors import InputError
from bert.tokenization.choice_inputs import choice_inputs
from data.tasks.choices import choice_batch, read_labelled_choices


def test_examples_become_tensors_with_labels(tmp_path, tokenizer):
    rows = [
        {"context": "the cat", "choices": ["sat", "ran on"], "label": 1},
        {"context": "the dog", "choices": ["sat", "ran", "on the mat"], "label": 2},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    examples = read_labelled_choices(tmp_path / "a.jsonl")
    inputs = [choice_inputs(tokenizer, example.context, example.choices, 16).inputs for example in examples]
    batch = choice_batch(inputs, [example.label for example in examples], tokenizer.pad_token_id)
    assert {name: tuple(values.shape) for name, values in batch.items()} == {
        "input_ids": (2, 3, 8), "token_type_ids": (2, 3, 8), "attention_mask": (2, 3, 8), "labels": (2,),
    }  # fmt: skip
    assert batch["labels"].tolist() == [1, 2]
    assert batch["input_ids"][1, 2].tolist() == tokenizer("the dog", "on the mat").input_ids
    assert batch["attention_mask"][0, 2].sum() == 0


def test_a_label_is_needed(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"context": "a", "choices": ["b", "c"]}')
    with pytest.raises(InputError, match=r"a\.jsonl: line 1: has no key 'label'"):
        read_labelled_choices(tmp_path / "a.jsonl")
