"""Documents become batches, in which each sentence is labelled once."""

import json

import pytest

from bert.errors import InputError
from bert.tokenization.sentence_windows import sentence_windows
from data.tasks.summaries import read_summaries, summary_batch


def test_windows_become_tensors_with_a_label_for_each_sentence(tmp_path, tokenizer):
    rows = [{"sentences": ["the cat", "sat", "on"], "summary": [1]}, {"sentences": ["the dog"] * 6, "summary": [0, 5]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    documents = read_summaries(tmp_path / "a.jsonl")
    windows = [(window, document) for document in documents
               for window in sentence_windows(tokenizer, document.sentences, 16).windows]  # fmt: skip
    assert len(windows) > 2
    batch = summary_batch(windows, tokenizer.pad_token_id)
    assert batch["labels"].tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 1]
    first_of_each = batch["input_ids"].flatten()[batch["sentence_positions"] + 1].tolist()
    assert first_of_each == [tokenizer.encode(word)[0] for word in ("the", "sat", "on", *["the"] * 6)]


def test_a_summary_is_needed(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"sentences": ["a", "b"]}')
    with pytest.raises(InputError, match=r"a\.jsonl: line 1: has no key 'summary'"):
        read_summaries(tmp_path / "a.jsonl")
