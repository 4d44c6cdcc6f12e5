"""What BERT adds to the pieces, in the words of ``tokenizer.json``: ``[CLS] A [SEP]``, or ``[CLS] A [SEP] B [SEP]``."""

from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.tokenization.special_tokens import CLS, SEP
from bert.tokenization.tokenizer import Tokenizer

# (kind, token or text, token type)
_SINGLE = [("SpecialToken", CLS, 0), ("Sequence", "A", 0), ("SpecialToken", SEP, 0)]
_PAIR = [*_SINGLE, ("Sequence", "B", 1), ("SpecialToken", SEP, 1)]


def post_processor_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """The entry of ``tokenizer.json``."""
    ids = {CLS: tokenizer.cls_token_id, SEP: tokenizer.sep_token_id}
    single, pair = (
        [{kind: {"id": name, "type_id": type_id}} for kind, name, type_id in parts] for parts in (_SINGLE, _PAIR)
    )
    special = {token: {"id": token, "ids": [token_id], "tokens": [token]} for token, token_id in ids.items()}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}


def check_post_processor(settings: Any, path: Path) -> None:
    """Raises an InputError if anything else than [CLS] and [SEP] is added to the pieces."""
    kind = settings.get("type") if isinstance(settings, dict) else settings
    if kind == "TemplateProcessing":
        added = _template(settings.get("single")), _template(settings.get("pair"))
        if added == (_SINGLE, _PAIR):
            return
    elif kind is None or (kind == "BertProcessing" and _tokens(settings) == (CLS, SEP)):
        return
    raise InputError(f"{path}: its post_processor ({str(kind)[:80]}) is not BERT's, [CLS] A [SEP] B [SEP]")


def _template(parts: Any) -> list[tuple]:
    """A template as triples (kind, token or text, token type)."""
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return []
    values = [(kind, value) for part in parts for kind, value in part.items() if isinstance(value, dict)]
    return [(kind, value.get("id"), value.get("type_id")) for kind, value in values]


def _tokens(settings: dict[str, Any]) -> tuple:
    values = [settings.get(name) for name in ("cls", "sep")]
    return tuple(value[0] if isinstance(value, list) and value else None for value in values)
