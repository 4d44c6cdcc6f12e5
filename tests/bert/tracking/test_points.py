"""What of a log is sent: each number once, steps only forward."""

import json

from bert.tracking.memory import Sent
from bert.tracking.points import Point, new_points, results_of, texts_of
from bert.tracking.tail import Tail


def send(lines, sent) -> list[Point]:
    """All points of the lines, each noted as it is sent."""
    points = []
    for point in new_points(lines, sent):
        sent.note(point.step, point.numbers)
        points.append(point)
    return points


def test_numbers_are_named_as_in_tensorboard_and_words_are_none():
    line = {
        "step": 5,
        "masked_lm_loss": 1.5,
        "heldout_masked_lm_loss": 2,
        "dev_f1": None,
        "precision": "fp32",
        "x": True,
    }
    expected = {"training/masked_lm/loss": 1.5, "heldout/masked_lm/loss": 2}
    assert send([line], Sent("id", "bert")) == [Point(5, expected)]
    assert texts_of([line, {"step": 6, "ended": "finished"}]) == {"precision": "fp32", "ended": "finished"}


def test_a_resumed_runs_lines_are_sent_once():
    first = [{"step": step, "a_loss": step / 10} for step in (5, 10, 15)]
    again = [
        {"step": 10, "a_loss": 1.0},
        {"step": 15, "a_loss": 1.5},
        {"step": 15, "dev_f1": 0.5},
        {"step": 20, "a_loss": 2.0},
    ]
    sent = Sent("id", "bert")
    assert [point.step for point in send(first, sent)] == [5, 10, 15]
    assert send(again, sent) == [Point(15, {"heldout/validation/f1": 0.5}), Point(20, {"training/a/loss": 2.0})]
    assert send([*first, *again], sent) == []


def test_the_results_are_the_reports_numbers():
    report = {"dev": {"f1": 0.5, "name": "x"}, "test": {"f1": 0.4}, "seed": 0, "best_epoch": 2.0, "labels": ["a"]}
    assert results_of(report) == {"dev/f1": 0.5, "test/f1": 0.4, "best_epoch": 2.0}
    assert results_of({"dev": 5}) == {}


def test_the_tail_waits_for_the_end_of_a_line_and_reads_a_new_file_from_its_beginning(tmp_path):
    path = tmp_path / "log.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text('{"step": 1}\n{"step"')
    assert tail.read() == [{"step": 1}]
    assert tail.read() == []
    with open(path, "a") as file:
        file.write(': 2}\nnonsense\n{"step": -1}\n')
    assert tail.read() == [{"step": 2}]
    assert tail.passed_over == 2
    other = tmp_path / "other"
    other.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3, 4, 5, 6)))
    other.replace(path)  # as a resumed run does
    assert [line["step"] for line in tail.read()] == [1, 2, 3, 4, 5, 6]
    path.write_text('{"step": 1}\n')
    assert tail.read() == [{"step": 1}]
