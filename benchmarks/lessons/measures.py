"""What a training learned, measured on the same held-out examples for all.

A run evaluates itself on examples of its own kind: pairs or single segments, masked its own way. So such figures do not
compare. Here every model reads the same pairs and the same single segments, with 15 % masked as in the paper.
"""

from pathlib import Path
from typing import Any

import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.batch import Batch
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.precision import choose_precision
from bert.training.reporting import read_log
from data.corpus.tokenized import open_corpus
from data.pretraining.batches import evaluation_batches
from pretraining.settings import read_settings

EXAMPLES = 1_000  # held out, at most, of each kind
LONGER = 4  # times the length, and a quarter of the examples
BATCH = 32
NEXT_TOKEN = "heldout_next_token_loss"  # in the log of a run with --objective next-token


def measure(run: Path, shards: Path, max_length: int, device: str) -> dict[str, Any]:
    """The measures of a finished run by their names in ``runs.Result``.

    Args:
        shards: the texts' tokens.
        max_length: tokens of an example, the same for all runs.
        device: "auto", "cpu" or "cuda".
    """
    settings = read_settings(["--output", str(run), "--resume"])
    corpus, tokenizer = open_corpus(shards), load_tokenizer(run)
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    processes = Processes(0, 1, torch.device("cuda" if on_gpu else "cpu"))
    model = load_checkpoint(run, BertForPreTraining).to(processes.device)
    precision = choose_precision("fp32", processes.device)
    found: dict[str, Any] = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
    if getattr(settings, "objective", "masked") != "masked":
        losses = [line[NEXT_TOKEN] for line in read_log(run / "log.jsonl") if NEXT_TOKEN in line]
        return found | {"next_token_loss": losses[-1] if losses else None}  # on examples of its own

    def means_of(length: int, examples: int, nsp: bool) -> tuple[dict[str, float], list[Batch]]:
        batches = list(evaluation_batches(corpus, tokenizer, BATCH, length, nsp, max_examples=examples))
        return mean_losses(model, batches, precision, processes), batches

    pairs, _ = means_of(max_length, EXAMPLES, nsp=True)
    single, batches = means_of(max_length, EXAMPLES, nsp=False)
    longest = min(LONGER * max_length, model.config.max_position_embeddings)
    longer, _ = means_of(longest, EXAMPLES // LONGER, nsp=False)
    return found | {
        "pairs_loss": pairs["masked_lm_loss"],
        "pairs_accuracy": pairs["masked_lm_accuracy"],
        "single_loss": single["masked_lm_loss"],
        "single_accuracy": single["masked_lm_accuracy"],
        "longer_loss": longer["masked_lm_loss"],
        "byte_loss": single["masked_lm_loss"] / bytes_of_label(batches, tokenizer),
        "next_sentence_accuracy": pairs["next_sentence_accuracy"] if settings.nsp else None,
    }


def bytes_of_label(batches: list[Batch], tokenizer: Tokenizer) -> float:
    """The mean number of bytes of the masked pieces, without the mark of a continued word."""
    labels = torch.cat([batch.labels["masked_labels"] for batch in batches])
    lengths = torch.tensor([len(piece.removeprefix("##").encode()) for piece in tokenizer.vocabulary])
    return lengths[labels].double().mean().item()
