"""Reports: a log that a resumed run goes on with, a picture that can be drawn from it, words for a person."""

import json
import os

import pytest

from bert.errors import InputError
from bert.training import reporting
from bert.training.progress import Progress
from bert.training.reporting import Reporter, in_words, read_log
from tests.conftest import pictures_are_drawn


def record(directory, progress, step, **measured):
    progress.step = step
    with Reporter(directory, progress, max_steps=10) as reporter:
        reporter.record(**measured)


def test_each_report_is_a_line_with_its_step(tmp_path):
    progress = Progress()
    with Reporter(tmp_path, progress, max_steps=10) as reporter:
        reporter.record(masked_lm_loss=1.5)
        progress.step, progress.position = 2, (3, 0, 0)
        reporter.report({"masked_lm_loss": 1.0, "masked_lm_accuracy": 0.5, "learning_rate": 0.1})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0] == {"step": 0, "masked_lm_loss": 1.5}
    assert lines[1]["step"] == 2
    assert lines[1]["epoch"] == 3


def test_a_resumed_run_drops_the_lines_after_its_checkpoint_and_keeps_those_before(tmp_path):
    progress = Progress()
    with Reporter(tmp_path, progress, max_steps=10) as reporter:
        for progress.step in (0, 5, 10):
            reporter.record(value=progress.step)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"step": 12, "val')  # cut short by a crash
    Reporter(tmp_path, Progress(step=5), max_steps=10).__exit__()
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == [0, 5]


def test_a_resumed_run_takes_back_that_it_has_ended(tmp_path):
    for ended in ("interrupted", "finished"):
        record(tmp_path, Progress(step=5), 5, ended=ended)
    assert read_log(tmp_path / "log.jsonl") == [{"step": 5, "ended": "finished"}]


def test_a_finished_run_that_is_resumed_and_measured_again_has_its_evaluation_once(tmp_path):
    with Reporter(tmp_path, progress := Progress(), max_steps=10) as reporter:
        for progress.step in (5, 10):
            reporter.record(heldout_loss=1.5)
    for value in (1.5, 1.5, 1.25):
        record(tmp_path, Progress(step=10), 10, heldout_loss=value)
    measured = [(line["step"], line["heldout_loss"]) for line in read_log(tmp_path / "log.jsonl")]
    assert measured == [(5, 1.5), (10, 1.5), (10, 1.25)]


def test_what_is_no_line_of_a_log_is_passed_over_and_the_lines_after_it_are_not(tmp_path):
    log = tmp_path / "log.jsonl"
    junk = ["{", "5", "[]", "{}", '{"step": null}', '{"step": "a"}', '{"step": true}', "[" * 100_000]
    junk += ['{"step": -1}', f'{{"step": 1{"0" * 400}}}', '{"step": 1, "masked_lm_loss": {"a": 1}}']
    junk += ['{"step": 1, "masked_lm_loss": [1, 2]}', f'{{"step": 1, "masked_lm_loss": 1{"0" * 400}}}']
    junk += ['{"step": 1, "masked_lm_loss": NaN}', '{"step": 1, "masked_lm_loss": 1e999}']
    junk += [f'{{"step": 1, "a": "{"x" * 1_000_000}"}}', '{"step": 1, "a": ' + "[" * 50_000 + "]" * 50_000 + "}"]
    log.write_text("\n".join(['{"step": 1}', *junk, '{"step": 2, "value": 3}']))
    assert read_log(log) == [{"step": 1}, {"step": 2, "value": 3}]
    log.unlink()
    log.mkdir()
    with pytest.raises(InputError, match=r"log\.jsonl: cannot be read"):
        read_log(log)


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "tensorboard").touch()
    with pytest.raises(InputError, match="tensorboard: cannot be written"):
        Reporter(tmp_path, Progress(), max_steps=1)
    (tmp_path / "tensorboard").unlink()
    with Reporter(tmp_path, Progress(), max_steps=1) as reporter:
        reporter.file = tmp_path / "nowhere" / "log.jsonl"
        with pytest.raises(InputError, match=r"log\.jsonl: cannot be written"):
            reporter.record(loss=1.0)


def test_a_number_that_is_none_is_valid_json(tmp_path):
    with Reporter(tmp_path, Progress(), max_steps=1) as reporter:
        reporter.record(loss=float("nan"))
    assert json.loads((tmp_path / "log.jsonl").read_text()) == {"step": 0, "loss": None}


def test_a_silent_reporter_writes_nothing(tmp_path, capsys):
    with Reporter(tmp_path, Progress(position=(0, 0, 0)), max_steps=1, silent=True) as reporter:
        reporter.record(loss=1.0)
        reporter.report({"masked_lm_loss": 1.0, "masked_lm_accuracy": 0.5})
        reporter.log("hello")
        with pictures_are_drawn():
            reporter.draw_curves()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_the_curves_are_a_picture(tmp_path):
    progress = Progress()
    with Reporter(tmp_path, progress, max_steps=10) as reporter:
        for progress.step in (1, 2):
            reporter.record(masked_lm_loss=2.0, masked_lm_accuracy=0.1, heldout_masked_lm_loss=2.0)
        with pictures_are_drawn():
            reporter.draw_curves()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_are_said_in_words_that_fit_a_line():
    means = {"masked_lm_loss": 4.5, "masked_lm_accuracy": 0.25, "learning_rate": 1e-3, "tokens_per_second": 12345.6}
    assert in_words(means) == "MLM loss 4.500 (25.0% right), lr 1.00e-03, 12,346 tokens/s"
    assert in_words(means | {"waiting_for_data": 0.01}) == in_words(means)
    assert in_words(means | {"waiting_for_data": 0.25}).endswith("tokens/s, 25% of the time waiting for data")
    assert in_words({"regression_loss": 0.5}) == "regression loss 0.500"
    beside = {"masked_lm": "6.0% by frequency"}
    assert in_words(means, beside).startswith("MLM loss 4.500 (25.0% right, 6.0% by frequency), lr")
    assert in_words({"regression_loss": 0.5}, beside) == "regression loss 0.500"


def test_the_curves_of_any_loss_are_drawn(tmp_path):
    progress = Progress()
    with Reporter(tmp_path, progress, max_steps=10) as reporter:
        for progress.step in (1, 2):
            reporter.record(regression_loss=2.0, heldout_regression_loss=2.0)
        with pictures_are_drawn():
            reporter.draw_curves()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_log_that_never_ends_or_is_longer_than_any_runs_is_refused(tmp_path, monkeypatch):
    log = tmp_path / "log.jsonl"
    os.mkfifo(log)
    with pytest.raises(InputError, match=r"log\.jsonl: cannot be read \(it is a pipe"):
        read_log(log)
    log.unlink()
    log.write_text('{"step": 1}\n' * 1000)
    assert len(read_log(log)) == 1000
    monkeypatch.setattr(reporting, "LONGEST_LOG", 10_000)
    with pytest.raises(InputError, match=r"log\.jsonl: holds more than 10,000 bytes"):
        read_log(log)


@pytest.mark.parametrize("another", [False, True])
def test_a_directory_that_was_removed_or_renamed_is_one_sentence(tmp_path, another):
    run = tmp_path / "run"
    run.mkdir()
    with Reporter(run, Progress(step=1), 9) as reporter:
        reporter.record(loss=1.0)
        run.rename(tmp_path / "moved")
        if another:
            run.mkdir()
        with pytest.raises(InputError, match=r"run/log\.jsonl: cannot be written .*removed or renamed"):
            reporter.record(loss=2.0)
    assert not (run / "log.jsonl").exists()
