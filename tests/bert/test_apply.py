"""Applying a run: how a file is read follows from the run, from its kind of file, and from what is asked for."""

import json

import pytest

from bert.apply import reading_of
from bert.config import BertConfig
from bert.errors import InputError


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BertConfig.tiny(max_position_embeddings=40).to_dict()))
    return tmp_path


def write_task(run, **values):
    (run / "task.json").write_text(json.dumps(values))


def test_the_flags_go_before_the_run_and_the_run_before_the_defaults(run):
    write_task(run, columns={"text": "question", "text_pair": "context", "header": False}, max_length=20)
    reading = reading_of(run, "a.tsv", {"max_length": 30, "long_texts": None})
    assert (reading.text_column, reading.text_pair_column, reading.header) == ("question", "context", False)
    assert (reading.max_length, reading.long_texts) == (30, "head")
    assert reading_of(run, "a.txt", {}).text_pair_column is None
    with pytest.raises(InputError, match="reads at most 40 tokens"):
        reading_of(run, "a.tsv", {"max_length": 41})


@pytest.mark.parametrize(
    "values",
    [{"columns": "text"}, {"columns": ["text"]}, {"columns": {"text": None}}, {"columns": {"text": 4}},
     {"columns": {"text": "a", "text_pair": ["b"]}}, {"max_length": "20"}, {"long_texts": "middle"},
     {"summary_sentences": 2.5}, {"null_threshold": "0"}],
)  # fmt: skip
def test_a_damaged_task_is_one_sentence(run, values):
    write_task(run, **values)
    with pytest.raises(InputError, match=r"task\.json: is damaged"):
        reading_of(run, "a.tsv", {})
