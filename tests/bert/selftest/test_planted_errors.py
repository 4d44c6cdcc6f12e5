"""The self-test holds on this checkout, and names the layer of each planted error."""

import sys

import numpy as np
import pytest
import torch

from bert import fast
from bert.__main__ import main
from bert.selftest.dropout import dropout_rows
from bert.selftest.gradients import gradient_rows
from bert.selftest.kernels import kernel_rows
from bert.selftest.layers import layer_rows
from bert.selftest.loss_sums import loss_rows
from bert.selftest.optimization import optimization_rows
from bert.selftest.pretraining_data import pretraining_data_rows
from bert.selftest.subject import random_subject
from bert.selftest.tokenizer import tokenizer_rows
from bert.selftest.whole import whole_rows
from tests.bert.selftest.planting import plant

CPU = torch.device("cpu")
PARTS = {
    "tokenizer": lambda: tokenizer_rows(random_subject(CPU).tokenizer),
    "data": pretraining_data_rows,
    "layers": lambda: layer_rows(random_subject(CPU)),
    "whole": lambda: whole_rows(random_subject(CPU)),
    "dropout": lambda: dropout_rows(random_subject(CPU)),
    "losses": lambda: loss_rows(CPU),
    "gradients": lambda: gradient_rows(CPU),
    "optimization": lambda: optimization_rows(CPU),
    "kernels": lambda: kernel_rows(CPU),
}
MODEL, TRAINING, FAST, DATA = "bert/model/", "bert/training/", "bert/fast/", "data/pretraining/"
HEAD, LOSS, WORDPIECE = "bert/heads/pretraining.py", "bert/heads/loss.py", "bert/tokenization/wordpiece.py"
DECAY = 'parameter.mul_(1 - group["lr"] * group["weight_decay"])'
UPDATE = 'parameter.addcdiv_(its_m, its_v.sqrt() + group["eps"], value=-group["lr"])'
NORM = "self.attention_norm(from_states + self.dropout(attended))"

# What is wrong: the file, its text, the wrong text; the part of the table, and the first row that breaks.
ERRORS = {
    "scores divided by dim": (
        f"{MODEL}attention.py", "/ math.sqrt(query.shape[-1])", "/ query.shape[-1]", "layers", "layer 1: attention"),
    "the mask lost": (
        f"{MODEL}attention.py", "from_sequences.lengths.tolist(), to_sequences.lengths.tolist()",
        "[len(query)], [len(key)]", "layers", "layer 1: attention"),
    "softmax over the queries": (
        f"{MODEL}attention.py", "scores.softmax(dim=-1)", "scores.softmax(dim=-2)", "layers", "layer 1: attention"),
    "heads cut the other way": (
        f"{MODEL}attention.py", '"tokens (heads dim) -> tokens heads dim"', '"tokens (dim heads) -> tokens heads dim"',
        "layers", "layer 1: attention"),
    "another eps": (
        f"{MODEL}embeddings.py", "eps=config.layer_norm_eps", "eps=1e-5", "layers",
        "LayerNorm, of almost equal numbers"),
    "positions from 1": (
        f"{MODEL}sequences.py", "return count(input_ids) - ", "return 1 + count(input_ids) - ", "layers",
        "positions and padding"),
    "positions left out": (
        f"{MODEL}embeddings.py", "self.position_embeddings(positions)", "0", "layers", "embeddings"),
    "segments ignored": (
        f"{MODEL}embeddings.py", "self.token_type_embeddings(token_type_ids)",
        "self.token_type_embeddings(token_type_ids * 0)", "layers", "embeddings"),
    "the tanh form of GELU": (
        f"{MODEL}feed_forward.py", "activation(config.hidden_act)", 'activation("gelu_new")', "layers",
        "layer 1: feed-forward"),
    "GELU's root of 2 left out": (
        "bert/activations.py", "torch.erf(x / math.sqrt(2))", "torch.erf(x)", "layers", "activations"),
    "one form of GELU for both": (
        "bert/activations.py", 'nn.GELU(approximate="tanh") if hidden_act in TANH', "GELU() if hidden_act in TANH",
        "layers", "activations"),
    "LayerNorm over the tokens": (
        "bert/layer_norm.py", "centered.square().mean(dim=-1, keepdim=True)",
        "centered.square().mean(dim=0, keepdim=True)", "layers", "LayerNorm, of almost equal numbers"),
    "LayerNorm divides by hidden_size - 1": (
        "bert/layer_norm.py", "centered.square().mean(dim=-1, keepdim=True)",
        "states.var(dim=-1, keepdim=True)", "layers", "LayerNorm, of almost equal numbers"),
    "the residual left out": (
        f"{MODEL}encoder.py", NORM, "self.attention_norm(self.dropout(attended))", "layers", "layer 1: output"),
    "LayerNorm before the sum": (
        f"{MODEL}encoder.py", NORM, "from_states + self.attention_norm(attended)", "layers", "layer 1: output"),
    "the pooler without tanh": (
        f"{MODEL}bert.py", "torch.tanh(self.dense(first_states))", "self.dense(first_states)", "layers", "pooler"),
    "the pooler reads the last token": (
        f"{MODEL}bert.py", "computed = sequences.first, selected", "computed = sequences.boundaries[1:] - 1, selected",
        "whole", "padded batch, plain"),
    "selected tokens in another order": (
        f"{MODEL}encoder.py", "order.argsort()", "order.sort().values", "whole", "losses of both tasks, plain"),
    "the head's LayerNorm left out": (
        HEAD, "self.layer_norm(self.activation(self.dense(states)))", "self.activation(self.dense(states))", "layers",
        "masked language model's head"),
    "scores without a bias": (
        HEAD, "F.linear(states, word_embeddings, self.bias)", "F.linear(states, word_embeddings)", "layers",
        "masked language model's head"),
    "untied weights": (
        HEAD, "return self.bert.embeddings.word_embeddings.weight",
        "return self.bert.embeddings.word_embeddings.weight.detach()", "gradients",
        "word embeddings, tied to the scores"),
    "a detached residual": (
        f"{MODEL}encoder.py", NORM, "self.attention_norm(from_states.detach() + self.dropout(attended))", "gradients",
        "word embeddings, tied to the scores"),
    "dropout that does not scale": (
        f"{MODEL}dropout.py", "return F.dropout(states, probability)",
        "return F.dropout(states, probability) * (1 - probability)", "dropout", "what is kept, and gradients"),
    "dropout after the sum": (
        f"{MODEL}encoder.py", NORM, "self.attention_norm(self.dropout(from_states + attended))", "dropout",
        "layer with dropout"),
    "a loss that counts all tokens": (
        LOSS, "return Loss(total, (labels != IGNORE_INDEX).sum(), correct)",
        "return Loss(total, torch.full((), len(labels)), correct)", "losses", "cross-entropy"),
    "AdamW upwards": (
        f"{TRAINING}optimizer.py", UPDATE, UPDATE.replace("=-", "="), "optimization", "AdamW, updates"),
    "decay after the update": (
        f"{TRAINING}optimizer.py", f"{DECAY}\n        {UPDATE}", f"{UPDATE}\n        {DECAY}", "optimization",
        "AdamW, updates"),
    "epsilon within the root": (
        f"{TRAINING}optimizer.py", 'its_v.sqrt() + group["eps"]', '(its_v + group["eps"]).sqrt()', "optimization",
        "AdamW, updates"),
    "biases decayed": (
        f"{TRAINING}optimizer.py", 'name in ("bias", "ia3_l")', 'name == "ia3_l"', "optimization",
        "AdamW, what is decayed (parameters)"),
    "the newest gradient not counted twice": (
        f"{TRAINING}muon.py", "gradient.lerp(momentum, MOMENTUM)", "momentum", "optimization", "Muon, updates"),
    "a schedule one update late": (
        f"{TRAINING}schedule.py", "peak * (step + 1) / warmup_steps", "peak * step / warmup_steps", "optimization",
        "learning rates"),
    "a schedule one update early": (
        f"{TRAINING}schedule.py", "max(0.0, 1 - step / max_steps)", "max(0.0, 1 - (step + 1) / max_steps)",
        "optimization", "learning rates"),
    "WordPiece with the shortest piece": (
        WORDPIECE, "range(min(len(word), start + self._longest_piece), start, -1)",
        "range(start + 1, min(len(word), start + self._longest_piece) + 1)", "tokenizer", "pieces (texts)"),
    "accents kept": (
        "bert/tokenization/normalization.py", 'unicodedata.category(item[0]) != "Mn"', "True", "tokenizer",
        "pieces (texts)"),
    "one segment for a pair": (
        "bert/tokenization/encoding.py", "[sequence_id] * len(pieces.ids))\n        encoding.offsets",
        "[0] * len(pieces.ids))\n        encoding.offsets", "tokenizer", "[CLS] first [SEP] second [SEP] (texts)"),
    "masking 70/20/10": (
        f"{DATA}masking.py", "treatment < mask / 100", "treatment < 0.7", "data",
        "masking 80/10/10 (standard deviations)"),
    "special tokens masked": (
        f"{DATA}masking.py", "word_starts = maskable\n", "word_starts = np.ones_like(maskable)\n", "data",
        "masking: which tokens (tokens)"),
    "labels of pairs turned round": (
        f"{DATA}sentence_pairs.py", 'examples["is_random"] = is_random', 'examples["is_random"] = ~is_random', "data",
        "sentence pairs (pairs)"),
    "60 % random pairs": (
        f"{DATA}sentence_pairs.py", "chunk) < 0.5)", "chunk) < 0.6)", "data", "random pairs (standard deviations)"),
    "the first [SEP] in segment B": (
        f"{DATA}layout.py", "(seq > first_sep)", "(seq >= first_sep)", "data", "layout of a batch"),
    "a kernel with another scale": (
        f"{FAST}attention.py", "/ math.sqrt(query.shape[-1])", "/ query.shape[-1]", "kernels", "attention: attend"),
    "a kernel without its mask": (
        f"{FAST}attention.py", "if is_full(to_sequences.padding) and not causal:", "if not causal:", "kernels",
        "attention: attend"),
    "a kernel with bias correction": (
        f"{FAST}optimizer.py", "1e9, device", "1.0, device", "kernels", "optimizer: fused_update"),
    "a kernel that does not scale": (
        f"{FAST}dropout.py", "kept.mul_(LEVELS / kept_levels)", "kept", "kernels", "dropout: dropout, what is kept"),
    "a kernel with a wrong gradient": (
        f"{FAST}vocabulary_loss.py", "at_label = (-weight * states)", "at_label = (weight * states)", "kernels",
        "vocabulary_loss: vocabulary_cross_entropy"),
}  # fmt: skip
# The first row that breaks is of a file above the wrong one: nothing closer can see these errors.
REACHES_FURTHER = ("another eps", "selected tokens in another order", "a detached residual", "accents kept")


def broken(part: str) -> list[tuple[str, str]]:
    """(name, file) of the broken rows of a part of the table."""
    return [(row.name, row.file) for row in PARTS[part]() if row.is_broken]


@pytest.mark.parametrize("error", ERRORS)
def test_a_planted_error_breaks_its_own_row_first(error, monkeypatch):
    file, old, new, part, name = ERRORS[error]
    plant(monkeypatch, file, old, new)
    first, *_ = broken(part)
    assert first[0] == name
    assert first[1] == file or error in REACHES_FURTHER


def test_a_kernel_without_a_case_breaks_its_own_row(monkeypatch):
    monkeypatch.setattr(fast, "_names", [*fast._names, "attention:attend_padded"])
    assert broken("kernels") == [("attention: attend_padded", "bert/fast/attention.py")]


def test_an_error_in_one_layer_does_not_reach_the_next():
    subject = random_subject(CPU)
    layer = subject.model.bert.encoder.layers[0]
    layer.attention.register_forward_hook(lambda module, arguments, output: (2 * output[0], output[1]))
    assert [row.name for row in layer_rows(subject) if row.is_broken] == ["layer 1: attention", "layer 1: output"]


def test_without_the_clone_the_rows_of_its_rooms_say_so(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("data.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "data", None)
    rows = list(pretraining_data_rows())
    assert [row.error for row in rows] == [None] * 3 and "in the clone" in rows[0].note


def test_numbers_that_are_not_finite_break_the_row():
    subject = random_subject(CPU)
    subject.model.bert.pooler.register_forward_hook(lambda module, arguments, output: output * np.nan)
    assert [row.name for row in layer_rows(subject) if row.is_broken] == ["pooler"]


def test_an_untouched_checkout_holds_all_bounds_and_a_broken_one_exits_with_1(capsys, monkeypatch):
    assert main(["selftest", "--device", "cpu"]) == 0
    assert "BROKEN" not in (said := capsys.readouterr().out)
    assert "within their bounds; 3 not tried" in said
    plant(monkeypatch, f"{MODEL}feed_forward.py", "activation(config.hidden_act)", 'activation("gelu_new")')
    assert main(["selftest", "--device", "cpu"]) == 1
    assert "broken: layer 1: feed-forward: the error" in (said := capsys.readouterr().out)
    assert ": bert/model/feed_forward.py\n" in said
