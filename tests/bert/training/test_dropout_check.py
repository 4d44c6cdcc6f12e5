"""What is wrong with dropout is found before a run: rates, repeated masks, other masks in the backward pass."""

import pytest
import torch
from torch import nn

from bert.config import BertConfig
from bert.errors import InputError
from bert.fast import packed_dropout
from bert.heads.batch import Batch, sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.model import dropout as model_dropout
from bert.training.compilation import compiled_parts
from bert.training.distributed import Processes
from bert.training.dropout_check import check_compiled_dropout, check_dropout, repeats
from bert.training.precision import Precision, choose_precision
from bert.training.recomputation import recomputed_layers

CPU = torch.device("cpu")
CONFIG = BertConfig.of_size(2, 128, vocab_size=50, hidden_dropout_prob=0.1)
PRECISIONS = [Precision(name, "cpu", "a test") for name in ("fp32", "bf16")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class OtherMaskBackward(torch.autograd.Function):
    """Dropout whose backward pass draws once more."""

    @staticmethod
    def forward(context, states, probability):
        context.probability = probability
        return nn.functional.dropout(states, probability)

    @staticmethod
    def backward(context, gradient):
        return nn.functional.dropout(gradient, context.probability), None


def with_mask(make):
    """A dropout whose mask is ``make(shape, probability)``."""

    def drop(states, probability):
        return states * make(states.shape, probability) / (1 - probability)

    return drop


def same_each_time(shape, probability):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) >= probability


def fours_alike(shape, probability):
    """As in PyTorch issue 198333: four neighbours in a column have one random number."""
    return (torch.rand(-(-shape[0] // 4), shape[1]) >= probability).repeat_interleave(4, dim=0)[: shape[0]]


BROKEN = [
    ("it drops 12", with_mask(lambda shape, probability: torch.rand(shape) >= 1.2 * probability)),
    ("a backward pass has another mask", OtherMaskBackward.apply),
    ("masks repeat", with_mask(same_each_time)),
    ("masks repeat", with_mask(fours_alike)),
    ("masks repeat", with_mask(lambda shape, probability: (torch.rand(shape[-1]) >= probability).expand(shape))),
]


@pytest.fixture
def without_compiler(monkeypatch):
    """Compiling changes nothing, so that dropout may be anything."""
    monkeypatch.setattr(torch, "compile", lambda part, **how: part)


@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS, ids=lambda precision: precision.name)
def test_right_dropout_passes_and_draws_none_of_the_runs_numbers(without_compiler, precision, recomputes):
    before = torch.get_rng_state()
    for probability in (0.1, 0.001):
        config = CONFIG.replace(hidden_dropout_prob=probability)
        check_compiled_dropout(config, precision, CPU, recomputes)
    assert torch.get_rng_state().equal(before)


def test_right_dropout_passes_in_a_compiled_graph(monkeypatch):
    torch.compiler.reset()
    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", lambda part, **how: compile_it(part, backend="eager", fullgraph=True))
    check_compiled_dropout(CONFIG.replace(attention_probs_dropout_prob=0.0), PRECISIONS[0], CPU, recomputes=False)


@pytest.mark.parametrize(("says", "broken"), BROKEN)
@pytest.mark.parametrize("precision", PRECISIONS, ids=lambda precision: precision.name)
def test_wrong_dropout_is_refused_in_a_sentence(monkeypatch, without_compiler, precision, says, broken):
    monkeypatch.setattr(model_dropout, "dropout", broken)
    with pytest.raises(InputError, match=rf"--compile: .*\({says}.*\); leave --compile out, or give --dropout 0"):
        check_compiled_dropout(CONFIG, precision, CPU, recomputes=False)


def test_independent_tosses_do_not_repeat_and_a_few_shared_ones_do():
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        for probability in (0.001, 0.1, 0.9):
            kept = torch.rand(100_000, generator=generator) >= probability
            assert not repeats(kept)
            shared = kept.clone()
            shared[70_000:80_000] = kept[30_000:40_000]
            assert repeats(shared) or probability == 0.001  # then this share has 10 dropped numbers


def test_without_flash_attention_the_user_is_told_once_and_only_for_sixteen_bits(monkeypatch):
    monkeypatch.setattr(packed_dropout, "find_fault", lambda device, dtype: f"no operator for {dtype}")
    said = []
    for precision in PRECISIONS:
        check_dropout(CONFIG, precision, Processes(0, 1, CPU), False, False, said.append)
    check_dropout(CONFIG.replace(attention_probs_dropout_prob=0.0), PRECISIONS[1], Processes(0, 1, CPU), False, False,
                  said.append)  # fmt: skip
    (note,) = said
    assert note.startswith("Note: FlashAttention with dropout does not work")
    assert "no operator for torch.bfloat16" in note


# ---- on a GPU ----


@needs_gpu
@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_on_a_gpu_compiled_dropout_is_right(name, recomputes):
    device = torch.device("cuda", 0)
    for hidden_size in (128, 768):
        config = BertConfig.of_size(2, hidden_size, vocab_size=50)
        check_compiled_dropout(config, choose_precision(name, device), device, recomputes)


@needs_gpu
@pytest.mark.parametrize("recomputes", [False, True])
def test_on_a_gpu_compiled_and_eager_dropout_draw_the_same_masks(recomputes):
    """In fp32, without dropout of attention weights: those have kernels of their own."""
    device = torch.device("cuda", 0)
    config = BertConfig.of_size(2, 128, vocab_size=50, attention_probs_dropout_prob=0.0)
    torch.manual_seed(0)
    model = BertForPreTraining(config).to(device).train()
    ids = torch.randint(5, 50, (96,))
    sequences = sequences_of([32, 32, 32])
    labels = {"masked_labels": ids[sequences.first + 2], "next_sentence_labels": torch.ones(3, dtype=torch.int64)}
    batch = Batch(ids, torch.zeros_like(ids), sequences, sequences.first + 2, labels=labels).to(device)

    def gradients():
        torch.manual_seed(7)
        model.zero_grad()
        sum(loss.sum for loss in model.losses(batch).values()).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    eager = gradients()
    with compiled_parts(model):
        if recomputes:
            with recomputed_layers(model):
                compiled = gradients()
        else:
            compiled = gradients()
    for name, gradient in eager.items():
        torch.testing.assert_close(compiled[name], gradient, rtol=1e-3, atol=1e-3, msg=name)
