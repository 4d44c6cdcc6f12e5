"""Small models whose sizes differ, so that no transposition hides, and trained adapters for them."""

import torch
from torch import nn

from bert.adaptation.adapt import adaptation_of
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from tests.ragged import ragged

CONFIG = BertConfig(
    vocab_size=101, hidden_size=22, num_hidden_layers=3, num_attention_heads=2, intermediate_size=34,
    max_position_embeddings=29, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
LENGTHS = torch.tensor([[13], [5], [11], [2]])
INPUTS = {
    "input_ids": torch.randint(1, 101, (4, 13), generator=torch.Generator().manual_seed(7)),
    "token_type_ids": (torch.arange(13) > 4).long().expand(4, 13).contiguous(),
    "attention_mask": (torch.arange(13) < LENGTHS).long(),
}
LABELS = torch.tensor([0, 2, 1, 2])
BATCH = ragged(INPUTS | {"labels": LABELS})


def scaled_up(model: nn.Module) -> nn.Module:
    """Weights of 0.02 would hide differences."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return model


def make_model(config: BertConfig = CONFIG, seed: int = 11) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    return scaled_up(BertForSequenceClassification(config, labels=["no", "perhaps", "yes"])).eval()


def shaken(model: nn.Module, by: float = 0.3) -> nn.Module:
    """An adapted model as if it had been trained: each trained parameter is moved at random, in place."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name in adaptation_of(model).trained:
            parameter = model.get_parameter(name)
            parameter += by * torch.randn(parameter.shape, generator=generator)
    return model


def logits_of(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(**INPUTS).logits
