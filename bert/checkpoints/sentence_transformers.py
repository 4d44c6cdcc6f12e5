"""A directory of the library sentence-transformers: what it does to texts before BERT, and to token states after it.

read_sentence_modules(directory)                                 what a directory says; None if it says nothing
write_modules(directory, "mean", normalize=True, max_length=128)  beside a checkpoint: SentenceTransformer loads it

    modules.json                        Transformer, Pooling, then any of Dense and Normalize
    sentence_bert_config.json           max_seq_length, do_lower_case
    config_sentence_transformers.json   prompts that go before texts
    1_Pooling/config.json               token states -> a vector, by one way or by several side by side
    2_Dense/                            a linear layer and an activation
    3_Normalize/                        vectors of length 1

Another module, and a setting that changes the vectors, are refused by name.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from bert.checkpoints.weights import as_float32, read_weights, required_file, write_weights
from bert.errors import InputError
from bert.files.json_objects import parse_json_object, read_json_object
from bert.files.reading import read_bytes
from bert.files.whole import remove_unless, write_atomically

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
    poolings: tuple[str, ...]  # side by side
    after: nn.Sequential  # from pooled vectors to vectors
    prompts: dict[str, str] = field(default_factory=dict)  # by name, such as "query": what goes before a text
    default_prompt: str | None = None  # the name of the prompt that goes before each text

    def prompt(self, *names: str) -> str:
        """What goes before a text: the first of these prompts that the directory has, else its default prompt."""
        return next((self.prompts[name] for name in (*names, self.default_prompt) if name in self.prompts), "")

    @property
    def normalizes(self) -> bool:
        """Whether vectors have length 1."""
        return len(self.after) > 0 and isinstance(self.after[-1], Normalize)

    def normalized(self, normalize: bool) -> "SentenceModules":
        """The same modules; at the end vectors get length 1, or they do not."""
        if normalize == self.normalizes:
            return self
        return replace(self, after=nn.Sequential(*self.after, Normalize()) if normalize else self.after[:-1])


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
    prompts, default = _prompts(directory)
    poolings = _poolings(pooling, has_prompt=any(prompts.values()))
    return SentenceModules(transformer, max_length, lowercase, poolings, nn.Sequential(*after).eval(), prompts, default)


def write_modules(
    directory: str | Path, pooling: str, normalize: bool, max_length: int, hidden_size: int | None = None
) -> None:
    """Writes the modules of a checkpoint's directory, with which ``SentenceTransformer(directory)`` gives vectors.

    Args:
        directory: with a ``config.json``, of an encoder with or without a head.
        pooling: one of ``POOLINGS``.
        normalize: whether vectors get length 1.
        max_length: tokens of an input, [CLS] and [SEP] included; longer texts are cut.
        hidden_size: of the encoder; None: as ``config.json`` says, which an adapter's directory lacks.
    """
    modules = SentenceModules(Path(directory), max_length, False, (pooling,), nn.Sequential())
    write_sentence_modules(directory, modules.normalized(normalize), hidden_size)


def write_sentence_modules(directory: str | Path, modules: SentenceModules, hidden_size: int | None = None) -> None:
    """Writes modules as ``read_sentence_modules`` reads them, in the older form, which every version reads.

    ``modules.json`` comes last: it says that the others are there.

    Raises an InputError if there is no ``config.json``, or a file cannot be written.
    """
    directory = Path(directory)
    width = hidden_size or read_json_object(required_file(directory, "config.json"))["hidden_size"]
    kinds = ["Transformer", "Pooling", *(_kind(module) for module in modules.after)]
    folders = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds[1:], start=1))]
    listed = [
        {"idx": number, "name": str(number), "path": folder, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, folder) in enumerate(zip(kinds, folders))
    ]
    remove_unless(directory / "modules.json", _as_json(listed))
    pooling: dict[str, Any] = {switch: mode in modules.poolings for switch, mode in _POOLING_SWITCHES.items()}
    if modules.poolings != tuple(mode for mode in POOLINGS if mode in modules.poolings):
        pooling = {"pooling_mode": modules.poolings}  # switches have an order of their own
    _write_json(directory / "1_Pooling" / "config.json", {"word_embedding_dimension": width} | pooling)
    for folder, module in zip(folders[2:], modules.after):
        _write_after(directory / folder, module)
    texts = {"max_seq_length": modules.max_length, "do_lower_case": modules.lowercase}
    texts["model_args"] = {"add_pooling_layer": False}  # BERT's own pooler, which no module reads
    _write_json(directory / "sentence_bert_config.json", texts)
    prompts = {"prompts": modules.prompts, "default_prompt_name": modules.default_prompt}
    _write_json(directory / "config_sentence_transformers.json", prompts | {"similarity_fn_name": "cosine"})
    _write_json(directory / "modules.json", listed)


def _kind(module: nn.Module) -> str:
    return "Normalize" if isinstance(module, Normalize) else "Dense"


def _write_after(folder: Path, module: Any) -> None:
    """Writes what follows pooling: a Dense layer and its activation; of Normalize there is nothing to say."""
    if isinstance(module, Normalize):
        _write_json(folder / "config.json", {})
        return
    linear, activation = module
    settings = {
        "in_features": linear.in_features,
        "out_features": linear.out_features,
        "bias": linear.bias is not None,
        "activation_function": f"{type(activation).__module__}.{type(activation).__name__}",
    }
    write_weights(folder, {f"linear.{name}": weight for name, weight in linear.state_dict().items()})
    _write_json(folder / "config.json", settings)


def _as_json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _write_json(path: Path, content: Any) -> None:
    write_atomically(path, _as_json(content))


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


def _prompts(directory: Path) -> tuple[dict[str, str], str | None]:
    """The prompts by their names, and the name of the one that goes before each text."""
    path = directory / "config_sentence_transformers.json"
    settings = read_json_object(path) if path.exists() else {}
    name, listed = settings.get("default_prompt_name"), settings.get("prompts") or {}
    prompts = {key: text for key, text in listed.items() if isinstance(text, str)} if isinstance(listed, dict) else {}
    if name is not None and str(name) not in prompts:
        raise InputError(f"{path}: has no prompt {str(name)[:80]!r}, which default_prompt_name names; fetch it again")
    return prompts, name


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
    after = "".join(f", then {_kind(module)}" for module in modules.after)
    return f"pooling {' and '.join(modules.poolings)}{after}"


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
