"""Small models of each variant, and batches for them."""

from pathlib import Path

import torch
from torch import Tensor

from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.variants.build import as_variant

ALL = "pre-norm,rotary,gated,rms-norm,left-to-right"
EACH = ["rotary", "left-to-right", "pre-norm,gated", "rms-norm", ALL]


def config_of(variant: str, **changes) -> BertConfig:
    sizes = {
        "vocab_size": 31, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 23,
        "max_position_embeddings": 29, "variant": variant,
    }  # fmt: skip
    return BertConfig(**sizes | changes)


def model_of(variant: str, model_class=BertModel, **changes):
    """A model in eval mode with large weights: initial ones of 0.02 hide differences."""
    torch.manual_seed(3)
    model = as_variant(model_class(config_of(variant, **changes)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model.eval()


def padded_batch(seq: int = 11) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, (3, seq), of 7, 4 and 11 tokens."""
    ids = torch.randint(1, 31, (3, seq), generator=torch.Generator().manual_seed(5))
    return ids, (torch.arange(seq) < torch.tensor([[7], [4], [11]])).long()


PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrst", "the", "cat", "sat", "##s", ".", ","]


def checkpoint_of(directory: Path, variant: str, model_class=BertForPreTraining, **changes) -> str:
    """The directory of such a model, with a vocabulary."""
    save_checkpoint(directory, model_of(variant, model_class, **changes), WordPieceTokenizer(PIECES))
    return str(directory)
