"""Checks of the best span: beside all spans of a window, tried one after another."""

import math
from types import ModuleType, SimpleNamespace

import numpy as np

from bert.exercises.checks.compare import require, require_tuple

LONGEST = 30  # pieces of an answer


def check_the_sum_of_two_scores(module: ModuleType) -> None:
    start, end = np.array([9.0, 1, 5, 0, 3]), np.array([9.0, 0, 2, 6, 1])
    score, first, last = _call(module, _window("q c c c c"), start, end)
    require(first != 0 and last != 0, "the span is in the question; pieces outside of the context have offsets of -1")
    _same((score, first, last), (11, 2, 3), "the score of a span is its start's logit plus its end's")


def check_that_a_span_ends_after_its_start(module: ModuleType) -> None:
    start, end = np.array([0.0, 0, 1, 5]), np.array([0.0, 7, 2, 1])
    found = _call(module, _window("q c c c"), start, end)
    require(found[1] <= found[2], "the span ends before it starts: the best start and the best end need not fit")
    _same(found, (7, 1, 1), "a span may be one piece, and the end is at or after the start")


def check_the_longest_span(module: ModuleType) -> None:
    length = 3 * LONGEST
    start, end = np.full(length, -20.0), np.full(length, -20.0)
    start[[5, 50]], end[[5 + LONGEST, 52]] = (9, 5), (9, 4)
    found = _call(module, _window("c " * length), start, end)
    require(found[2] - found[1] < LONGEST, f"the span has {found[2] - found[1] + 1} pieces; the most are {LONGEST}")
    _same(found, (9, 50, 52), "a longer span does not count")
    end[5 + LONGEST - 1] = 8
    _same(_call(module, _window("c " * length), start, end), (17, 5, 34), f"a span of {LONGEST} pieces is allowed")


def check_that_a_start_counts_in_this_window(module: ModuleType) -> None:
    start, end = np.array([0.0, 8, 3, 0]), np.array([0.0, 0, 0, 4])
    found = _call(module, _window("q x c c"), start, end)
    require(found[1] != 1, "the span starts at a piece that counts in another window: is_max_context is False there")
    _same(found, (7, 2, 3), "the start must have is_max_context; the end need not")
    found = _call(module, _window("q c x x"), np.array([0.0, 5, 0, 0]), np.array([0.0, 0, 0, 4]))
    _same(found, (9, 1, 3), "the start must have is_max_context; the end need not")


def check_a_window_without_a_span(module: ModuleType) -> None:
    score, *_ = _call(module, _window("q q q"), np.zeros(3), np.zeros(3))
    require(score == -math.inf, f"a window without context has the score -inf, not {score:g}")


def check_random_windows(module: ModuleType) -> None:
    generator = np.random.default_rng(0)
    for _ in range(100):
        window = _window(" ".join(generator.choice(list("qccccx"), 17)))
        start, end = generator.normal(size=17), generator.normal(size=17)
        expected = max(
            (
                (start[first] + end[last], first, last)
                for first in range(17)
                for last in range(first, 17)
                if window.kinds[first] == "c" and window.kinds[last] != "q"
            ),
            default=(-math.inf, 0, 0),
        )
        _same(_call(module, window, start, end), expected, "all spans were tried")


def _window(kinds: str) -> SimpleNamespace:
    """A window of pieces: q of the question, c of the context, x of the context, but another window counts it."""
    pieces = kinds.split()
    offsets = [(-1, -1) if kind == "q" else (3 * place, 3 * place + 2) for place, kind in enumerate(pieces)]
    is_max_context = np.array([kind != "x" for kind in pieces])
    return SimpleNamespace(kinds=pieces, offsets=np.array(offsets), is_max_context=is_max_context)


def _call(module: ModuleType, window: SimpleNamespace, start: np.ndarray, end: np.ndarray) -> tuple[float, int, int]:
    score, first, last = require_tuple(module.best_span(window, start, end), 3, "best_span")
    return float(score), int(first), int(last)


def _same(found: tuple[float, int, int], expected: tuple[float, int, int], reason: str) -> None:
    if expected[0] == -math.inf and found[0] == -math.inf:
        return
    same = found[1:] == expected[1:] and abs(found[0] - expected[0]) < 1e-6
    require(
        same,
        "the best span is {1} to {2} with the score {0:g}".format(*expected)
        + ", not {1} to {2} with {0:g}: ".format(*found)
        + reason,
    )
