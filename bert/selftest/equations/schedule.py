"""The learning rate: up in a straight line, then down in a straight line (Devlin et al. 2018, appendix A.2).

    update 1 ... warmup          peak * update / warmup
    update warmup + 1 ... last   peak * (last - (update - 1)) / last

The second line spans the whole run. The warm-up takes the place of its beginning.
"""


def learning_rates(peak: float, warmup: int, last: int) -> list[float]:
    """The rate of each update.

    >>> learning_rates(1.0, 2, 4)
    [0.5, 1.0, 0.5, 0.25]
    """
    rates = []
    for update in range(1, last + 1):
        if update <= warmup:
            rates.append(peak * update / warmup)
        else:
            rates.append(peak * (last - (update - 1)) / last)
    return rates
