"""Runs that a longer command starts."""

from finetuning import child_runs


def test_each_run_is_a_process_of_its_own(tmp_path, capfd):
    assert child_runs.start(["--nothing"]) == 2
    assert "train_finetune.py: error: unrecognized arguments: --nothing" in capfd.readouterr().err
