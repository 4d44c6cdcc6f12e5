"""A directory of the library sentence-transformers: what it does to texts before BERT, and to token states after it.

    modules.json                        Transformer, Pooling, then any of Dense and Normalize
    sentence_bert_config.json           max_seq_length, do_lower_case
    config_sentence_transformers.json   a prompt that goes before each text
    1_Pooling/config.json               token states -> a vector, by one way or by several side by side
    2_Dense/                            a linear layer and an activation
    3_Normalize/                        vectors of length 1

Another module, and a setting that changes the vectors, are refused by name.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from bert.checkpoints.weights import as_float32, read_weights
from bert.errors import InputError
from bert.files.json_objects import parse_json_object, read_json_object
from bert.files.reading import read_bytes

LARGEST_LIST = 1 << 20  # bytes of modules.json
POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
# The older form of a pooling's configuration has a switch for each.
_POOLING_SWITCHES = {
    "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}  # fmt: skip
_ACTIVATIONS = {
    "Tanh": nn.Tanh, "Identity": nn.Identity, "ReLU": nn.ReLU, "GELU": nn.GELU, "SiLU": nn.SiLU, "Sigmoid": nn.Sigmoid,
}  # fmt: skip
# Settings of modules, and the values with which each changes nothing.
_ONLY: dict[str, tuple] = {
    "transformer_task": ("feature-extraction",), "use_residual": (False,), "module_input_name": ("sentence_embedding",),
    "module_output_name": ("token_embeddings", "sentence_embedding"),
}  # fmt: skip


class Normalize(nn.Module):
    """Vectors of length 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=-1)


@dataclass(frozen=True)
class SentenceModules:
    """What a directory's modules do around BERT."""

    directory: Path  # of BERT's own files
    max_length: int | None  # tokens of an input; None: as many as the model can read
    lowercase: bool  # texts are lower-cased, even if the tokenizer would not do it
    prompt: str  # goes before each text
    poolings: tuple[str, ...]  # side by side
    after: nn.Sequential  # from pooled vectors to vectors


def read_sentence_modules(directory: str | Path) -> SentenceModules | None:
    """The modules of a sentence-transformers directory. None if it is no such directory.

    Raises an InputError if a file is damaged, or names a module that we do not have.
    """
    directory = Path(directory)
    path = directory / "modules.json"
    if not path.exists():
        return None
    listed = read_bytes(path, LARGEST_LIST).decode("utf-8", "replace")
    modules = parse_json_object(f'{{"modules": {listed}}}', str(path))["modules"]
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise InputError(f"{path}: holds no list of modules; fetch it again")
    kinds = [str(module.get("type")).rsplit(".", 1)[-1] for module in modules]
    folders = [_folder(module.get("path"), path) for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or (others := sorted(set(kinds[2:]) - {"Dense", "Normalize"})):
        found = ", ".join(kinds[:2] if kinds[:2] != ["Transformer", "Pooling"] else others)
        raise InputError(
            f"{path}: has the modules {found[:80]}; Transformer and Pooling, then Dense and Normalize are known here; "
            f"embed with the library sentence-transformers"
        )
    transformer, pooling, *rest = folders
    max_length, lowercase = _text_settings(transformer)
    after = [_dense(folder) if kind == "Dense" else _normalize(folder) for kind, folder in zip(kinds[2:], rest)]
    prompt = _prompt(directory)
    poolings = _poolings(pooling, has_prompt=prompt != "")
    return SentenceModules(transformer, max_length, lowercase, prompt, poolings, nn.Sequential(*after).eval())


def _folder(name: Any, path: Path) -> Path:
    if not isinstance(name, str) or name != Path(name).name:  # a path could lead anywhere
        raise InputError(f"{path}: has a module in {str(name)[:80]!r}; a folder beside it was expected")
    return path.parent / name


def _settings(path: Path) -> dict[str, Any]:
    """A module's settings, if there are any. Raises an InputError if one asks for what we do not have."""
    settings = read_json_object(path) if path.exists() else {}
    for name, only in _ONLY.items():
        if settings.get(name) not in (None, *only):
            raise InputError(f"{path}: {name} is {str(settings[name])[:80]!r}; only {only[0]!r} is known here")
    return settings


def _text_settings(folder: Path) -> tuple[int | None, bool]:
    """The most tokens of an input, and whether texts are lower-cased."""
    path = folder / "sentence_bert_config.json"
    settings = _settings(path)
    length, lowercase = settings.get("max_seq_length"), settings.get("do_lower_case", False)
    if length is None:  # later versions leave it to the tokenizer, which has 10**30 for "no limit"
        path = folder / "tokenizer_config.json"
        length = (read_json_object(path) if path.exists() else {}).get("model_max_length")
    if not isinstance(length, int | None) or not isinstance(lowercase, bool):
        raise InputError(f"{path}: holds no number as the longest input, or do_lower_case is not true or false")
    return length, lowercase


def _prompt(directory: Path) -> str:
    path = directory / "config_sentence_transformers.json"
    settings = read_json_object(path) if path.exists() else {}
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts") or {}
    if name is None:
        return ""
    if not isinstance(prompts, dict) or not isinstance(prompts.get(name), str):
        raise InputError(f"{path}: has no prompt {str(name)[:80]!r}, which default_prompt_name names; fetch it again")
    return prompts[name]


def _poolings(folder: Path, has_prompt: bool) -> tuple[str, ...]:
    path = folder / "config.json"
    settings = _settings(path)
    modes = settings.get("pooling_mode") or [mode for key, mode in _POOLING_SWITCHES.items() if settings.get(key)]
    modes = [modes] if isinstance(modes, str) else modes or ["mean"]
    if not isinstance(modes, list) or any(mode not in POOLINGS for mode in modes):
        raise InputError(f"{path}: pooling_mode is {str(modes)[:80]}; of {', '.join(POOLINGS)} was expected")
    if has_prompt and not settings.get("include_prompt", True):
        raise InputError(f"{path}: include_prompt is false, and pooling without the prompt is not known here")
    return tuple(modes)


def _normalize(folder: Path) -> Normalize:
    _settings(folder / "config.json")
    return Normalize()


def _dense(folder: Path) -> nn.Sequential:
    """A linear layer and its activation."""
    path = folder / "config.json"
    settings = _settings(path)
    path_of_class = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh"))
    activation = path_of_class.rsplit(".", 1)[-1]
    if not path_of_class.startswith("torch.nn.") or activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise InputError(f"{path}: activation_function is {path_of_class[:80]!r}; torch's {known} are known here")
    source, weights = read_weights(folder)
    weight, bias = weights.get("linear.weight"), weights.get("linear.bias")
    if weight is None or weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise InputError(f"{source}: does not hold the weight and bias of a linear layer; fetch it again")
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    state = {name: as_float32(weights[f"linear.{name}"], f"{source}: linear.{name}") for name in linear.state_dict()}
    linear.load_state_dict(state, assign=True)
    return nn.Sequential(linear, _ACTIVATIONS[activation]())


def as_modules_say(modules: SentenceModules) -> str:
    """What the directory's modules do, in words."""
    after = [("Normalize" if isinstance(module, Normalize) else "Dense") for module in modules.after]
    return f"pooling {' and '.join(modules.poolings)}{''.join(f', then {name}' for name in after)}"


def width_of(modules: SentenceModules, hidden_size: int, poolings: tuple[str, ...]) -> int:
    """The size of the vectors. Raises an InputError if a Dense layer takes vectors of another size."""
    width = hidden_size * len(poolings)
    for layer in modules.after.modules():
        if isinstance(layer, nn.Linear):
            if layer.in_features != width:
                raise InputError(
                    f"{modules.directory}: its Dense layer takes vectors of {layer.in_features}, but pooling "
                    f"({', '.join(poolings)}) gives {width}; leave --pooling out, or fetch the directory again"
                )
            width = layer.out_features
    return width
