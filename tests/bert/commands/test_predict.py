"""Predicting for a file: how it is read follows from the flags, the run and the kind of file."""

import io
import json

import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.commands.predict import predict_file
from bert.commands.reading import reading_of
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.tagging import BertForTokenClassification
from bert.tokenization.wordpiece import WordPieceTokenizer


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BertConfig.tiny(max_position_embeddings=40).to_dict()))
    return tmp_path


def write_task(run, **values):
    (run / "task.json").write_text(json.dumps(values))


def test_the_flags_go_before_the_run_and_the_run_before_the_defaults(run):
    write_task(run, columns={"text": "question", "text_pair": "context", "header": False}, max_length=20)
    columns, options, trained_on_pairs = reading_of(run, "a.tsv", {"max_length": 30, "long_texts": None})
    assert (columns.text, columns.text_pair, columns.header, trained_on_pairs) == ("question", "context", False, True)
    assert (options.max_length, options.long_texts, options.null_threshold) == (30, "head", None)
    columns, options, trained_on_pairs = reading_of(run, "a.txt", {})
    assert (columns.text, columns.text_pair, options.max_length, trained_on_pairs) == ("text", None, 20, True)
    assert reading_of(run, "a.tsv", {"text_column": "2", "header": True}).columns[:4:3] == ("2", True)
    with pytest.raises(InputError, match="reads at most 40 tokens"):
        reading_of(run, "a.tsv", {"max_length": 41})


@pytest.mark.parametrize(
    "values",
    [{"columns": "text"}, {"columns": ["text"]}, {"columns": {"text": None}}, {"columns": {"text": 4}},
     {"columns": {"text": "a", "text_pair": ["b"]}}, {"max_length": "20"}, {"long_texts": "middle"},
     {"summary_sentences": 2.5}, {"null_threshold": "0"}, {"fitting_tags": "yes"},
     {"max_length": True}, {"max_length": -5}, {"max_length": 10**30}, {"summary_sentences": -1},
     {"null_threshold": float("nan")}, {"null_threshold": 10**400}, {"long_texts": ["head"]},
     {"columns": {"header": {"a": 1}}}, {"columns": {"separator": ""}}],
)  # fmt: skip
def test_a_damaged_task_is_one_sentence(run, values):
    write_task(run, **({"columns": {}, "max_length": 20} | values))
    with pytest.raises(InputError, match=r"task\.json: .* was expected; put back what fine-tuning wrote"):
        reading_of(run, "a.tsv", {})


def test_a_taggers_tags_fit_together_where_its_training_says_so(tmp_path):
    """A model that would say I everywhere says it nowhere, since no entity has begun; another's tags are its own."""
    tagger = BertForTokenClassification(BertConfig(7, 12, 1, 2, 12), labels=["O", "I-X"])
    torch.nn.init.constant_(tagger.classifier.bias, 0.0)
    tagger.classifier.bias.data[1] = 9.0
    save_checkpoint(tmp_path, tagger, WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]))
    (tmp_path / "new.txt").write_text("a b\n")
    for saved, expected in (({}, "I-X"), ({"fitting_tags": False}, "I-X"), ({"fitting_tags": True}, "O")):
        write_task(tmp_path, columns=None, max_length=20, **saved)
        predict_file(tmp_path, tmp_path / "new.txt", output := io.BytesIO(), {})
        assert output.getvalue().decode() == f"a\t{expected}\nb\t{expected}\n\n"
