"""Greedy, beams and constraints give what transformers' generate gives with the same model."""

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint
from bert.generation.constraints import SpecialPieces
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from bert.generation.model import BertForConditionalGeneration

pytestmark = pytest.mark.peers

PAD, UNK, CLS, SEP, MASK, VOCABULARY = 0, 1, 2, 3, 4, 29
SPECIAL = SpecialPieces(CLS, SEP, (PAD, UNK, CLS, MASK), VOCABULARY)
LONGEST = 40


class Theirs:
    """Their model, step by step for our decoding: it reads all pieces again at each step, without a cache."""

    def __init__(self, model):
        self.model, self.memory, self.mask, self.history = model, None, None, None

    def eval(self):
        self.model.eval()

    def encode(self, input_ids, attention_mask):
        return self.model.encoder(input_ids=input_ids, attention_mask=attention_mask)[0], attention_mask

    def start(self, memory):
        self.memory, self.mask = memory
        self.history = torch.zeros(len(self.mask), 0, dtype=torch.int64)
        return self

    def reorder(self, rows):
        self.memory, self.mask, self.history = self.memory[rows], self.mask[rows], self.history[rows]

    def step(self, pieces, cache):
        self.history = torch.cat([self.history, pieces[:, None]], dim=1)
        return self.model.decoder(
            input_ids=self.history, encoder_hidden_states=self.memory, encoder_attention_mask=self.mask, use_cache=False
        ).logits[:, -1]


@pytest.fixture(scope="module")
def model():
    """Random weights, made larger, so that outputs differ; [SEP] is probable enough for outputs to end in time."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = dict(vocab_size=VOCABULARY, hidden_size=20, num_hidden_layers=1, num_attention_heads=2,
                 intermediate_size=28, max_position_embeddings=LONGEST + 2, initializer_range=0.4)  # fmt: skip
    encoder = transformers.BertModel(transformers.BertConfig(**sizes))
    decoder = transformers.BertLMHeadModel(transformers.BertConfig(**sizes, is_decoder=True, add_cross_attention=True))
    both = transformers.EncoderDecoderModel(encoder=encoder, decoder=decoder).eval()
    with torch.no_grad():
        both.decoder.cls.predictions.bias[SEP] = 4.0
    return both


@pytest.fixture(scope="module")
def sources():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([7, 3, 11, 5, 2, 11])
    attention_mask = (torch.arange(11) < lengths[:, None]).long()
    input_ids = torch.randint(5, VOCABULARY, (6, 11), generator=generator)
    return {"input_ids": torch.where(attention_mask > 0, input_ids, PAD), "attention_mask": attention_mask}


def theirs(model, sources, **settings):
    """Their outputs, without [CLS], [SEP] and [PAD]."""
    rows = model.generate(
        **sources, max_length=LONGEST + 1, do_sample=False, decoder_start_token_id=CLS, eos_token_id=SEP,
        pad_token_id=PAD, suppress_tokens=list(SPECIAL.never), early_stopping="never" if settings else False,
        **settings,
    )  # fmt: skip
    return [[piece for piece in row[1:].tolist() if piece not in (PAD, SEP)] for row in rows]


def ours(model, sources, **settings):
    outputs = generate(Theirs(model), **sources, pieces=SPECIAL, decoding=Decoding(max_length=LONGEST, **settings))
    return [output.ids for output in outputs]


def test_greedy_is_theirs(model, sources):
    outputs = ours(model, sources)
    assert outputs == theirs(model, sources)
    assert len({len(ids) for ids in outputs}) > 2


@pytest.mark.parametrize("beams", [2, 4, 7])
def test_beams_are_theirs_without_a_length_penalty(model, sources, beams):
    outputs = ours(model, sources, beams=beams, length_penalty=0.0)
    assert outputs == theirs(model, sources, num_beams=beams, length_penalty=0.0)
    assert max(map(len, outputs)) < LONGEST  # at the maximum theirs cuts an output off, and ours writes [SEP]
    assert outputs != ours(model, sources)  # the control: beams find other outputs


def test_our_model_of_their_directory_writes_what_theirs_writes(model, sources, tmp_path):
    model.config.decoder_start_token_id, model.config.eos_token_id, model.config.pad_token_id = CLS, SEP, PAD
    model.save_pretrained(tmp_path)
    loaded = load_checkpoint(tmp_path, BertForConditionalGeneration)
    decodings = [Decoding(max_length=LONGEST), Decoding(max_length=LONGEST, beams=4, length_penalty=0.0)]
    greedy, beams = (
        [output.ids for output in generate(loaded, **sources, pieces=SPECIAL, decoding=decoding)]
        for decoding in decodings
    )
    assert greedy == theirs(model, sources)
    assert beams == theirs(model, sources, num_beams=4, length_penalty=0.0)
    assert greedy != beams


@pytest.mark.parametrize("beams", [2, 4])
def test_constraints_are_theirs(model, sources, beams):
    outputs = ours(model, sources, beams=beams, length_penalty=0.0, min_length=6, no_repeat_ngram=2)
    # Their minimum counts [CLS].
    settings = dict(num_beams=beams, length_penalty=0.0, min_length=7, no_repeat_ngram_size=2)
    assert outputs == theirs(model, sources, **settings)
    assert outputs != ours(model, sources, beams=beams, length_penalty=0.0)
