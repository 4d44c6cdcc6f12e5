"""A run's report: numbers for a program, a page for a person, a table of predictions."""

import json

import pytest

from bert.tasks.page import table
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


def test_the_page_opens_with_the_verdict_and_ends_with_the_settings(tmp_path):
    facts = {"seed": 3, "baseline": {"name": "always 'b'", "dev": {"accuracy": 0.5}, "test": {"accuracy": 0.25}}}
    (tmp_path / "curves.png").write_bytes(b"\x89PNG")
    report = write_report(tmp_path, "A run", facts, EVALUATIONS, "It is <b>good</b>.", "But not very.")
    assert (report["baseline"], report["warning"]) == (facts["baseline"], "But not very.")
    page = (tmp_path / "report.html").read_text()
    parts = [
        "<h1>A run",
        "It is &lt;b&gt;good",
        "But not very.",
        ">Measures<",
        ">Curves<",
        "Mistakes (dev)",
        ">The run<",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert "<th>dev</th><th>baseline (dev)</th><th>test</th><th>baseline (test)</th>" in page
    assert "<td>accuracy</td><td>0.7500</td><td>0.5000</td><td>0.5000</td><td>0.2500</td>" in page
    assert "always" not in page[page.index(">The run<") :]


def test_the_page_has_both_colour_schemes_a_narrow_width_and_paper(tmp_path):
    write_report(tmp_path, "A", {}, EVALUATIONS)
    page = (tmp_path / "report.html").read_text()
    for part in ("prefers-color-scheme: dark", "@media print", "width=device-width", 'tabindex="0"'):
        assert part in page


def test_the_page_stays_small_whatever_the_labels(tmp_path):
    many = ["x" * 100_000] * 50
    rows = [[name, 0.5] for name in many] * 100
    section = ("By class", table(["class", "F1"], rows))
    write_report(tmp_path, "A", {"labels": many, "task": many[0]}, {"dev": Evaluation({}, sections=[section])})
    page = (tmp_path / "report.html").read_text()
    assert len(page) < 300_000
    assert "And 4,800 more rows." in page


@pytest.mark.parametrize(("predicted", "only"), [
    (["a"] * 12, "a"), (["a"] * 11 + ["b"], None), ([0] * 12, "0"), (["a"] * 9, None), ([], None),
])  # fmt: skip
def test_a_prediction_that_is_always_the_same_is_known(predicted, only):
    rows = [[line, "a", each] for line, each in enumerate(predicted)]
    assert Evaluation({}, header=["line", "label", "prediction"], rows=rows).only_prediction == only
    assert Evaluation({}, header=["line", "label", "guess"], rows=rows).only_prediction is None
