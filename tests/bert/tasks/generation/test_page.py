"""Outputs on a page: the first, the best and the worst ones, whatever is written in them."""

import numpy as np

from bert.tasks.generation.page import attention_table, compared_section, cross_attention_section, unpicked_section
from bert.tasks.generation.predict import CrossAttention, Written
from bert.tasks.generation.read import Pair

EXAMPLES = [Pair(number, (f"source {number}",), f"target {number}") for number in range(25)]
OUTPUTS = [Written(f"output {number}", 0.0) for number in range(25)]
SCORES = [((7 * number) % 25) / 25 for number in range(25)]


def test_nobody_picked_the_first_ten():
    content = unpicked_section(EXAMPLES, OUTPUTS).content
    assert all(f"output {number}<" in content for number in range(10))
    assert "output 10<" not in content


def test_best_and_worst_are_in_their_order():
    best, worst = (section.content for section in compared_section(EXAMPLES, OUTPUTS, SCORES))
    order = sorted(range(25), key=lambda number: SCORES[number])
    for content, chosen in ((best, order[:-11:-1]), (worst, order[:10])):
        places = [content.index(f"output {number}<") for number in chosen]
        assert places == sorted(places)
        assert content.count("output ") == 10


def test_a_hostile_text_is_shown_as_it_is():
    content = unpicked_section([Pair(1, ("<b>&",), "<i>")], [Written("<script>alert(1)</script>", 0.0)]).content
    assert "<script>" not in content
    assert "&lt;script&gt;" in content
    attention = CrossAttention(["[CLS]", "<b>"], ["<u>"], np.array([[0.25, 0.75]]))
    assert "<b>" not in attention_table(attention)
    assert "<u>" not in attention_table(attention)


def test_cross_attention_is_a_table_with_a_cell_for_each_weight():
    attention = CrossAttention(["a", "b", "c"], ["x", "y"], np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]))
    content = attention_table(attention)
    assert content.count("<td") == 6
    assert 'style="--share: 100" title="1.00"' in content
    assert cross_attention_section(OUTPUTS) == []
    (section,) = cross_attention_section([Written("x y", 0.0, attention=attention)])
    assert content in section.content
    assert "the first 40 pieces are shown" not in section.content


def test_of_a_long_source_the_small_weights_can_be_seen_and_what_is_cut_is_said():
    weights = np.full((2, 90), 0.01)
    weights[1, 3], weights[1, 80] = 0.02, 0.1  # the second one is not shown
    attention = CrossAttention(["a"] * 90, ["x", "y"], weights)
    (section,) = cross_attention_section([Written("x y", 0.0, attention=attention)])
    assert section.content.count('style="--share: 50" title="0.01"') == 2 * 40 - 1
    assert section.content.count('style="--share: 100" title="0.02"') == 1
    assert "Of longer texts the first 40 pieces are shown." in section.content
