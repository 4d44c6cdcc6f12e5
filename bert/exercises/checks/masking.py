"""Checks of 80 / 10 / 10.

Counts in a large batch must be inside five standard deviations.
"""

from types import ModuleType

import numpy as np

from bert.exercises.checks.compare import require, require_equal

MASK, VOCAB = 4, 1_000
ROWS, LENGTH = 250, 64


def check_what_is_not_selected(module: ModuleType) -> None:
    input_ids, selected, _ = _batch()
    before = input_ids.copy()
    found = _call(module, input_ids, selected)
    require((input_ids == before).all(), "input_ids are changed in place; change a copy of them")
    require_equal(found.shape, input_ids.shape, "the shape of the result")
    changed = (found != before) & ~selected
    require(
        not changed.any(),
        "tokens that were not selected are changed: 80 / 10 / 10 is for the selected tokens alone",
    )


def check_the_three_shares(module: ModuleType) -> None:
    input_ids, selected, _ = _batch()
    result = _call(module, input_ids, selected)
    _check_own_draws((result == MASK) & selected, selected)
    found, before = result[selected], input_ids[selected]
    masked, kept = (found == MASK).mean(), (found == before).mean()
    shares = {"[MASK]": (masked, 0.8), "a random token": (1 - masked - kept, 0.1), "the same token": (kept, 0.1)}
    for what, (share, expected) in shares.items():
        # A random token is [MASK], or the same one, in a case of a thousand.
        allowed = 5 * np.sqrt(expected * (1 - expected) / len(found)) + 0.001
        found_shares = ", ".join(f"{name} {value:.0%}" for name, (value, _) in shares.items())
        require(
            abs(share - expected) < allowed,
            f"of the selected tokens {share:.0%} become {what}, instead of {expected:.0%} (found: {found_shares})",
        )


def check_the_random_tokens(module: ModuleType) -> None:
    input_ids, selected, _ = _batch()
    found = _call(module, input_ids, selected)
    is_mask = (found == MASK) & selected
    is_random = selected & ~is_mask & (found != input_ids)
    values = found[is_random]
    require(len(np.unique(values)) > len(values) / 2, "the random tokens are all alike: draw one for each token")
    require(
        values.min() >= 0 and values.max() < VOCAB, f"random tokens are from 0 to vocab_size - 1; found {values.max()}"
    )
    quarters = np.histogram(values, bins=4, range=(0, VOCAB))[0]
    is_even = np.abs(quarters - len(values) / 4).max() < 5 * np.sqrt(len(values) / 4)
    require(is_even, "random tokens must come from the whole vocabulary, each as often as another")


def check_the_names_of_random_numbers(module: ModuleType) -> None:
    input_ids, selected, examples = _batch()
    found = _call(module, input_ids, selected)
    require(
        (_call(module, input_ids, selected) == found).all(), "a second call with the same seed gives another result"
    )
    part = module.replace_selected(input_ids[7:9], selected[7:9], examples[7:9], 1, 0, MASK, VOCAB)
    require(
        (part == found[7:9]).all(),
        "the result depends on the batch: a random number's name is the seed, the epoch, its purpose, the example and "
        "the position",
    )
    for name, options in (("seed", {"seed": 2}), ("epoch", {"epoch": 1}), ("example", {"shift": 1_000})):
        other = _call(module, input_ids, selected, **options)
        is_random = [selected & (each != MASK) & (each != input_ids) for each in (found, other)]
        in_both = is_random[0] & is_random[1]
        same = max(((other == MASK) == (found == MASK))[selected].mean(), (other == found)[in_both].mean())
        require(same < 0.9, f"with another {name} the result is the same; the {name} is part of a random number's name")


def _check_own_draws(is_mask: np.ndarray, selected: np.ndarray) -> None:
    """Raises ``Wrong`` if examples, or the tokens of an example, are all masked or none."""
    if not 0.5 < is_mask.sum() / selected.sum() < 0.95:
        return  # then the shares are wrong, and their sentence says more
    for axis, what in ((1, "all tokens of an example share one draw"), (0, "all examples share their draws")):
        counts = selected.sum(axis)
        mixed = (is_mask.sum(axis) > 0) & (is_mask.sum(axis) < counts)
        require(mixed[counts > 10].mean() > 0.5, f"{what}; each token must have its own random number")


def _batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    selected = generator.random((ROWS, LENGTH)) < 0.3
    return generator.integers(10, VOCAB, (ROWS, LENGTH)), selected, np.arange(ROWS)


def _call(
    module: ModuleType, input_ids: np.ndarray, selected: np.ndarray, seed: int = 1, epoch: int = 0, shift: int = 0
) -> np.ndarray:
    found = module.replace_selected(input_ids, selected, np.arange(ROWS) + shift, seed, epoch, MASK, VOCAB)
    require(isinstance(found, np.ndarray), f"the result is {type(found).__name__}, but an array of ids was expected")
    return found
