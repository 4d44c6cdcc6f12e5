"""What the page works out from the reader's choices, without a browser."""

import json

import pytest

from bert.explore.page import SCRIPTS, joined_scripts
from tests.browser import NODE, run_node

pytestmark = [pytest.mark.peers, pytest.mark.skipif(NODE is None, reason="needs Node")]


def value(expression: str):
    script = joined_scripts(SCRIPTS[:-1]) + f"\nconsole.log(JSON.stringify({expression}));"
    return json.loads(run_node(script))


def test_masks_stay_with_their_pieces_when_the_text_is_edited():
    def places(before: list[int], after: list[int]) -> list[int]:
        tokens = "[{}].map((id) => ({{ id, type: 0 }}))"
        both = ", ".join(tokens.format(str(ids)[1:-1]) for ids in (before, after))
        return value(f'[0, 1, 2, 3, 4].map(modules["explorer.js"].carried({both}))')

    before = [1, 7, 8, 9, 2]
    assert places(before, before) == [0, 1, 2, 3, 4]
    assert places(before, [1, 5, 6, 7, 8, 9, 2]) == [0, 3, 4, 5, 6]  # typed in front
    assert places(before, [1, 7, 8, 9, 6, 2]) == [0, 1, 2, 3, 5]  # behind
    assert places(before, [1, 7, 9, 2]) == [0, 1, -1, 2, 3]  # removed
    assert places(before, [1, 7, 5, 9, 2]) == [0, 1, 2, 3, 4]  # another piece in its place


def test_an_update_stands_between_its_neighbours_on_the_slider():
    steps = "[0, 1, 10, 100]"
    expression = f'[0, 1, 5.5, 10, 55, 100, 200].map((step) => modules["views/replay.js"].placeOf(step, {steps}))'
    assert value(expression) == pytest.approx([0, 1, 1.5, 2, 2.5, 3, 3])


def test_the_deciding_layer_is_the_first_of_those_that_agree_with_the_last():
    layers = "{}.map((ids) => ids.map((id) => ({{ id }})))"
    decide = 'modules["views/lens.js"].decidingLayer({})'
    assert value(decide.format(layers.format([[3], [4], [3], [3]]))) == 2
    assert value(decide.format(layers.format([[3], [3]]))) == 0
    assert value(decide.format(layers.format([[3], [4]]))) == 1


def test_shapes_are_those_of_the_configuration():
    config = {"hidden_size": 15, "num_attention_heads": 3, "num_hidden_layers": 2, "intermediate_size": 23}
    shapes = value(f'modules["views/shapes.js"].shapesOf({json.dumps(config | {"vocab_size": 77})}, 7)')
    assert shapes["attention"] == "Q, K, V (3, 7, 5) → (3, 7, 7) → (7, 15)"
    assert shapes["norms"] == "(7, 15) → (7, 23) → (7, 15)"
    assert shapes["lens"] == "(3, 15) → (3, 77)"
