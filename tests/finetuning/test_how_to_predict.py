"""What a run writes down for ``bert predict``: the options that it was trained and measured with."""

import json
from types import SimpleNamespace

import pytest

from bert.adaptation.loading import source_of
from bert.commands.reading import reading_of
from bert.commands.validation import validation_of
from bert.config import BertConfig
from bert.generation.decoding import Decoding
from bert.tasks.generation.read import Pair
from bert.tasks.kinds import KINDS
from bert.tasks.options import Columns, Options, Writing
from finetuning.reading import validation_file
from tests.bert.commands.writers import TARGET, save_run
from train_finetune import how_to_predict


@pytest.mark.parametrize(("columns", "options"), [
    (Columns("body", "title", "folder", header=False, separator=";"),
     Options(33, "tail", separator=";", summary_sentences=5, null_threshold=1.5, fitting_tags=True)),
    (Columns("2"), Options(20)),
])  # fmt: skip
def test_a_file_is_read_and_predicted_as_the_run_was_measured(columns, options, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BertConfig.tiny(max_position_embeddings=40).to_dict()))
    reading = SimpleNamespace(columns=columns, task=SimpleNamespace(options=options), validation=None)
    (tmp_path / "task.json").write_text(json.dumps(how_to_predict(reading)))
    found = reading_of(tmp_path, "a.tsv", {})
    names = ("max_length", "long_texts", "summary_sentences", "null_threshold", "fitting_tags", "separator")
    assert [getattr(found.options, name) for name in names] == [getattr(options, name) for name in names]
    assert found.columns[:2] + found.columns[3:] == columns[:2] + columns[3:]  # labels are not read


@pytest.mark.parametrize(("turns", "history"), [(1, 1), (2, 2)])
def test_outputs_are_written_as_the_run_was_measured_for_as_many_turns_as_it_saw(turns, history, tmp_path):
    writing = Writing(TARGET, 13, Decoding(12, 2, 3, beams=5, length_penalty=0.5))
    pairs = [Pair(1, ("a",), "B"), Pair(1, ("a",) * turns, "B")]
    task = SimpleNamespace(options=Options(20, writing=writing), sets={"train": SimpleNamespace(examples=pairs)})
    reading = SimpleNamespace(columns=Columns(history=3), task=task, validation=None)
    save_run(tmp_path, **json.loads(json.dumps(how_to_predict(reading))))
    found = reading_of(tmp_path, "a.jsonl", {})
    assert (found.options.writing.decoding, found.options.writing.max_length) == (writing.decoding, 13)
    assert found.columns.history == history


@pytest.mark.parametrize("has_dev", [True, False])
def test_the_validation_set_can_be_read_once_more(has_dev, tmp_path):
    kind, columns = KINDS["single-label"], Columns("2", None, "1", header=False)
    names, sets = ["train", "dev"] if has_dev else ["train"], {}
    for name in names:
        file = tmp_path / f"{name}.tsv"
        file.write_text("".join(f"{'wet' if n % 3 else 'dry'}\ttext {n} of {name}\n" for n in range(40)))
        sets[name] = (str(file), list(kind.read(file, columns, True)))
    expected = sets["dev"][1] if has_dev else kind.hold_out(sets["train"][1])[1]
    settings = SimpleNamespace(train_targets=None, dev_targets=None)
    task = SimpleNamespace(options=Options(20))
    reading = SimpleNamespace(columns=columns, task=task, validation=validation_file(settings, sets, columns))
    (tmp_path / "task.json").write_text(json.dumps(how_to_predict(reading)))
    validation = validation_of(source_of(tmp_path))
    assert validation.read(kind) == expected and 0 < len(expected) <= 40
    assert validation_file(settings, {"train": ("the built-in task", [])}, columns) is None
