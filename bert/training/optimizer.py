"""BERT's AdamW, and which parameters it decays."""

import torch
from torch import Tensor, nn

# google-research/bert optimization.py, create_optimizer
BETAS = (0.9, 0.999)
EPSILON = 1e-6
WEIGHT_DECAY = 0.01


def parameter_groups(model: nn.Module, weight_decay: float = WEIGHT_DECAY) -> list[dict]:
    """The trainable parameters in two groups: decayed, and not (biases and LayerNorms).

    Source: ``optimization.py``, ``exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"]``. Embeddings are
    decayed. A bias or a LayerNorm weight is a vector and everything else a matrix, but it is their kind that counts.
    """
    not_decayed = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, nn.LayerNorm) or name == "bias"
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in not_decayed], "weight_decay": weight_decay},
        {"params": [p for p in trainable if id(p) in not_decayed], "weight_decay": 0.0},
    ]


class BertAdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay, as BERT was trained with: **without bias correction**.

    update = m / (sqrt(v) + epsilon) + weight_decay * parameter;  parameter -= lr * update

    Adam (Kingma & Ba 2015) divides the two averages m and v, which start at 0, by (1 - beta ** step). BERT's does not:
    the first m is 0.1 of the gradient and the first sqrt(v) 0.03 of it, so the first update is about three times as
    large as Adam's, and the learning rate's warm-up is what tames it. Source: ``optimization.py``,
    ``AdamWeightDecayOptimizer``.
    """

    def __init__(
        self,
        parameters,
        lr: float,
        betas=BETAS,
        eps: float = EPSILON,
        weight_decay: float = WEIGHT_DECAY,
        fused: bool = True,
    ):
        """``fused`` takes the update in one pass over the memory, by PyTorch's kernel; otherwise it is written out."""
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self.take_update = fused_update if fused else written_out_update
        # GradScaler then says in ``found_inf`` whether fp16's gradients have overflowed, and the kernel leaves the
        # update out; otherwise the scaler waits for the GPU to find out by itself, and does not call ``step``.
        self._step_supports_amp_scaling = fused

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Updates every parameter that has a gradient. A closure, which torch's interface allows, is not taken."""
        if closure is not None:
            raise ValueError("BertAdamW takes no closure: compute the gradients before step()")
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in parameters:
                if parameter not in self.state:
                    self.state[parameter] = {"m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter)}
            if parameters:
                gradients = [parameter.grad for parameter in parameters]
                m, v = ([self.state[parameter][name] for parameter in parameters] for name in ("m", "v"))
                self.take_update(parameters, gradients, m, v, group, getattr(self, "found_inf", None))


def written_out_update(
    parameters: list[Tensor], gradients: list[Tensor], m: list[Tensor], v: list[Tensor], group: dict,
    found_inf: None = None,
) -> None:  # fmt: skip
    """The equations of ``BertAdamW``, in place, for lists of tensors; found_inf is for the kernel alone."""
    beta1, beta2 = group["betas"]
    torch._foreach_lerp_(m, gradients, 1 - beta1)  # m += (1 - beta1) * (gradient - m)
    torch._foreach_mul_(v, beta2)
    torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)  # v = beta2 * v + (1 - beta2) * gradient ** 2
    denominator = torch._foreach_sqrt(v)
    torch._foreach_add_(denominator, group["eps"])
    torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
    torch._foreach_addcdiv_(parameters, m, denominator, -group["lr"])  # parameter -= lr * m / denominator


def fused_update(
    parameters: list[Tensor], gradients: list[Tensor], m: list[Tensor], v: list[Tensor], group: dict,
    found_inf: Tensor | None = None,
) -> None:  # fmt: skip
    """The same update in one kernel: that of torch's AdamW, told that so many steps have gone by that its bias
    corrections, 1 - beta ** step, are 1. Where found_inf is 1, nothing is changed.
    """
    long_ago = torch.full((), 1e9, device=parameters[0].device)
    torch._fused_adamw_(
        parameters, gradients, m, v, [], [long_ago] * len(parameters), amsgrad=False, lr=group["lr"],
        beta1=group["betas"][0], beta2=group["betas"][1], weight_decay=group["weight_decay"], eps=group["eps"],
        maximize=False, grad_scale=None, found_inf=found_inf,
    )  # fmt: skip


def make_optimizer(name: str, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """The optimizer of a name: "bert-adamw" (the paper's), or "adamw" (torch's, with bias correction)."""
    if name == "bert-adamw":
        return BertAdamW(parameter_groups(model), lr=learning_rate)
    if name == "adamw":
        return torch.optim.AdamW(parameter_groups(model), lr=learning_rate, betas=BETAS, eps=EPSILON, fused=True)
    raise ValueError(f"no optimizer is called {name!r}: 'bert-adamw' and 'adamw' are")
