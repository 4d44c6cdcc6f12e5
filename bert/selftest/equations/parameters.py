"""Parameters by name, under the names of the model's ``state_dict``.

The arrays may be float32. States are float64, so NumPy computes every product and sum in float64.
"""

import numpy as np

Parameters = dict[str, np.ndarray]


def part(parameters: Parameters, name: str) -> Parameters:
    """The parameters below a name, under the rest of theirs.

    >>> part({"query.bias": np.zeros(2), "query_norm.bias": np.ones(2)}, "query")
    {'bias': array([0., 0.])}
    """
    return {key.removeprefix(f"{name}."): values for key, values in parameters.items() if key.startswith(f"{name}.")}
