"""Which weights of a file fit a model: by name and by shape. What does not fit is named, with the remedy."""

from torch import Tensor, nn

from bert.checkpoints.weights import as_float32
from bert.errors import InputError

# Parts of a checkpoint that a model may lack: heads, and the pooler, which some heads do not use. Loading leaves these
# weights behind silently. Any other weight without a place in the model is an error.
KNOWN_HEADS = ("masked_language_model", "next_sentence", "classifier", "qa_outputs", "bert.pooler", "pooler")


def shared(weights: dict[str, Tensor], model: nn.Module, source: str) -> dict[str, Tensor]:
    """The weights under every name that a parameter of the model has. A file may have one of the names, or all.

    Raises an InputError if the weights under two names differ.
    """
    names_of: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names_of.setdefault(id(parameter), []).append(name)
    weights = dict(weights)
    for names in names_of.values():
        found = [name for name in names if name in weights]
        if different := [name for name in found[1:] if not weights[name].equal(weights[found[0]])]:
            raise InputError(
                f"{source}: {found[0]} and {different[0]} differ, but config.json says that they are one weight "
                f"(tie_encoder_decoder); set that to false there, or train it again"
            )
        weights |= {name: weights[found[0]] for name in names if found}
    return weights


def fitting(
    weights: dict[str, Tensor], expected: dict[str, Tensor], fresh: tuple[str, ...], failure: str
) -> dict[str, Tensor]:
    """The weights for a model in float32, without parts that are newly initialized.

    Raises an InputError with ``failure`` if the weights do not fit, or if one is not finite.
    """
    weights = {
        name: weight
        for name, weight in weights.items()
        if not (is_in(name, fresh) and name in expected and weight.shape != expected[name].shape)
    }
    problems = _misfits(weights, expected, fresh)
    if problems:
        raise InputError(f"{failure}: weights {problems}")
    return {
        name: weights[name].float() if is_in(name, fresh) else as_float32(weights[name], f"{failure}: {name}")
        for name in expected.keys() & weights.keys()
    }


def _misfits(weights: dict[str, Tensor], expected: dict[str, Tensor], fresh: tuple[str, ...]) -> str:
    """Which weights do not fit a model, and the remedy. Empty if all fit."""
    missing = sorted(name for name in expected.keys() - weights.keys() if not is_in(name, fresh))
    unexpected = sorted(name for name in weights.keys() - expected.keys() if not is_in(name, KNOWN_HEADS))
    misshapen = sorted(name for name in expected.keys() & weights.keys() if weights[name].shape != expected[name].shape)
    shapes = [f"{name} {tuple(weights[name].shape)}, not {tuple(expected[name].shape)}" for name in misshapen]
    problems = [
        f"{problem}: {_listed(names)}"
        for problem, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    advice = ""
    if missing and not unexpected + misshapen and all(is_in(name, ("bert.pooler", "pooler")) for name in missing):
        advice = "; its task had no pooler: fine-tune it with a newly initialized one (--fresh pooler)"
    elif any(is_in(name, ("masked_language_model",)) for name in missing):
        advice = (
            "; no pretraining saved it, or not with its heads: name a checkpoint of pretraining, or pretrain this one "
            "further: train_pretrain.py --checkpoint DIR --fresh mlm"
        )
    elif problems and not unexpected and all(is_in(name, KNOWN_HEADS) for name in missing + misshapen):
        advice = "; fine-tune it for this task, with a newly initialized head, or name a checkpoint that was"
    return "; weights ".join(problems) + advice


def is_in(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _listed(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
