"""bert attention: what the picture shows is the model's attention, and wrong requests are refused."""

import math
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from bert.__main__ import main
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands.attention import attention_weights, draw_attention
from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##d", "$e$"]
LAYERS, HEADS, DIM = 2, 3, 5
CONFIG = BertConfig(len(VOCABULARY), HEADS * DIM, LAYERS, HEADS, 7, max_position_embeddings=11)
FIRST, SECOND = "a bd", "c a b"
TOKENS = ["[CLS]", "a", "b", "##d", "[SEP]", "c", "a", "b", "[SEP]"]


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = BertModel(CONFIG)
    for parameter in model.parameters():
        parameter.data.mul_(4)  # else all weights would be nearly equal
    save_checkpoint(tmp_path / "run", model, WordPieceTokenizer(VOCABULARY))
    return tmp_path / "run"


def test_the_weights_are_the_softmax_of_queries_and_keys(run, tmp_path):
    drawn = draw_attention(str(run), FIRST, SECOND, str(tmp_path / "all.png"))
    assert drawn.tokens == TOKENS
    assert drawn.weights.shape == (LAYERS, HEADS, len(TOKENS), len(TOKENS))
    torch.testing.assert_close(drawn.weights.sum(-1), torch.ones(LAYERS, HEADS, len(TOKENS)))
    model, batch = load_checkpoint(run, BertModel), load_tokenizer(run).batch([FIRST], [SECOND])
    with torch.inference_mode():
        states = model(**batch, return_hidden_states=True).hidden_states
        for layer, its_states, weights in zip(model.encoder.layers, states, drawn.weights):
            query, key = layer.attention.query(its_states[0]).numpy(), layer.attention.key(its_states[0]).numpy()
            for head in range(HEADS):
                columns = slice(head * DIM, (head + 1) * DIM)
                scores = query[:, columns] @ key[:, columns].T / math.sqrt(DIM)
                scores = np.exp(scores - scores.max())
                np.testing.assert_allclose(weights[head], scores / scores.sum(1, keepdims=True), rtol=1e-4, atol=1e-6)


def test_a_layer_and_a_head_are_counted_from_one(run, tmp_path):
    model, tokenizer = load_checkpoint(run, BertModel), load_tokenizer(run)
    whole = attention_weights(model, tokenizer, FIRST, SECOND).weights
    for layer, head, expected in ((2, 1, whole[1:, :1]), (1, None, whole[:1]), (None, 3, whole[:, 2:])):
        drawn = draw_attention(str(run), FIRST, SECOND, str(tmp_path / "some.png"), layer, head)
        assert torch.equal(drawn.weights, expected)
    assert not torch.allclose(whole[0, 0], whole[1, 0])


def test_the_picture_has_the_weights_and_beside_one_head_the_tokens(run, tmp_path, monkeypatch):
    figures, save = [], Figure.savefig

    def savefig(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    output = str(tmp_path / "some.png")
    every, one = draw_attention(str(run), FIRST, SECOND, output), draw_attention(str(run), FIRST, SECOND, output, 2, 3)
    panels = [axes.images[0].get_array() for axes in figures[0].axes]
    np.testing.assert_array_equal(panels, every.weights.flatten(0, 1))
    axes = figures[1].axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), one.weights[0, 0])
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == TOKENS


def test_the_command_writes_a_picture_and_says_what_is_in_it(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["attention", str(run), "a $e$ b", "-o", "picture.png"]) == 0
    assert capsys.readouterr().out == "picture.png: layers x heads 2 x 3, tokens 7\n"
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert main(["attention", str(run), "a", "--layer", "1", "--head", "1"]) == 0
    assert (tmp_path / "attention.png").exists()


def test_wrong_requests_are_refused_in_a_sentence_and_nothing_is_written(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def error(*arguments) -> str:
        assert main(["attention", str(run), *arguments]) == 2
        assert not list(tmp_path.glob("*.p*"))
        return capsys.readouterr().err

    assert "--layer is 3, but the model's layers are 1 to 2" in error("a", "--layer", "3")
    assert "--layer is 0, but" in error("a", "--layer", "0")
    assert "--head is -1, but the model's heads are 1 to 3" in error("a", "--head", "-1")
    assert "13 tokens long, and this model reads 11" in error("a " * 10, "")
    assert "picture.pdf: the picture is a PNG" in error("a", "-o", "picture.pdf")
    for name in ("matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install matplotlib" in error("a")


@pytest.mark.peers
def test_the_weights_are_transformers(run, tmp_path):
    transformers = pytest.importorskip("transformers")
    peer = transformers.BertModel.from_pretrained(run, attn_implementation="eager")
    drawn = draw_attention(str(run), FIRST, SECOND, str(tmp_path / "all.png"))
    with torch.inference_mode():
        theirs = peer(**load_tokenizer(run).batch([FIRST], [SECOND]), output_attentions=True).attentions
    torch.testing.assert_close(drawn.weights, torch.cat(theirs), rtol=1e-4, atol=1e-5)
