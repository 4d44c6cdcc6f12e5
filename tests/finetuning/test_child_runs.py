"""Runs that a longer command starts."""

import pytest

from bert.files.terminal import orderly
from finetuning import child_runs


def test_each_run_is_a_process_of_its_own(tmp_path, capfd):
    assert child_runs.start(["--nothing"]) == 2
    assert "train_finetune.py: error: unrecognized arguments: --nothing" in capfd.readouterr().err


def test_the_errors_of_a_run_can_be_kept_and_are_printed_too(monkeypatch, tmp_path, capfd):
    script = tmp_path / "script.py"
    script.write_text("import sys; print('one\\ntwo', file=sys.stderr); sys.exit(3)")
    monkeypatch.setattr(child_runs, "SCRIPT", script)
    errors = []
    assert child_runs.start([], errors) == 3
    assert errors == ["one\n", "two\n"]
    assert capfd.readouterr().err == "one\ntwo\n"


def test_a_run_ends_with_the_command_that_started_it(monkeypatch, tmp_path):
    """SIGTERM reaches the command alone. The run gets it too, and may save its state."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], 'w').close(), sys.exit(130)))\n"
        "time.sleep(0.3)\n"  # until the command waits for it
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(child_runs, "SCRIPT", script)
    with orderly(), pytest.raises(SystemExit) as ended:
        child_runs.start([str(tmp_path / "saved")])
    assert ended.value.code == 143
    assert (tmp_path / "saved").exists()
