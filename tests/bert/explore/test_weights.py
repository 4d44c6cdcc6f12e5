"""The packed weights are the rounded ones, bit for bit, here and in the browser."""

import base64
import json
import zlib

import numpy as np
import pytest
import torch

from bert.explore.page import joined_scripts
from bert.explore.quantize import OF_A_REPLAY, rounded
from bert.explore.weights import pack_weights
from bert.quantization.rows import EIGHT_BITS
from tests.browser import NODE, run_node


def some_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"a.weight": torch.randn(3, 7), "a.bias": torch.randn(3), "b.weight": torch.randn(5, 11) * 1e-3}


@pytest.mark.parametrize("largest", [EIGHT_BITS, OF_A_REPLAY])
def test_the_bytes_are_scales_and_whole_numbers_in_order(largest):
    weights = some_weights()
    packed = pack_weights(weights, largest)
    assert packed.tensors == [("a.weight", [3, 7]), ("a.bias", [3]), ("b.weight", [5, 11])]
    content, at = zlib.decompress(base64.b64decode(packed.content)), 0
    for name, shape in packed.tensors:
        assert at % 4 == 0
        floats = torch.from_numpy(np.frombuffer(content, "<f4", shape[0], at).copy())
        at += 4 * shape[0]
        if len(shape) == 2:
            whole = np.frombuffer(content, "i1", shape[0] * shape[1], at).reshape(shape)
            at += -(-whole.size // 4) * 4
            floats = torch.from_numpy(whole.copy()) * floats[:, None]
        assert floats.equal(rounded(weights, largest)[name])
    assert at == len(content)


def test_smaller_whole_numbers_make_a_smaller_page():
    torch.manual_seed(0)
    weights = {"weight": torch.randn(50, 200)}
    sizes = [len(pack_weights(weights, largest).content) for largest in (EIGHT_BITS, OF_A_REPLAY)]
    assert sizes[0] < 50 * 200 * 4 / 3
    assert sizes[1] < 0.85 * sizes[0]


@pytest.mark.peers
@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_the_page_unpacks_the_same_floats():
    weights = some_weights()
    packed = pack_weights(weights)
    script = joined_scripts(["weights.js"]) + (
        'import fs from "fs";\n'
        'const { tensors, content } = JSON.parse(fs.readFileSync(0, "utf8"));\n'
        'const weights = await modules["weights.js"].unpackWeights(tensors, content);\n'
        "console.log(JSON.stringify([...weights].map(([name, { shape, data }]) => [name, shape, Array.from(data)])));"
    )
    unpacked = json.loads(run_node(script, json.dumps({"tensors": packed.tensors, "content": packed.content})))
    assert [(name, shape) for name, shape, _ in unpacked] == packed.tensors
    for name, shape, data in unpacked:
        assert torch.tensor(data).reshape(shape).equal(rounded(weights)[name])
