"""BERT's AdamW, and which parameters it decays."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from bert import fast
from bert.training.sharding import own_share

# google-research/bert optimization.py, create_optimizer
BETAS = (0.9, 0.999)
EPSILON = 1e-6
WEIGHT_DECAY = 0.01


def parameter_groups(model: nn.Module, weight_decay: float = WEIGHT_DECAY) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: decayed, and not (biases, LayerNorms, IA3's scales).

    Source: ``optimization.py``, ``exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"]``. Embeddings are
    decayed. A bias or a LayerNorm weight is a vector and everything else a matrix, but it is their kind that counts.

    Why: decay holds down matrices, since large ones let a model fit noise. Biases only shift, and need less data to fit
    (Goodfellow et al. 2016, "Deep Learning", section 7.1); a LayerNorm's weight starts at 1, and would be pulled to 0.
    So would IA3's scales (``ia3_l``). All other parameters of adapters are decayed: at 0 they leave the body as it is.
    That is so for AdaLoRA's lambdas (``lora_E``), too, although they are vectors.
    """
    not_decayed = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, nn.LayerNorm) or name in ("bias", "ia3_l")
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in not_decayed], "weight_decay": weight_decay},
        {"params": [p for p in trainable if id(p) in not_decayed], "weight_decay": 0.0},
    ]


class BertAdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay, as BERT was trained with: **without bias correction**.

    update = m / (sqrt(v) + epsilon) + weight_decay * parameter;  parameter -= lr * update

    Adam (Kingma & Ba 2015) divides the two averages m and v, which start at 0, by (1 - beta ** step). BERT's does not.
    Its first m is 0.1 of the gradient and its first sqrt(v) 0.03 of it. So the first update is about three times as
    large as Adam's, and the learning rate's warm-up tames it.
    Source: ``optimization.py``, ``AdamWeightDecayOptimizer``.
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float, betas: tuple[float, float] = BETAS, eps: float = EPSILON,
        weight_decay: float = WEIGHT_DECAY,
    ):  # fmt: skip
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Whether GradScaler may call ``step`` before it knows if fp16's gradients overflowed.

        It sets ``found_inf``, and the kernel then skips the update. The plain form cannot, so GradScaler synchronises.
        """
        return fast.is_on()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Updates every parameter that has a gradient. It takes no closure, which torch's interface allows."""
        if closure is not None:
            raise ValueError("BertAdamW takes no closure: compute the gradients before step()")
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self.update_group(parameters, group)

    def update_group(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Updates the parameters of a group, in place. Each has a gradient."""
        gradients = [own_share(cast(Tensor, parameter.grad)) for parameter in parameters]
        m, v = (list(map(own_share, tensors)) for tensors in self.kept(parameters, "m", "v"))
        update(list(map(own_share, parameters)), gradients, m, v, group, getattr(self, "found_inf", None))

    def kept(self, parameters: list[Tensor], *names: str) -> list[list[Tensor]]:
        """What the optimizer keeps of the parameters, a list for each name: tensors like them, at first 0."""
        for parameter in parameters:
            if parameter not in self.state:
                self.state[parameter] = {name: torch.zeros_like(parameter) for name in names}
        return [[self.state[parameter][name] for parameter in parameters] for name in names]


@fast.sooner("optimizer:fused_update")
def update(
    parameters: list[Tensor], gradients: list[Tensor], m: list[Tensor], v: list[Tensor],
    group: dict[str, Any], found_inf: None = None,
) -> None:  # fmt: skip
    """The equations of ``BertAdamW``, in place, for lists of tensors. The kernel alone heeds found_inf."""
    beta1, beta2 = group["betas"]
    for parameter, gradient, its_m, its_v in zip(parameters, gradients, m, v, strict=True):
        its_m.lerp_(gradient, 1 - beta1)  # m += (1 - beta1) * (gradient - m)
        its_v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)  # v = beta2 * v + (1 - beta2) * gradient ** 2
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.addcdiv_(its_m, its_v.sqrt() + group["eps"], value=-group["lr"])


def optimizer_in_words(name: str, weight_decay: float) -> list[str]:
    """A line for the user about an optimizer that is not the paper's."""
    names = {
        "bert-adamw": "BERT's AdamW", "adamw": "torch's AdamW",
        "muon": "Muon for the matrices of the layers, BERT's AdamW for all else",
    }  # fmt: skip
    if weight_decay != WEIGHT_DECAY:
        return [f"Update: {names[name]}; weight decay {weight_decay:g}."]
    return [f"Update: {names[name]}."] if name != "bert-adamw" else []


def make_optimizer(
    name: str, model: nn.Module, learning_rate: float, dtype: torch.dtype = torch.float32,
    weight_decay: float = WEIGHT_DECAY,
) -> torch.optim.Optimizer:  # fmt: skip
    """The optimizer of a name.

    "bert-adamw" is the paper's, "adamw" is torch's, with bias correction, and "muon" is Muon with BERT's AdamW.

    Args:
        dtype: of Muon's matrix products.
    """
    if name == "bert-adamw":
        return BertAdamW(parameter_groups(model, weight_decay), lr=learning_rate)
    if name == "adamw":
        groups = parameter_groups(model, weight_decay)
        return torch.optim.AdamW(groups, lr=learning_rate, betas=BETAS, eps=EPSILON, fused=fast.is_on(), foreach=False)
    if name == "muon":
        from bert.training.muon import Muon, muon_groups  # it is a BertAdamW, so its file imports this one

        return Muon(muon_groups(model, weight_decay), learning_rate, dtype)
    raise ValueError(f"no optimizer is called {name!r}: 'bert-adamw', 'adamw' and 'muon' are")
