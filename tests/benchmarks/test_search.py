"""The benchmark of search prints a row for each contestant, and the exact ones find the same."""

from benchmarks.search import main


def test_each_contestant_has_a_row(capsys):
    main(["--vectors", "300", "--size", "40", "--turns", "3", "--no-graph"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[3:]]
    assert [row[1].split(",")[0].strip() for row in rows] == ["ours", "NumPy", "PyTorch", "ours"]
    assert [row[5].strip() for row in rows] == ["1.000"] * 4
