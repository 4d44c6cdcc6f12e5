"""What is shown of a sequence: the files hold the numbers, and the picture is a picture."""

import json
import math

import numpy as np
import pytest

from finetuning.sequence_report import report_sequence, table_of

nan = float("nan")


@pytest.fixture
def report():
    return {
        "tasks": ["sst2", "mrpc"], "method": "replay",
        "scores": {"unknown": [[0.5, nan], [0.25, 0.75]], "known": [[0.5, nan], [0.5, 0.75]], "seconds": 3.0},
        "bounds": {
            "one after another": {"unknown": [[0.5, nan], [0.0, 0.75]], "known": [[0.5, nan], [0.5, 0.75]]},
            "all at once": {"unknown": [0.5, 0.7], "known": [0.5, 0.8]},
            "one model each": {"known": [0.5, 0.9]},
        },
    }  # fmt: skip


def test_the_numbers_are_in_the_file_and_in_the_terminal(report, tmp_path, capsys):
    report_sequence(tmp_path, report)
    found = json.loads((tmp_path / "matrix.json").read_text())
    assert found["scores"]["unknown"] == [[0.5, None], [0.25, 0.75]]
    assert found["scores"]["unknown_measures"] == {
        "average_accuracy": 0.5, "backward_transfer": -0.25, "forgetting": 0.25, "forward_transfer": None,
    }  # fmt: skip
    assert found["bounds"]["one after another"]["unknown_measures"]["forgetting"] == 0.5
    output = capsys.readouterr().out
    assert output.startswith("\nAccuracy in %, task unknown, --method replay:\n              sst2")
    assert "average accuracy 50.0, backward transfer -25.0, forgetting 25.0\n" in output
    assert "one after another: task unknown 37.5, task known 62.5\n" in output
    assert "all at once: task unknown 60.0, task known 65.0\n" in output
    assert "one model each: task known 70.0\n" in output
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_a_setting_that_does_not_exist_is_left_out(report, tmp_path, capsys):
    report["scores"]["unknown"] = [[nan, nan], [nan, nan]]
    report_sequence(tmp_path, report)
    assert "task unknown, --method" not in capsys.readouterr().out


def test_forward_transfer_counts_from_the_untrained_model(report, tmp_path, capsys):
    report["scores"]["known"][0][1] = 0.6
    report["untrained"] = {"unknown": [0.1, 0.1], "known": [0.4, 0.5]}
    report_sequence(tmp_path, report)
    measures = json.loads((tmp_path / "matrix.json").read_text())["scores"]["known_measures"]
    assert math.isclose(measures["forward_transfer"], 0.1)


def test_the_table_has_a_dash_for_what_was_not_measured():
    assert table_of(np.array([[0.5, nan], [0.25, 1.0]]), ["sst2", "mrpc"]) == [
        "              sst2    mrpc",
        "after sst2    50.0       -",
        "after mrpc    25.0   100.0",
    ]
