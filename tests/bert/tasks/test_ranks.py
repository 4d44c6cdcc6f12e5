"""The table of AdaLoRA's ranks: each rank in its layer's row and its matrix's column, shaded by its size."""

import re

from bert.tasks.page import page
from bert.tasks.ranks import DARKEST, ranks_section
from bert.tasks.report import Evaluation, write_report

RANKS = {
    "bert.encoder.layers.0.attention.query": 3, "bert.encoder.layers.0.feed_forward.output": 0,
    "bert.encoder.layers.1.attention.query": 12, "bert.encoder.layers.1.feed_forward.output": 4,
    "bert.encoder.layers.10.attention.query": 1,
}  # fmt: skip


def cells(html):
    """The texts of each row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.S)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_each_rank_stands_in_the_row_of_its_layer_and_the_column_of_its_matrix():
    assert cells(ranks_section(RANKS).content) == [
        ["", "attention query", "feed forward output", "sum"],
        ["layer 11", "1", "", "1"],
        ["layer 2", "12", "4", "16"],
        ["layer 1", "3", "0", "3"],
        ["sum", "16", "4", "20"],
    ]


def test_a_cell_is_shaded_by_its_share_of_the_largest_rank():
    shades = re.findall(r"--share: (\d+)\">(\d*)<", ranks_section(RANKS).content)
    assert dict((rank, int(shade)) for shade, rank in shades) == {
        "12": DARKEST, "4": DARKEST // 3, "3": round(DARKEST / 4), "1": round(DARKEST / 12), "0": 0, "": 0,
    }  # fmt: skip
    assert "--share: 0" in ranks_section(dict.fromkeys(RANKS, 0)).content


def test_the_report_has_the_table_if_the_run_has_ranks(tmp_path):
    evaluations = {"dev": Evaluation({"accuracy": 0.5})}
    report = write_report(tmp_path, "Title", {"seconds": 1, "ranks": RANKS}, evaluations)
    assert report["ranks"] == RANKS
    html = (tmp_path / "report.html").read_text()
    assert ranks_section(RANKS).content in html
    assert "bert.encoder" not in html
    write_report(tmp_path, "Title", {"seconds": 1}, evaluations)
    assert 'class="scroll ranks"' not in (tmp_path / "report.html").read_text()
    assert "color-mix" in page("Title", [])
