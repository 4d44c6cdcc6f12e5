"""Added tokens as Hugging Face's files describe them: read and checked.

They stand in ``tokenizer.json`` (added_tokens), ``tokenizer_config.json`` (added_tokens_decoder, extra_special_tokens,
additional_special_tokens), ``special_tokens_map.json`` and ``added_tokens.json``.
"""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.tokenization.added_tokens import AddedToken
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer


class Described(NamedTuple):
    """A token in a file."""

    token: AddedToken
    token_id: int | None  # None: the file does not say it
    path: Path


def described_token(value: Any, token_id: Any, path: Path, special: bool = True) -> Described:
    """A token from a string, or from an object with its properties.

    Args:
        special: whether it is special if its properties do not say it.

    Raises:
        InputError: if it is something else.
    """
    properties = {"content": value} if isinstance(value, str) else value
    if not isinstance(properties, dict) or not isinstance(properties.get("content"), str):
        raise InputError(f"{path}: has the added token {str(value)[:80]}; a text, or an object with one, was expected")
    known: dict[str, Any] = {
        name: properties[name] for name in (field.name for field in fields(AddedToken)) if name in properties
    }
    known = {"special": special, "normalized": not known.get("special", special)} | known
    shown = f"{path}: the added token {known['content'][:80]!r} has"
    if wrong := [name for name, value in known.items() if name != "content" and not isinstance(value, bool)]:
        raise InputError(f"{shown} {wrong[0]} {str(known[wrong[0]])[:80]!r}; true or false was expected")
    if token_id is not None and type(token_id) is not int:
        raise InputError(f"{shown} the id {str(token_id)[:80]!r}; a number was expected")
    return Described(AddedToken(**known), token_id, path)


def with_added_tokens(vocabulary: list[str], described: Iterable[Described], **settings: Any) -> WordPieceTokenizer:
    """A tokenizer with the tokens that the files describe.

    Of two descriptions of a token the last counts. If it does not say the id, the earlier one does.

    Raises an InputError if a token would not have the id that its file says.
    """
    last: dict[str, Described] = {}
    for one in described:
        earlier = last.get(one.token.content)
        if one.token_id is None and earlier is not None:
            one = one._replace(token_id=earlier.token_id, path=earlier.path)
        last[one.token.content] = one
    last.pop("", None)
    in_order = sorted(last.values(), key=lambda one: (one.token_id is None, one.token_id or 0))
    usual = {AddedToken(token) for token in SPECIAL_TOKENS}  # every tokenizer has these
    tokenizer = WordPieceTokenizer(
        vocabulary, **settings, added_tokens=[one.token for one in in_order if one.token not in usual]
    )
    for token, token_id, path in in_order:
        if token_id is not None and tokenizer.token_to_id(token.content) != token_id:
            raise InputError(
                f"{path}: gives the added token {token.content!r} the id {token_id}, but beside this vocabulary it is "
                f"{tokenizer.token_to_id(token.content)}; put back the files that belong together"
            )
    return tokenizer
