"""Comparing a result with the expected one, and with what typical mistakes would give."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

Numbers = Any  # a tensor, an array, a list of numbers or a number


class Wrong(AssertionError):
    """What is wrong with a student's function, in a sentence."""


def require(condition: Any, sentence: str) -> None:
    """Raises ``Wrong`` with the sentence if the condition is false."""
    if not condition:
        raise Wrong(sentence)


def require_tuple(found: Any, count: int, what: str) -> tuple:
    """A tuple of ``count`` results, or a list of them."""
    require(
        isinstance(found, tuple | list) and len(found) == count,
        f"{what} returns {_kind(found)}, but {count} results were expected: return a, b",
    )
    return tuple(found)


def require_tensor(found: Any, what: str) -> torch.Tensor:
    """A tensor."""
    require(isinstance(found, torch.Tensor), f"{what} is {_kind(found)}, but a tensor was expected")
    return found


def require_equal(
    found: Any, expected: Numbers, what: str, mistakes: Mapping[str, Numbers] | None = None, tolerance: float = 1e-5
) -> None:
    """Raises ``Wrong`` if numbers differ: with the sentence of the mistake that gives them, or with the place.

    Args:
        what: names the numbers, to begin a sentence with.
        mistakes: sentences, and what each mistake would give.
    """
    if isinstance(expected, torch.Tensor | np.ndarray):
        require(
            isinstance(found, type(expected)),
            f"{what} is {_kind(found)}, but {_kind(expected)} was expected",
        )
    try:
        numbers = _array(found)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} is {_kind(found)}, but numbers were expected") from None
    wanted = _array(expected)
    if numbers.shape == wanted.shape and _close(numbers, wanted, tolerance):
        return
    for sentence, wrong in (mistakes or {}).items():
        if numbers.shape == _array(wrong).shape and _close(numbers, _array(wrong), tolerance):
            raise Wrong(sentence)
    require(
        numbers.shape == wanted.shape,
        f"{what} has the shape {numbers.shape}, but {wanted.shape} was expected",
    )
    places = np.argwhere(~np.isclose(numbers, wanted, tolerance, tolerance))
    place = tuple(places[0].tolist())
    at = f" at {list(place)}" if place else ""
    raise Wrong(f"{what} is wrong{at}: {numbers[place]:.6g} instead of {wanted[place]:.6g}")


def _close(numbers: np.ndarray, others: np.ndarray, tolerance: float) -> bool:
    return np.allclose(numbers, others, tolerance, tolerance, equal_nan=True)


def _array(values: Numbers) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, np.float64)


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "a tensor"
    if isinstance(value, np.ndarray):
        return "an array"
    return "None" if value is None else f"a value of the type {type(value).__name__}"
