"""The names of a head's labels."""

from collections.abc import Sequence

from bert.errors import InputError


def label_names(num_labels: int, labels: Sequence[str] | None) -> tuple[str, ...]:
    """The names given, or the names that Hugging Face gives to labels without one.

    >>> label_names(2, None)
    ('LABEL_0', 'LABEL_1')

    Raises:
        InputError: if there is no label, or two have the same name.
    """
    if labels is None:
        labels = [f"LABEL_{number}" for number in range(num_labels)]
    if len(labels) < 1 or len(set(labels)) < len(labels):
        raise InputError(f"the labels are {', '.join(labels) or 'none'}; at least one, and each once, was expected")
    return tuple(labels)
