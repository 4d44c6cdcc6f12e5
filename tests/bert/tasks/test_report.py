"""A run's report: numbers for a program, a page for a person, a table of predictions."""

import json

from bert.tasks.report import Evaluation, write_report

EVALUATIONS = {
    "dev": Evaluation(
        {"accuracy": 0.75}, {}, ["line", "label", "prediction"], [[2, "a", "b\tc"]], [("Mistakes", "<p>x</p>")]
    ),
    "test": Evaluation({"accuracy": 0.5}, {}, ["line", "label", "prediction"], [[3, "b", "b"]]),
}


def test_numbers_facts_and_predictions_are_written(tmp_path):
    facts = {"seed": 3, "labels": ["a", "b"], "examples": {"train": 1200, "dev": 4}, "names": ["x"] * 25}
    report = write_report(tmp_path, "A run", facts, EVALUATIONS)
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert report == {"dev": {"accuracy": 0.75}, "test": {"accuracy": 0.5}} | facts
    lines = (tmp_path / "predictions.tsv").read_text().splitlines()
    assert lines == ["set\tline\tlabel\tprediction", "dev\t2\ta\tb c", "test\t3\tb\tb"]
    page = (tmp_path / "report.html").read_text()
    for part in (
        "A run", "accuracy", "0.7500", "0.5000", "Mistakes (dev)", "<p>x</p>", ">a, b<", ">train: 1,200, dev: 4<",
        "x and 5 more",
    ):  # fmt: skip
        assert part in page


def test_the_curves_are_on_the_page_where_there_are_any(tmp_path):
    write_report(tmp_path, "A", {}, EVALUATIONS)
    assert "data:image/png" not in (tmp_path / "report.html").read_text()
    (tmp_path / "curves.png").write_bytes(b"\x89PNG")
    write_report(tmp_path, "A", {}, EVALUATIONS)
    assert "data:image/png;base64,iVBORw==" in (tmp_path / "report.html").read_text()
