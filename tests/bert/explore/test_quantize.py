"""Weights as the page has them."""

import torch

from bert.explore.quantize import rounded


def test_vectors_stay_as_they_are():
    weights = {"bias": torch.randn(5), "weight": torch.randn(5, 3)}
    assert rounded(weights)["bias"] is weights["bias"]
    assert not rounded(weights)["weight"].equal(weights["weight"])
