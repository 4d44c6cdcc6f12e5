"""How a run departs from the paper's recipe: by its model's size, or to go on from a checkpoint."""

import argparse
import math
from typing import Any

from bert.checkpoints.directory import load_config
from bert.config import BertConfig
from bert.training.optimizer import WEIGHT_DECAY
from bert.training.settings import TrainingSettings

DEFAULT_SIZE = "tiny"
# How each size departs from the paper's recipe. A smaller model stands a larger learning rate and needs a shorter run.
# The two smallest depart further, for runs of minutes or hours. They have no dropout, which costs time (Geiping &
# Goldstein 2022). Their initial weights are larger. 0.02 suits the width of BERT-base; 0.02 * sqrt(768 / 128) = 0.05
# gives tiny's layers outputs of the same size. Their position embeddings start as sinusoids. After 1,000 steps of tiny
# that is 0.08 nats better (training loss, one run each).
# Tiny has Muon, and more masks at first (docs/lessons.md, benchmarks/LOG.md). It reads its text twelve times. So its
# weights decay ten times as fast as the paper's.
# Only tiny's recipe was run to its end. The recipes of mini, small and medium are a place to start from.
# The preset "fast" also departs from the paper: no dropout of attention weights. A GPU takes long to draw a random
# number for each of (seq, seq) weights. Newer attention kernels have no dropout.
RECIPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "vocab_size": 6_000, "max_length": 64, "batch_size": 32, "max_steps": 16_000,
        "optimizer": "muon", "learning_rate": 3e-3, "weight_decay": 0.1, "masking_rate": "0.3:0.15",
        "dropout": 0.0, "initializer_range": 0.05, "sinusoidal_start": True,
    },
    "mini": {
        "vocab_size": 16_000, "batch_size": 64, "learning_rate": 1e-3, "max_steps": 20_000,
        "dropout": 0.0, "initializer_range": 0.035, "sinusoidal_start": True,
    },
    "small": {"batch_size": 128, "learning_rate": 5e-4, "max_steps": 100_000},
    "medium": {"learning_rate": 3e-4, "max_steps": 250_000},
    "base": {"learning_rate": 1e-4},  # the paper's, as all else
    "large": {"learning_rate": 1e-4},
}  # fmt: skip

# What goes with AdamW, for a size whose recipe has Muon: BERT's weight decay, and the rate that tiny was trained at.
WITH_ADAMW = {"tiny": {"learning_rate": 2e-3, "weight_decay": WEIGHT_DECAY}}

# To go on from a checkpoint. Gururangan et al. 2020 ("Don't Stop Pretraining", appendix B) take 12,500 updates, and for
# batches of 2,048 a rate close to the one of RoBERTa's own pretraining. google-research/bert's README advises a small
# rate, such as 2e-5; its example has batches of 32. We have batches of 32, for laptops. The rate is half the one of the
# named size that is closest: 5e-5 for base, 1e-3 for tiny. The optimizer is BERT's AdamW. Dropout is the checkpoint's
# own.
CONTINUED: dict[str, Any] = {"size": None, "dropout": None, "batch_size": 32, "max_steps": 12_500}
# What a checkpoint decides.
OF_THE_CHECKPOINT = {
    "size", "vocab", "vocab_size", "cased", "tokenizer", "initializer_range", "sinusoidal_start", "variant",
}  # fmt: skip


def checked_size(text: str) -> str:
    """The text of ``--size``, if it is a size's name, or layers and width such as "4x128"."""
    layers, _, width = text.partition("x")
    if text not in RECIPES and not (layers.isdecimal() and width.isdecimal() and int(layers) and int(width)):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(RECIPES)}, and no LAYERSxWIDTH such as 4x128")
    if text not in RECIPES and int(width) % 64:
        raise argparse.ArgumentTypeError(f"{text}: each head has 64 dimensions, so the width is a multiple of 64")
    return text


def config_of_size(size: str, **changes: Any) -> BertConfig:
    """The configuration of a size, such as "tiny" or "4x128"."""
    if size in RECIPES:
        return getattr(BertConfig, size)(**changes)
    layers, _, width = size.partition("x")
    return BertConfig.of_size(int(layers), int(width), **changes)


def recipe_of_size(size: str, optimizer: str | None = None) -> dict[str, Any]:
    """How a size departs from the paper's recipe. A size without a name has the recipe of the closest that has one.

    Args:
        optimizer: the one that the flags name; None: the recipe's own.
    """
    name = size if size in RECIPES else closest_size(config_of_size(size))
    is_own = optimizer in (None, RECIPES[name].get("optimizer"))
    return RECIPES[name] | ({} if is_own else WITH_ADAMW.get(name, {}))


def closest_size(config: BertConfig) -> str:
    """The named size whose layers' matrices are nearest in the number of their weights."""

    def weights(config: BertConfig) -> int:
        return config.num_hidden_layers * config.hidden_size**2

    return min(RECIPES, key=lambda size: abs(math.log(weights(config_of_size(size)) / weights(config))))


def recipe_of_checkpoint(checkpoint: str) -> dict[str, Any]:
    """How a new run that goes on from a checkpoint departs from the paper's recipe.

    Raises an InputError if there is no such checkpoint, or it is not a BERT's.
    """
    config = load_config(checkpoint)
    return CONTINUED | {
        "learning_rate": recipe_of_size(closest_size(config), optimizer="bert-adamw")["learning_rate"] / 2,
        "max_length": min(TrainingSettings.max_length, config.max_position_embeddings),
    }
