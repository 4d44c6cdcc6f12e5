"""A task that the tests of this room share: words and the same words backwards."""

import torch

from bert.generation.config import EncoderDecoderConfig
from bert.generation.decoding import Decoding
from bert.generation.model import BertForConditionalGeneration
from bert.tasks.generation.read import Pair
from bert.tasks.options import Writing
from tests.bert.tasks.conftest import CONFIG, TOKENIZER, make_task
from tests.conftest import make_documents

MODEL = EncoderDecoderConfig(
    CONFIG, CONFIG.replace(num_hidden_layers=2), TOKENIZER.cls_token_id, TOKENIZER.sep_token_id, TOKENIZER.pad_token_id
)


def pairs(count=13, seed=0) -> list[Pair]:
    texts = [document[0].lower() for document in make_documents(count, seed)]
    return [Pair(line, (text,), " ".join(reversed(text.split()))) for line, text in enumerate(texts, start=1)]


def generation_task(examples=None, decoding=None, max_length=20, **options):
    sets = {name: (f"{name}.tsv", pairs() if examples is None else examples) for name in ("train", "dev")}
    writing = Writing(TOKENIZER, max_length, decoding or Decoding(max_length=7))
    return make_task("generation", sets, max_length=32, writing=writing, **options)


def random_model() -> BertForConditionalGeneration:
    torch.manual_seed(0)
    return BertForConditionalGeneration(MODEL).eval()
