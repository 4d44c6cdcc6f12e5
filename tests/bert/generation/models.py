"""Small encoder-decoders and inputs that tests share. No two numbers agree that should not."""

import torch

from bert.config import BertConfig
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration

ENCODER = BertConfig(
    vocab_size=37, hidden_size=15, num_hidden_layers=2, num_attention_heads=5, intermediate_size=19,
    max_position_embeddings=23, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
DECODER = ENCODER.replace(
    vocab_size=31, num_hidden_layers=3, num_attention_heads=3, intermediate_size=17, max_position_embeddings=29
)
CONFIG = EncoderDecoderConfig(ENCODER, DECODER, start_id=2, end_id=3, padding_id=0)
WIDER = EncoderDecoderConfig(ENCODER, DECODER.replace(hidden_size=21), start_id=2, end_id=3, padding_id=0)
SHARED = EncoderDecoderConfig(ENCODER, ENCODER, start_id=2, end_id=3, padding_id=0, shared=True)

SOURCE_LENGTHS, TARGET_LENGTHS = (7, 1, 11, 4), (5, 9, 1, 8)
SOURCES = torch.randint(5, 31, (4, 11), generator=torch.Generator().manual_seed(1))
SOURCE_MASK = (torch.arange(11) < torch.tensor(SOURCE_LENGTHS)[:, None]).long()
TARGETS = torch.randint(5, 31, (4, 9), generator=torch.Generator().manual_seed(2))
TARGET_MASK = (torch.arange(9) < torch.tensor(TARGET_LENGTHS)[:, None]).long()


def random_model(config: EncoderDecoderConfig = CONFIG, **arguments) -> BertForConditionalGeneration:
    """A model whose weights are so large that a difference in any shows."""
    torch.manual_seed(3)
    model = BertForConditionalGeneration(config, **arguments).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model
