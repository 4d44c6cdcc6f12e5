"""``--masking-rate`` and ``--mask-shares``: from a flag's text to numbers.

--masking-rate 0.4          40 % of the tokens in every update
--masking-rate 0.3:0.15     30 % in the first update, and in a straight line down to 15 % at the schedule's end
--mask-shares 80,10,10      of a hundred selected tokens: [MASK], a random token, as it is
"""

import argparse


def masking_rate(text: str) -> tuple[float, float]:
    """The masking rate at a run's beginning and at its end.

    >>> masking_rate("0.3:0.15"), masking_rate("0.4")
    ((0.3, 0.15), (0.4, 0.4))

    Raises:
        ValueError: if the text is no rate.
    """
    first, colon, last = text.partition(":")
    rates = float(first), float(last if colon else first)
    if not all(0 < rate < 1 for rate in rates):
        raise ValueError(text)
    return rates


def mask_shares(text: str) -> tuple[int, int, int]:
    """Of a hundred selected tokens, how many become ``[MASK]``, how many a random token, and how many stay.

    >>> mask_shares("80,10,10")
    (80, 10, 10)

    Raises:
        ValueError: if the text is not three such numbers.
    """
    mask, random, kept = map(int, text.split(","))
    if min(mask, random, kept) < 0 or mask + random + kept != 100:
        raise ValueError(text)
    return mask, random, kept


def checked_masking_rate(text: str) -> str:
    """The text of ``--masking-rate``, always written in the same way."""
    try:
        first, last = masking_rate(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no rate above 0 and below 1, such as 0.4, and no two of them, such as 0.3:0.15"
        ) from None
    return str(first) if first == last else f"{first}:{last}"


def checked_mask_shares(text: str) -> str:
    """The text of ``--mask-shares``, always written in the same way."""
    try:
        return ",".join(map(str, mask_shares(text)))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not three whole numbers that add up to 100, such as 80,10,10"
        ) from None
