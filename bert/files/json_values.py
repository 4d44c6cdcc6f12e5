"""Values of a JSON object. Each is checked to have the type that a task needs."""

from typing import Any

from bert.errors import InputError


def value_of(values: dict[str, Any], key: str, source: str) -> Any:
    """The value under a key of the object ``source``. Without it, raises an InputError that names the keys."""
    if key not in values:
        keys = ", ".join(name[:80] for name in list(values)[:20]) or "none"
        raise InputError(f"{source}: has no key {key!r}; its keys are {keys}")
    return values[key]


def text_of(values: dict[str, Any], key: str, source: str) -> str:
    """The text under a key. Raises an InputError if it is missing, not a string, or blank."""
    value = value_of(values, key, source)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{source}: {key!r} is {_shown(value)}; a text that is not empty was expected")
    return value


def texts_of(values: dict[str, Any], key: str, source: str, at_least: int) -> tuple[str, ...]:
    """The list of texts under a key.

    Raises an InputError if it is missing, not a list, or too short. Also if a value is not a string, or is blank.
    """
    value = value_of(values, key, source)
    if not isinstance(value, list) or len(value) < at_least:
        raise InputError(f"{source}: {key!r} is {_shown(value)}; a list of at least {at_least} was expected")
    for number, text in enumerate(value):
        if not isinstance(text, str) or not text.strip():
            raise InputError(
                f"{source}: {key!r} holds {_shown(text)} as its number {number}, counted from 0; a text that is not "
                f"empty was expected"
            )
    return tuple(value)


def _shown(value: Any) -> str:
    return repr(value)[:80]
