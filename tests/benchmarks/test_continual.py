"""The benchmark of continual learning: a line for each method, and finished trials are kept."""

import json

import pytest
import torch

from benchmarks import continual
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from finetuning import child_runs
from tests.conftest import WORDS
from tests.finetuning.untrained_runs import write_run
from tests.test_train_finetune import make_rows, write_tsv


def test_each_method_has_a_line_and_finished_trials_are_kept(tmp_path, monkeypatch, capsys):
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, 16, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(tmp_path / "checkpoint", BertForPreTraining(config), tokenizer)
    for folder, header in (("SST-2", ("sentence", "label")), ("RTE", ("sentence1", "sentence2", "label"))):
        (tmp_path / "glue" / folder).mkdir(parents=True)
        for name, seed in (("train", 1), ("dev", 2)):
            rows = make_rows(40, seed)
            pairs = [(text, "a king", label) for text, label in rows]
            write_tsv(tmp_path / "glue" / folder / f"{name}.tsv", rows if folder == "SST-2" else pairs, header)
    monkeypatch.setenv("BERT_DATA", str(tmp_path))
    monkeypatch.setattr(continual, "in_a_process_of_its_own", lambda function, trial: function(trial))
    monkeypatch.setattr(child_runs, "start", write_run)
    methods = ["one after another", "replay 10 %", "all at once", "one model each"]
    flags = ["--tasks", "sst2", "rte", "--methods", *methods, "--orders", 2, "--seeds", 1, "--examples", 20, "--epochs",
             1, "--max-length", 16, "--checkpoint", tmp_path / "checkpoint", "--json", tmp_path / "rows.json",
             "--precision", "fp32"]  # fmt: skip
    continual.main(list(map(str, flags)))
    lines = capsys.readouterr().out.splitlines()[-len(methods) :]
    assert [line[:19].strip() for line in lines] == methods
    assert [line[19:25].strip() for line in lines] == ["2", "2", "1", "1"]
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["tasks"] for row in rows[:2]] == [["sst2", "rte"], ["rte", "sst2"]]
    parameters = {row["method"]: row["trained_parameters"] for row in rows}
    assert parameters["one model each"] == 2 * parameters["one after another"] - 4 * 17  # each has two labels less
    assert rows[-1]["average_accuracy"]["unknown"] is None
    monkeypatch.setattr(continual, "in_a_process_of_its_own", lambda *given: pytest.fail("measured again"))
    continual.main(list(map(str, flags)))
    assert capsys.readouterr().out.splitlines()[-len(methods) :] == lines


def test_deviations_are_in_points_and_what_is_missing_is_a_dash():
    assert continual.in_points([0.5, 0.7]) == "60.0 ± 14.1"
    assert continual.in_points([0.5]) == "50.0"
    assert continual.in_points([None, None]) == "-"


def test_of_a_sequence_the_last_row_is_averaged_and_of_a_bound_all_scores():
    nan = float("nan")
    averages, forgetting = continual.measures_of({"unknown": [[0.5, nan], [0.25, 0.75]], "known": [0.5, 0.9]})
    assert averages == {"unknown": 0.5, "known": pytest.approx(0.7)}
    assert forgetting == {"unknown": 0.25, "known": None}
