"""Checks of attention: beside NumPy-like lines of the equation, on three queries and five keys."""

import math
from types import ModuleType

import torch
from torch import Tensor

from bert.exercises.checks.compare import require, require_equal, require_tensor, require_tuple

HEADS, QUERIES, KEYS, DIM = 2, 3, 5, 7
SUMS = "the weights do not sum to 1 over the keys"


def check_the_weights(module: ModuleType) -> None:
    query, key, value = _inputs()
    scores = torch.einsum("hqd,hkd->hqk", query, key)
    root = math.sqrt(DIM)
    _, weights = _call(module, query, key, value)
    require_equal(weights, (scores / root).softmax(-1), "the second result, the weights,", {
        "the scores are not divided by sqrt(dim)": scores.softmax(-1),
        "the scores are divided by dim; the equation has its square root": (scores / DIM).softmax(-1),
        "the scores are multiplied by sqrt(dim); the equation divides": (scores * root).softmax(-1),
        "the scores are divided by sqrt(heads * dim); dim is that of one head":
            (scores / math.sqrt(HEADS * DIM)).softmax(-1),
        "the scores are divided by the root of the number of keys, not of dim":
            (scores / math.sqrt(KEYS)).softmax(-1),
        "the softmax is over the queries; it belongs over the keys, the last axis": (scores / root).softmax(-2),
        "the softmax is over the heads; it belongs over the keys, the last axis": (scores / root).softmax(0),
        "the division by sqrt(dim) comes after the softmax; it belongs before it": scores.softmax(-1) / root,
        "the second result is the scores; it must be the weights, after the softmax": scores / root,
    })  # fmt: skip


def check_the_values(module: ModuleType) -> None:
    query, key, value = _inputs()
    weights = (torch.einsum("hqd,hkd->hqk", query, key) / math.sqrt(DIM)).softmax(-1)
    attended, _ = _call(module, query, key, value)
    require_equal(attended, torch.einsum("hqk,hkd->hqd", weights, value), "the first result", {
        "the weights multiply the keys; they belong to the values": torch.einsum("hqk,hkd->hqd", weights, key),
        "the values are averaged without the weights": value.mean(1, keepdim=True).expand(-1, QUERIES, -1),
    })  # fmt: skip


def check_a_causal_mask(module: ModuleType) -> None:
    for queries in (KEYS, QUERIES):
        query, key, value = _inputs(queries)
        scores = torch.einsum("hqd,hkd->hqk", query, key) / math.sqrt(DIM)
        last = torch.arange(queries)[:, None] + KEYS - queries  # the last key of each query
        keys = torch.arange(KEYS)
        attended, weights = _call(module, query, key, value, causal=True)
        expected = scores.masked_fill(keys > last, -math.inf).softmax(-1)
        mistakes = {
            "with causal=True a query still attends to keys after its own": scores.softmax(-1),
            "the mask is turned round: a query attends to later keys, not to earlier ones":
                scores.masked_fill(keys < last, -math.inf).softmax(-1),
            "the mask hides a query's own key: it begins one key too early":
                scores.masked_fill(keys >= last, -math.inf).softmax(-1),
            "the mask begins one key too late: a query sees the key after its own":
                scores.masked_fill(keys > last + 1, -math.inf).softmax(-1),
            "the hidden scores become 0 before the softmax, where e^0 = 1 still counts; they must be minus infinity":
                scores.masked_fill(keys > last, 0.0).softmax(-1),
        }  # fmt: skip
        if queries < KEYS:
            mistakes["with fewer queries than keys the last query is at the last key; the mask starts at key 0"] = (
                scores.masked_fill(keys > last + queries - KEYS, -math.inf).softmax(-1)
            )
        if weights.shape == expected.shape and not weights.isnan().any():
            sums = weights.double().sum(-1)
            is_close = (sums - 1).abs().max() < 1e-4
            require(is_close or not (weights > 0).any(), f"{SUMS}: is the mask added after the softmax?")
        require_equal(weights, expected, "with causal=True, the second result", mistakes)
        require_equal(
            attended, torch.einsum("hqk,hkd->hqd", expected, value), "with causal=True, the first result",
            {"with causal=True the values are weighted before the mask": torch.einsum(
                "hqk,hkd->hqd", scores.softmax(-1), value)},
        )  # fmt: skip


def check_dropout(module: ModuleType) -> None:
    query, key, _ = _inputs()
    ones = torch.ones(HEADS, KEYS, 11)
    attended = torch.stack([_call(module, query, key, ones, dropout_probability=0.5)[0] for _ in range(8)])
    is_one = (attended - 1).abs() < 1e-4
    require(not (is_one.all()), "dropout_probability changes nothing: no weight is dropped, or the softmax comes later")
    same = (attended - attended[..., :1]).abs().max() < 1e-4
    require(same, "dropout drops numbers of the result or of the values; it belongs to the weights")
    _, key, value = _inputs()
    plain, dropped = _call(module, query, key, value)[0], _call(module, query, key, value, dropout_probability=0.0)[0]
    require_equal(dropped, plain, "with dropout_probability=0 the first result")


def _inputs(queries: int = QUERIES) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = (torch.randn(HEADS, length, DIM) for length in (queries, KEYS, KEYS))
    return 1.5 * query, key, value


def _call(module: ModuleType, *inputs: Tensor, **options) -> tuple[Tensor, Tensor]:
    result = require_tuple(module.scaled_dot_product_attention(*inputs, **options), 2, "the function")
    return require_tensor(result[0], "the first result"), require_tensor(result[1], "the second result")
