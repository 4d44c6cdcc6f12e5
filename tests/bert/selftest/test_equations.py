"""The equations share nothing with the rooms that they check, and other libraries compute the same."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert.selftest.equations.activations import ACTIVATIONS
from bert.selftest.equations.adamw import AdamW, trained
from bert.selftest.equations.layer_norm import layer_norm
from bert.selftest.equations.losses import cross_entropy
from bert.selftest.equations.sentence_pairs import Pair, fault
from bert.selftest.equations.wordpiece import pieces
from bert.selftest.samples import ASCII, OTHERS, VOCABULARY

FOLDER = Path(__file__).parents[3] / "bert/selftest/equations"
STANDARD = {"math", "re", "unicodedata", "collections", "dataclasses", "itertools", "typing"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_an_equation_imports_numpy_and_other_equations_alone(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.startswith("bert.selftest.equations.") or name.split(".")[0] in STANDARD | {"numpy"}, name


def test_the_sample_vocabulary_has_every_piece_once():
    assert len(set(VOCABULARY)) == len(VOCABULARY)


def test_torch_has_the_same_layer_norm_activations_and_cross_entropy():
    x = np.random.default_rng(0).normal(size=(3, 7))
    parameters = {"weight": np.linspace(-1, 2, 7), "bias": np.linspace(0, 3, 7)}
    expected = F.layer_norm(torch.from_numpy(x), (7,), *map(torch.from_numpy, parameters.values()), eps=0.1)
    np.testing.assert_allclose(layer_norm(x, parameters, 0.1), expected, rtol=1e-12)
    for name, function in {
        "gelu": F.gelu,
        "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
        "relu": F.relu,
        "silu": F.silu,
    }.items():
        np.testing.assert_allclose(ACTIVATIONS[name](x), function(torch.from_numpy(x)), rtol=1e-12)
    labels = np.array([2, -100, 6])
    expected = F.cross_entropy(torch.from_numpy(x), torch.from_numpy(labels), reduction="sum").item()
    assert cross_entropy(x, labels) == (pytest.approx(expected), 2)


def test_torchs_adamw_is_ours_once_its_bias_corrections_are_taken_out():
    random = np.random.default_rng(0)
    start, gradient = random.normal(size=5), random.normal(size=5)
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    parameter.grad = torch.from_numpy(gradient)
    torch.optim.AdamW([parameter], lr=0.1, betas=(0.8, 0.9), eps=0.0, weight_decay=0.3).step()
    # Adam's first update is the gradient's sign. Ours is (1 - beta1) / sqrt(1 - beta2) of it.
    ours = trained(start, [gradient], AdamW(0.1 * np.sqrt(0.1) / 0.2, 0.8, 0.9, 0.0, 0.3 * 0.2 / np.sqrt(0.1)))
    np.testing.assert_allclose(ours, parameter.detach(), rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "is_random", "expected"),
    [
        ([0, 1], [2, 3], False, None),
        ([0, 1], [6, 7], True, None),
        ([0, 1], [6, 7], False, "of another document"),
        ([0, 1], [2, 3], True, "of A's own document"),
        ([0, 1], [4, 5], False, "does not follow"),
        ([2, 3], [0, 1], False, "does not follow"),
        ([1], [2, 3], False, "within a sentence"),
        ([4, 5, 6], [0], False, "of two documents"),
        ([0], [], False, "is empty"),
        ([0, 1, 2, 3, 4, 5], [6, 7], True, "too long"),
    ],
)
def test_each_fault_of_a_pair_is_found(a, b, is_random, expected):
    document_of, starts = [0, 0, 0, 0, 0, 0, 1, 1], [0, 2, 4, 6]  # sentences of two tokens
    found = fault(Pair(a, b, is_random), document_of, starts, longest=7)
    assert found is None if expected is None else expected in found


@pytest.mark.peers
@pytest.mark.parametrize("lowercase", [True, False])
def test_the_rust_library_cuts_the_samples_into_the_same_pieces(lowercase):
    from tokenizers import BertWordPieceTokenizer

    vocabulary = {piece: token_id for token_id, piece in enumerate(VOCABULARY)}
    theirs = BertWordPieceTokenizer(vocabulary, lowercase=lowercase)
    theirs.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    for text in ASCII + OTHERS:
        expected = theirs.encode(text, add_special_tokens=False).tokens
        assert pieces(text, frozenset(VOCABULARY), lowercase, lowercase, True) == expected, text
