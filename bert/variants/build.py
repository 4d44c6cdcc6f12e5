"""Gives a model the variant that its configuration names.

    model = as_variant(BertForPreTraining(BertConfig.tiny(variant="pre-norm,rotary")))

The heads stay as they are, since each has a ``BertModel`` as its body. ``load_checkpoint`` calls this for every model.
"""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from bert.config import names_of_variant
from bert.model.bert import BertModel
from bert.variants.gated import make_gated
from bert.variants.left_to_right import make_left_to_right
from bert.variants.pre_norm import make_pre_norm
from bert.variants.rms_norm import make_rms_norm
from bert.variants.rotary import make_rotary

Model = TypeVar("Model", bound=nn.Module)

# In this order: RMSNorm also takes the place of the LayerNorm that pre-norm adds.
MAKERS: dict[str, Callable[[BertModel], None]] = {
    "pre-norm": make_pre_norm,
    "rotary": make_rotary,
    "gated": make_gated,
    "rms-norm": make_rms_norm,
    "left-to-right": make_left_to_right,
}


def as_variant(model: Model, besides: str = "") -> Model:
    """Gives the body of a new model its variant, in place. New weights come from torch's default generator.

    Args:
        model: a BertModel, or one with a head. A model that has its variant already stays as it is.
        besides: names of further variants, which the configuration does not have.

    Returns:
        The same model.
    """
    for bert in [module for module in model.modules() if isinstance(module, BertModel)]:
        has = names_of_variant(variant_of(bert))
        for name in names_of_variant(bert.config.variant) + names_of_variant(besides):
            if name not in has:
                MAKERS[name](bert)
                has += (name,)
        if has:
            bert.variant = ",".join(name for name in MAKERS if name in has)  # pyright: ignore
    return model


def variant_of(model: nn.Module) -> str:
    """The variant that a model has, by its modules. Empty: it is the paper's model."""
    bodies = [module for module in model.modules() if isinstance(module, BertModel)]
    return next((getattr(bert, "variant", "") for bert in bodies), "")
