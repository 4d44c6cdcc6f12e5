"""How fast a training step is, ours beside transformers: same weights, batch and precision, in one run.

    python -m benchmarks.training_step
    python -m benchmarks.training_step --cases mini --seconds 60 --json results.json

A pretraining step is forward, the two losses, backward, clipping and AdamW, with dropout 0.1. Ours is
``bert.training.loop.training_step`` as the scripts call it, not compiled, with labels at the masked tokens only.
Theirs is ``BertForPreTraining`` with torch's fused AdamW and labels at all positions. It runs with eager and with sdpa
attention, of which the faster counts, and with ``torch.compile``. It gets no attention mask, since the rows are full. A
mask of ones would keep the compiled model from its fastest kernel. In a fine-tuning step both get the same SST-2
sentences (in the folder that the environment variable BERT_DATA names), 32 in random order.

On a GPU there are other cases, all in bf16. Both sides run with and without ``torch.compile``, ours with both of
its presets. *fast* has no dropout of attention weights; *faithful* and theirs do. A turn is ten updates there, so that
the host can be ahead of the GPU, as in training.
"""

import argparse
import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.measuring import (
    PRODUCT,
    MatrixProduct,
    Work,
    memory_row,
    options,
    run_cases,
    speed_row,
    take_turns,
)
from benchmarks.operations import encoder_operations, pretraining_operations
from bert.checkpoints.huggingface import to_huggingface_name
from bert.config import BertConfig
from bert.heads.batch import Batch, sequences_of
from bert.heads.classification import BertForSequenceClassification
from bert.heads.loss import IGNORE_INDEX
from bert.heads.pretraining import BertForPreTraining
from bert.tasks.classification.read import read_examples
from bert.tasks.options import Columns
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.allocation import keep_freed_memory
from bert.training.compilation import compiled_parts
from bert.training.distributed import Processes
from bert.training.finite_loss import FiniteLossCheck
from bert.training.loop import training_step
from bert.training.optimizer import parameter_groups
from bert.training.precision import DTYPES, choose_precision
from bert.training.run import assemble
from bert.training.settings import TrainingSettings
from bert.training.totals import RunningTotals

SHAPES = {"mini": (32, 128), "base": (8, 128)}
SST2_BATCHES = {"mini": 8, "base": 3}  # of 32 sentences, in a turn
GPU_SHAPES = (("base", 256, 128), ("base", 64, 512), ("large", 32, 512))
GPU_UPDATES = 10  # in a turn
MASKED = 0.15
PEERS = ("eager", "sdpa", "compiled")  # transformers with eager attention, with sdpa, and with torch.compile
TRANSFORMERS = ("transformers.models.bert.modeling_bert",)  # imported first, so that its memory is not counted

TheirBatch = dict[str, Tensor]


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--precisions", nargs="+", choices=("fp32", "bf16"), help="of the CPU's pretraining steps (default: both if "
        "it computes in bf16, otherwise fp32; with emulated bf16 a step takes minutes)",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    run_cases(_on_a_gpu(given, device) if device.type == "cuda" else _on_a_cpu(given, device), given)


def _on_a_cpu(given: argparse.Namespace, device: torch.device) -> dict[str, Callable[[str], list[dict]]]:
    """The cases by name, each with the function that measures it."""
    cases = {}
    computes_in_bf16 = choose_precision("auto", device).name == "bf16"
    for size, (batch_size, length) in SHAPES.items():
        for precision in given.precisions or (["fp32", "bf16"] if computes_in_bf16 else ["fp32"]):
            name = f"{size}, pretraining step, {batch_size} x {length}, {precision}"
            cases[name] = partial(_pretraining, size=size, precision=precision, device=device, seconds=given.seconds)
    for size in SHAPES:
        name = f"{size}, fine-tuning step, SST-2 as it comes"
        cases[name] = partial(_finetuning, size=size, device=device, seconds=given.seconds)
    return cases


def _on_a_gpu(given: argparse.Namespace, device: torch.device) -> dict[str, Callable[[str], list[dict]]]:
    return {
        f"{size}, pretraining step, {batch_size} x {length}, {how}": partial(
            _presets, size=size, batch_size=batch_size, length=length, device=device, seconds=given.seconds,
            compiled=how == "compiled",
        )
        for size, batch_size, length in GPU_SHAPES
        for how in ("eager", "compiled")
    }  # fmt: skip


# ---- the two sides ----


def our_steps(
    model: torch.nn.Module, batches: Sequence[Batch], precision: str, device: torch.device, recompute: bool = False
) -> Work:
    """Makes one of our updates on each batch, as the scripts do."""
    settings = TrainingSettings("nowhere", precision=precision, recompute=recompute)
    run = assemble(settings, model.train(), Processes(0, 1, device), print, {})
    counts, finite_loss = [run.trainable.label_counts(batch) for batch in batches], FiniteLossCheck()

    def work() -> None:
        with run.training():
            for batch, count in zip(batches, counts):
                loss = training_step(run, [batch], count, RunningTotals(), max_gradient_norm=1.0)
                finite_loss.read()
                finite_loss.note(0, None, loss)

    return work


def their_steps(model: torch.nn.Module, batches: Sequence[TheirBatch], precision: str, device: torch.device) -> Work:
    """Makes one of their updates on each batch: the training loop of their documentation."""
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-4, fused=True)
    model.train()

    def work() -> None:
        for batch in batches:
            if device.type == "cuda":
                batch = {name: values.pin_memory().to(device, non_blocking=True) for name, values in batch.items()}
            with torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32"):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return work


def their_model(kind: str, ours: torch.nn.Module, peer: str) -> torch.nn.Module:
    """Their model of a kind with our weights, as one of PEERS."""
    import transformers  # only here: it takes seconds

    attention = "sdpa" if peer == "compiled" else peer
    config = transformers.BertConfig(**ours.config.to_dict(), attn_implementation=attention)
    model = getattr(transformers, kind)(config)
    prefix = "" if kind != "BertModel" else "bert."  # the translation needs whole names
    weights = {
        to_huggingface_name(prefix + name).removeprefix(prefix): values for name, values in ours.state_dict().items()
    }
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert not [name for name in missing if "decoder" not in name and "position_ids" not in name], missing
    model.tie_weights()
    model = model.to(next(ours.parameters()).device)
    return torch.compile(model) if peer == "compiled" else model


# ---- cases ----


def pretraining_batches(config: BertConfig, batch_size: int, length: int) -> tuple[Batch, TheirBatch]:
    """The same full rows of random ids, with labels at 15 % of them: our form and theirs."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, config.vocab_size, (batch_size, length), generator=generator)
    types = (torch.arange(length) >= length // 2).long().expand(batch_size, length).contiguous()
    next_sentence = torch.randint(0, 2, (batch_size,), generator=generator)
    order = torch.randperm(batch_size * length, generator=generator)
    masked = order[: masked_in(batch_size * length)].sort().values
    labels = torch.randint(5, config.vocab_size, (len(masked),), generator=generator)
    everywhere = torch.full((batch_size * length,), IGNORE_INDEX).index_copy(0, masked, labels).view(batch_size, length)
    ours = Batch(
        ids.flatten(), types.flatten(), sequences_of([length] * batch_size), selected=masked,
        labels={"masked_labels": labels, "next_sentence_labels": next_sentence},
    )  # fmt: skip
    return ours, {"input_ids": ids, "token_type_ids": types, "labels": everywhere, "next_sentence_label": next_sentence}


def masked_in(tokens: int) -> int:
    """How many of so many tokens have a label."""
    return round(MASKED * tokens)


def make_pretraining(contestant: str, size: str, precision: str, device: torch.device) -> Work:
    """A pretraining step of "ours", "ours, recomputing" or one of PEERS."""
    config = getattr(BertConfig, size)()
    ours, theirs = pretraining_batches(config, *SHAPES[size])
    torch.manual_seed(0)
    model = BertForPreTraining(config)
    if contestant in PEERS:
        return their_steps(their_model("BertForPreTraining", model, contestant), [theirs], precision, device)
    keep_freed_memory()  # as the scripts do
    return our_steps(model, [ours], precision, device, recompute=contestant == "ours, recomputing")


def _pretraining(case: str, size: str, precision: str, device: torch.device, seconds: float) -> list[dict]:
    makers = {
        name: partial(make_pretraining, name, size, precision, device) for name in ("ours", "ours, recomputing", *PEERS)
    }
    config, (batch_size, length) = getattr(BertConfig, size)(), SHAPES[size]
    operations = pretraining_operations(config, batch_size, length, masked_in(batch_size * length))
    return _contest(case, precision, makers, batch_size * length, device, seconds, operations)


def finetuning_batch(ids: list[list[int]], labels: list[int]) -> tuple[Batch, TheirBatch]:
    """The same sentences: our form, and theirs, padded to the longest. ([PAD] has the id 0.)"""
    rows = [np.array(row) for row in ids]
    ours = Batch.of(rows, [np.zeros_like(row) for row in rows], selected=[], labels=np.array(labels))
    input_ids = pad_sequence([torch.tensor(row) for row in ids], batch_first=True)
    mask = pad_sequence([torch.ones(len(row), dtype=torch.int64) for row in ids], batch_first=True)
    types = torch.zeros_like(input_ids)
    return ours, {
        "input_ids": input_ids, "token_type_ids": types, "attention_mask": mask, "labels": torch.tensor(labels),
    }  # fmt: skip


def make_finetuning(contestant: str, size: str, ids: list[list[int]], labels: list[int], device: torch.device) -> Work:
    """Fine-tuning steps of "ours" or one of PEERS, on sentences in batches of 32."""
    ours, theirs = zip(
        *(finetuning_batch(ids[first : first + 32], labels[first : first + 32]) for first in range(0, len(ids), 32))
    )
    torch.manual_seed(0)
    model = BertForSequenceClassification(getattr(BertConfig, size)())
    if contestant in PEERS:
        return their_steps(their_model("BertForSequenceClassification", model, contestant), theirs, "fp32", device)
    keep_freed_memory()  # as the scripts do
    return our_steps(model, ours, "fp32", device)


def _finetuning(case: str, size: str, device: torch.device, seconds: float) -> list[dict]:
    folder = os.environ.get("BERT_DATA")
    if folder is None:
        print(f"{case}: left out: BERT_DATA names no folder with SST-2")
        return []
    tokenizer = WordPieceTokenizer.from_file(Path(folder) / "vocab" / "bert-base-uncased.txt")
    training = Path(folder) / "glue" / "SST-2" / "train.tsv"
    examples = list(read_examples(training, Columns("sentence", label="label")))
    chosen = np.random.default_rng(0).permutation(len(examples))[: 32 * SST2_BATCHES[size]]
    ids = [tokenizer(examples[row].first, max_length=128).input_ids for row in chosen]
    labels = [int(examples[row].label) for row in chosen]
    makers = {name: partial(make_finetuning, name, size, ids, labels, device) for name in ("ours", *PEERS)}
    lengths = list(map(len, ids))
    operations = 3 * encoder_operations(getattr(BertConfig, size)(), lengths, selected_of_each=1)
    return _contest(case, "fp32", makers, sum(lengths), device, seconds, operations)


def _presets(
    case: str, size: str, batch_size: int, length: int, device: torch.device, seconds: float, compiled: bool
) -> list[dict]:
    """Both of our presets on a GPU, beside their sdpa attention."""
    config = getattr(BertConfig, size)()
    ours, theirs = pretraining_batches(config, batch_size, length)
    presets = {"ours, faithful": config, "ours, fast": config.replace(attention_probs_dropout_prob=0.0)}
    torch.compiler.reset()  # each case compiles its own graphs, and a process may only have so many

    def new_model(config: BertConfig) -> BertForPreTraining:
        torch.manual_seed(0)
        return BertForPreTraining(config).to(device)

    def make_ours(config: BertConfig) -> Work:
        model = new_model(config)
        if compiled:
            programs.enter_context(compiled_parts(model))
        return our_steps(model, [ours] * GPU_UPDATES, "bf16", device)

    def make_theirs(peer: str) -> Work:
        model = their_model("BertForPreTraining", new_model(config), peer)
        return their_steps(model, [theirs] * GPU_UPDATES, "bf16", device)

    peer = "compiled" if compiled else "sdpa"
    makers = {name: partial(make_ours, how) for name, how in presets.items()} | {peer: partial(make_theirs, peer)}
    tokens = batch_size * length
    operations = pretraining_operations(config, batch_size, length, masked_in(tokens))
    with contextlib.ExitStack() as programs:
        return _contest(case, "bf16", makers, GPU_UPDATES * tokens, device, seconds, GPU_UPDATES * operations)


def _contest(
    case: str, precision: str, makers: dict[str, Callable[[], Work]], tokens: int, device: torch.device,
    seconds: float, operations: float,
) -> list[dict]:  # fmt: skip
    """Each of ours beside the best of theirs uncompiled, and beside theirs compiled; and the peaks of memory.

    The compiled peer's peak does not count: it includes the compiler's own memory.
    """
    product = MatrixProduct(device, DTYPES[precision])
    turns = take_turns(makers | {PRODUCT: product}, device, seconds, TRANSFORMERS)
    rate = product.operations / turns[PRODUCT].median
    uncompiled = [name for name in turns if name in PEERS and name != "compiled"]
    best = [min(uncompiled, key=lambda name: turns[name].median)] if uncompiled else []
    rows = []
    for name, ours in turns.items():
        if not name.startswith("ours"):
            continue
        which = case + name.removeprefix("ours")
        for peer in [*best, *({"compiled"} & turns.keys())]:
            rows.append(speed_row(
                f"{which}; theirs {peer}", precision, "real tokens/s", ours, turns[peer], tokens,
                medians={each: turn.median for each, turn in turns.items()}, mfu=operations / ours.median / rate,
            ))  # fmt: skip
        theirs = min(turns[peer].peak for peer in (uncompiled or ["compiled"]))
        rows.append(memory_row(which, precision, ours.peak, theirs))
    return rows


if __name__ == "__main__":
    main()
