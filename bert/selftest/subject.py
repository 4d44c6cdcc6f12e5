"""What is checked: a model with both heads, its tokenizer, and inputs. Either random and tiny, or a directory's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bert.checkpoints.directory import load_checkpoint, parts_of_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.model.sequences import Sequences
from bert.selftest.equations.bert import Sizes
from bert.selftest.equations.parameters import Parameters
from bert.selftest.samples import PAIRS, VOCABULARY
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

HEADS = ("bert.pooler", "masked_language_model", "next_sentence")  # what a checkpoint may lack
LONGEST = 40  # tokens of an input. The equations have loops over tokens


@dataclass(frozen=True)
class Inputs:
    """Sequences end to end: two of (tokens,), and the length of each sequence."""

    input_ids: np.ndarray
    token_type_ids: np.ndarray
    lengths: tuple[int, ...]

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor, Sequences]:
        """Ids, token types and sequences, as the model takes them."""
        sequences = sequences_of(self.lengths)
        return (
            torch.from_numpy(self.input_ids).to(device),
            torch.from_numpy(self.token_type_ids).to(device),
            Sequences(sequences.boundaries.to(device), sequences.longest),
        )

    def padded(self, values: np.ndarray) -> np.ndarray:
        """(tokens, ...) -> (batch, seq, ...), with 0 at padding."""
        rows = np.zeros((len(self.lengths), max(self.lengths), *values.shape[1:]), values.dtype)
        start = 0
        for row, length in zip(rows, self.lengths):
            row[:length] = values[start : start + length]
            start += length
        return rows

    def unpadded(self, rows: np.ndarray) -> np.ndarray:
        """(batch, seq, ...) -> (tokens, ...)"""
        return np.concatenate([row[:length] for row, length in zip(rows, self.lengths)])

    @property
    def attention_mask(self) -> np.ndarray:
        """(batch, seq), 1 at tokens."""
        return self.padded(np.ones(len(self.input_ids), np.int64))


@dataclass(frozen=True)
class Subject:
    """
    Attributes:
        model: float32, in eval mode, on the device.
        name: for the table's titles.
        new_parts: the parts that the directory lacks; they have random weights.
    """

    model: BertForPreTraining
    tokenizer: Tokenizer
    inputs: Inputs
    name: str
    new_parts: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def tensor(self, values: np.ndarray) -> Tensor:
        """An array on the model's device."""
        return torch.from_numpy(values).to(self.device)

    @property
    def parameters(self) -> Parameters:
        """The model's parameters, under its names."""
        return {name: values.detach().cpu().numpy() for name, values in self.model.state_dict().items()}

    @property
    def sizes(self) -> Sizes:
        """What the equations need besides the parameters."""
        config = self.model.config
        return Sizes(config.num_hidden_layers, config.num_attention_heads, config.hidden_act, config.layer_norm_eps)


def random_subject(device: torch.device, config: BertConfig | None = None) -> Subject:
    """A tiny model with large random weights, biases and LayerNorms: initial ones would hide errors.

    The sizes are different primes, or products of two, so a transposition cannot hide.
    """
    tokenizer = WordPieceTokenizer(VOCABULARY)
    config = config or BertConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=15, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=22, max_position_embeddings=61,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForPreTraining(config)
        for parameter in model.parameters():
            nn.init.normal_(parameter, mean=0.1, std=0.4)
    return Subject(model.to(device).eval(), tokenizer, make_inputs(tokenizer, config), "random weights")


def read_subject(directory: str | Path, device: torch.device) -> Subject:
    """The model and tokenizer of a directory. A head that it lacks is newly initialized.

    Raises an InputError if the directory is no BERT's, or something in it is damaged or missing.
    """
    tokenizer = load_tokenizer(directory)
    parts = {part if part.startswith("bert.") else f"bert.{part}" for part in parts_of_checkpoint(directory)}
    missing = tuple(part for part in HEADS if f"bert.{part.removeprefix('bert.')}" not in parts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = load_checkpoint(directory, BertForPreTraining, fresh=missing)
    check_vocabulary_fits(tokenizer, model.config, directory)
    if variant := model.config.variant:
        raise InputError(f"{directory}: is a variant of BERT ({variant}), and the equations are the paper's")
    inputs = make_inputs(tokenizer, model.config)
    return Subject(model.to(device), tokenizer, inputs, str(directory), missing)


def make_inputs(tokenizer: Tokenizer, config: BertConfig) -> Inputs:
    """The sample texts as this tokenizer's ids, cut to what the model reads. One of them has a [MASK]."""
    longest = min(LONGEST, config.max_position_embeddings)
    has_pairs = config.type_vocab_size > 1
    encodings = [tokenizer(first, second if has_pairs else None, max_length=longest) for first, second in PAIRS]
    ids = [np.array(encoding.input_ids) for encoding in encodings]
    ids[0][2 % len(ids[0])] = tokenizer.mask_token_id
    types = [np.array(encoding.token_type_ids) for encoding in encodings]
    return Inputs(np.concatenate(ids), np.concatenate(types), tuple(map(len, ids)))
