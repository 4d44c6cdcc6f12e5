"""Each kernel of ``bert/fast`` beside the plain form that it replaces, forward and backward, in turns.

    python -m benchmarks.kernels

The shapes are those of an update of mini (4 layers of 256): 32 sequences of 64 to 128 tokens, float32. Muon's matrices
are those of tiny, in both precisions: on a CPU its kernel leaves wider ones to the plain form.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from bert import fast
from bert.activations import gelu
from bert.config import BertConfig
from bert.heads.batch import sequences_of
from bert.heads.loss import vocabulary_cross_entropy
from bert.heads.pretraining import BertForPreTraining
from bert.layer_norm import LayerNorm
from bert.model.attention import attend
from bert.model.dropout import dropout
from bert.training.allocation import keep_freed_memory
from bert.training.muon import ITERATIONS, muon_groups, orthogonalized
from bert.training.optimizer import make_optimizer

LENGTHS = [128, 128, 128, 120, 128, 128, 96, 64] * 4
CONFIG = BertConfig.mini()


def attention(probability: float) -> Callable[[], None]:
    """Of one layer."""
    sequences, heads = sequences_of(LENGTHS), CONFIG.num_attention_heads
    query, key, value = (torch.randn(sum(LENGTHS), heads, 64, requires_grad=True) for _ in range(3))

    def work() -> None:
        attend(query, key, value, sequences, sequences, probability)[0].sum().backward()

    return work


def vocabulary_loss() -> Callable[[], None]:
    """Of 15 % of the tokens."""
    count = round(0.15 * sum(LENGTHS))
    # Scores as small as at the beginning of a run: large ones would make denormal probabilities, which are slow.
    states, table, bias = (
        (0.02 * torch.randn(shape)).requires_grad_()
        for shape in ((count, CONFIG.hidden_size), (CONFIG.vocab_size, CONFIG.hidden_size), (CONFIG.vocab_size,))
    )
    labels = torch.randint(CONFIG.vocab_size, (count,))
    return lambda: vocabulary_cross_entropy(states, table, bias, labels).sum.backward()


def hidden_dropout() -> Callable[[], None]:
    """Of one layer's hidden states."""
    states = torch.randn(sum(LENGTHS), CONFIG.hidden_size, requires_grad=True)
    return lambda: dropout(states, 0.1).sum().backward()


def layer_norm() -> Callable[[], None]:
    """Of one layer's hidden states."""
    norm, states = LayerNorm(CONFIG.hidden_size), torch.randn(sum(LENGTHS), CONFIG.hidden_size, requires_grad=True)
    return lambda: norm(states).sum().backward()


def activation() -> Callable[[], None]:
    """Of one layer's intermediate states."""
    states = torch.randn(sum(LENGTHS), CONFIG.intermediate_size, requires_grad=True)
    return lambda: gelu(states).sum().backward()


def optimizer() -> Callable[[], None]:
    """Of all weights."""
    model = BertForPreTraining(CONFIG)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    return make_optimizer("bert-adamw", model, 1e-9).step


def muon(dtype: torch.dtype) -> Callable[[], object]:
    """Of the matrices of all layers."""
    of_layers = muon_groups(BertForPreTraining(BertConfig.tiny()))[0]
    matrices = [parameter.detach().to(dtype) for parameter in of_layers["params"]]
    return partial(orthogonalized, matrices, ITERATIONS)


CASES: dict[str, Callable[[], Callable[[], object]]] = {
    "attention": partial(attention, 0.0),
    "attention, with dropout": partial(attention, 0.1),
    "dropout": hidden_dropout,
    "layer_norm": layer_norm,
    "gelu": activation,
    "vocabulary_loss": vocabulary_loss,
    "optimizer": optimizer,
    "muon, bfloat16": partial(muon, torch.bfloat16),
    "muon, float32": partial(muon, torch.float32),
}


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15, metavar="N", help="measurements of each side (15)")
    turns = parser.parse_args().turns
    keep_freed_memory()  # as the scripts do
    print("| kernel | plain | kernel | gain |\n|---|---|---|---|")
    for name, make in CASES.items():
        work = make()
        work()
        plain, ours = [], []
        for _ in range(turns):
            with fast.off():
                plain.append(seconds(work))
            ours.append(seconds(work))
        slow, quick = (1_000 * statistics.median(each) for each in (plain, ours))
        print(f"| {name} | {slow:.1f} ms | {quick:.1f} ms | {slow / quick:.1f} |")


if __name__ == "__main__":
    main()
