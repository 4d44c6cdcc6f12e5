"""A checkpoint beside another one, or beside recorded numbers: the layer that differs is named."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.vocabulary import save_tokenizer
from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.selftest.samples import VOCABULARY
from bert.selftest.subject import random_subject
from bert.tokenization.wordpiece import WordPieceTokenizer

CPU = torch.device("cpu")
BELOW = ["embeddings", "layer 1: attention", "layer 1: output", "layer 2: attention", "layer 2: output"]
ALL = [*BELOW, "pooler", "masked language model's head", "next sentence's head", "all layers together"]


@pytest.fixture
def directory(tmp_path):
    """A checkpoint with both heads."""
    subject = random_subject(CPU)
    save_checkpoint(tmp_path / "run", subject.model, subject.tokenizer)
    return tmp_path / "run"


def changed(directory, name: str):
    """A copy of the directory with another weight of this name."""
    other = shutil.copytree(directory, directory.parent / "other")
    weights = load_file(other / "model.safetensors")
    weights[name] = weights[name] * 1.01
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    return other


def selftest(capsys, *arguments) -> tuple[int, list[str], str]:
    """The exit code, the names of the broken rows, and all that was said."""
    code = main(["selftest", *map(str, arguments), "--device", "cpu"])
    said = capsys.readouterr()
    broken = [line.removeprefix("broken: ").rpartition(": the error")[0] for line in said.out.splitlines()]
    return code, [name for name in broken if name], said.out + said.err


def test_a_directory_is_tested_with_its_own_weights_and_vocabulary(directory, capsys):
    code, broken, said = selftest(capsys, directory)
    assert (code, broken) == (0, [])
    assert f"against its rules ({directory})" in said and f"against the equations in NumPy ({directory})" in said


def test_a_directory_without_heads_says_so(tmp_path, capsys):
    subject = random_subject(CPU)
    save_checkpoint(tmp_path / "body", subject.model.bert, subject.tokenizer)
    code, broken, said = selftest(capsys, tmp_path / "body", "--against", tmp_path / "body")
    assert (code, broken) == (0, [])
    assert "layer 2: output" in said and "sentence's head" not in said
    whole = tmp_path / "numbers.safetensors"
    save_checkpoint(tmp_path / "run", subject.model, subject.tokenizer)
    assert selftest(capsys, tmp_path / "run", "--record", whole)[0] == 0
    code, broken, said = selftest(capsys, tmp_path / "body", "--against", whole)
    assert (code, broken) == (0, [])
    assert said.count("not tried") == 3 and said.count("only one of the two has it") == 2


@pytest.mark.parametrize("kind", ["directory", "numbers.safetensors", "numbers.json"])
def test_the_same_weights_hold_every_bound(kind, directory, tmp_path, capsys):
    other = directory
    if kind != "directory":
        other = tmp_path / kind
        assert selftest(capsys, directory, "--record", other)[0] == 0
    code, broken, said = selftest(capsys, directory, "--against", other)
    assert (code, broken) == (0, [])
    assert all(f"       {name} " in said for name in ALL)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("bert.encoder.layer.0.attention.self.value.weight", ["layer 1: attention", "layer 1: output"]),
        ("bert.encoder.layer.1.output.dense.weight", ["layer 2: output"]),
        ("bert.pooler.dense.bias", ["pooler"]),
        ("cls.predictions.transform.dense.weight", ["masked language model's head"]),
    ],
)
def test_only_the_layer_that_differs_is_broken_and_the_whole(weight, expected, directory, capsys):
    code, broken, _ = selftest(capsys, directory, "--against", changed(directory, weight))
    assert code == 1
    assert broken == expected + (["all layers together"] if "layer" in weight else [])


def test_another_tokenizer_is_named(directory, capsys):
    other = shutil.copytree(directory, directory.parent / "cased")
    save_tokenizer(other, WordPieceTokenizer(VOCABULARY, lowercase=False))
    assert selftest(capsys, directory, "--against", other)[:2] == (1, ["tokenizer: ids (texts)"])


def test_a_corner_of_the_numbers_is_enough_and_padding_does_not_count(directory, tmp_path, capsys):
    ids = [[2, 30, 31, 3], [2, 32, 3, 0]]
    recorded, corner = tmp_path / "whole.json", tmp_path / "corner.json"
    mask = [[1, 1, 1, 1], [1, 1, 1, 0]]
    numbers = {"input_ids": ids, "attention_mask": mask, "pooler_output": np.zeros((2, 15)).tolist()}
    recorded.write_text(json.dumps(numbers))
    assert selftest(capsys, directory, "--against", recorded)[:2] == (1, ["pooler"])

    model = random_subject(CPU).model
    with torch.no_grad():
        states = model.bert(torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state
    states[1, 3] = 100.0  # padding
    values = states[:, 2:4, 1:6].tolist()
    numbers = {"input_ids": ids, "attention_mask": mask, "hidden_states.2": {"at": [0, 2, 1], "values": values}}
    corner.write_text(json.dumps(numbers))
    assert selftest(capsys, directory, "--against", corner)[:2] == (0, [])
    numbers["hidden_states.2"]["at"] = [0, 2, 2]
    corner.write_text(json.dumps(numbers))
    assert selftest(capsys, directory, "--against", corner)[0] == 1


def test_a_vector_as_long_as_the_input_is_no_sequence(directory, tmp_path, capsys):
    ids, file = [[2, *[30] * 13, 3]], tmp_path / "vector.json"  # 15 tokens, and the hidden size is 15
    with torch.no_grad():
        pooled = random_subject(CPU).model.bert(torch.tensor(ids)).pooler_output
    file.write_text(json.dumps({"input_ids": ids, "pooler_output": pooled.tolist()}))
    code, broken, said = selftest(capsys, directory, "--against", file)
    assert (code, broken) == (0, []) and said.count("not tried") == 3


GOOD = {"input_ids": [[2, 3]], "pooler_output": [[0.0] * 15]}
BAD = {
    "none.txt": (None, "neither a checkpoint's directory nor"),
    "none.json": (None, "no such file"),
    "list.json": ([1], "a JSON object was expected"),
    "empty.json": ({}, "holds no input_ids"),
    "inputs.json": ({"input_ids": [[2, 3]]}, "holds no numbers"),
    "name.json": (GOOD | {"states": [[1.0]]}, "'states' is no name of numbers"),
    "ragged.json": (GOOD | {"pooler_output": [[1.0], [1.0, 2.0]]}, "nested lists of equal lengths"),
    "words.json": (GOOD | {"pooler_output": [["a"]]}, "holds no array of numbers"),
    "axes.json": (GOOD | {"pooler_output": [1.0]}, "has 1 axes"),
    "nan.json": (GOOD | {"pooler_output": [[float("nan")]]}, "not finite"),
    "layer.json": (GOOD | {"hidden_states.3": [[[1.0]]]}, "the model has 2 layers"),
    "corner.json": (GOOD | {"pooler_output": {"at": [0], "values": [[1.0]]}}, "an index for each of the 2 axes"),
    "keys.json": (GOOD | {"pooler_output": {"values": [[1.0]]}}, "at and values were expected"),
    "ids.json": (GOOD | {"input_ids": [[2, 5_000]]}, "but 0 to 98 exist"),
    "floats.json": (GOOD | {"input_ids": [[2.5]]}, "integers (batch, seq) were expected"),
    "long.json": (GOOD | {"input_ids": [[2] * 70]}, "the model reads 61"),
    "mask.json": (GOOD | {"attention_mask": [[0, 1]]}, "padding before a token"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_one_sentence(name, directory, tmp_path, capsys):
    content, message = BAD[name]
    if content is not None:
        (tmp_path / name).write_text(json.dumps(content))
    assert main(["selftest", str(directory), "--against", str(tmp_path / name), "--device", "cpu"]) == 2
    said = capsys.readouterr()
    assert message in said.err and len(said.err.splitlines()) == 1
    assert said.out == ""


def test_flags_that_do_not_go_together_are_one_sentence_each(directory, tmp_path, capsys):
    file = tmp_path / "there.json"
    file.write_text("{}")
    for arguments, message in (
        (["--against", directory], "of which checkpoint?"),
        (["--record", tmp_path / "new.json"], "of which checkpoint?"),
        ([directory, "--record", file], "exists already"),
        ([directory, "--record", tmp_path / "numbers.npz"], "a .safetensors or a .json file"),
        ([directory, "--against", directory, "--record", tmp_path / "new.json"], "give one of them"),
        ([directory, "--record", tmp_path / "new.json", "--compile"], "give one of them"),
        ([tmp_path / "nowhere"], "no such directory"),
        ([tmp_path], "holds no vocabulary"),
    ):
        code, _, said = selftest(capsys, *arguments)
        assert code == 2 and message in said and len(said.splitlines()) == 1
    assert file.read_text() == "{}" and not (tmp_path / "new.json").exists()


def test_directories_of_other_sizes_are_one_sentence(directory, tmp_path, capsys):
    tokenizer = WordPieceTokenizer(VOCABULARY)
    config = BertConfig(tokenizer.vocab_size, 15, 1, 3, 22, max_position_embeddings=61)
    save_checkpoint(tmp_path / "shallow", BertModel(config), tokenizer)
    code, _, said = selftest(capsys, directory, "--against", tmp_path / "shallow")
    assert code == 2 and "num_hidden_layers is 1, but 2" in said


@pytest.mark.peers
def test_transformers_numbers_hold_every_bound(directory, tmp_path, capsys):
    from transformers import BertForPreTraining

    theirs = BertForPreTraining.from_pretrained(directory).eval()
    inputs = random_subject(CPU).inputs
    arrays = {
        "input_ids": torch.from_numpy(inputs.padded(inputs.input_ids)),
        "token_type_ids": torch.from_numpy(inputs.padded(inputs.token_type_ids)),
        "attention_mask": torch.from_numpy(inputs.attention_mask),
    }
    attended = []
    for layer in theirs.bert.encoder.layer:
        layer.attention.output.dense.register_forward_hook(lambda module, given, output: attended.append(output))
    with torch.no_grad():
        found = theirs(**arrays, output_hidden_states=True)
        pooled = theirs.bert(**arrays).pooler_output
    numbers = {f"hidden_states.{number}": states for number, states in enumerate(found.hidden_states)}
    numbers |= {f"attention_output.{number}": states for number, states in enumerate(attended[:2], start=1)}
    numbers["pooler_output"], numbers["prediction_logits"] = pooled, found.prediction_logits
    numbers["next_sentence_logits"] = found.seq_relationship_logits
    save_file({name: each.contiguous() for name, each in (arrays | numbers).items()}, tmp_path / "theirs.safetensors")
    code, broken, said = selftest(capsys, directory, "--against", tmp_path / "theirs.safetensors")
    assert (code, broken) == (0, [])
    assert all(f"       {name} " in said for name in ALL)
