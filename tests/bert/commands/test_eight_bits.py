"""``--int8`` of predict and embed: nearly the same predictions, from less memory, and on the CPU alone."""

import re

import numpy as np
import pytest

from bert.__main__ import main
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.commands import eight_bits
from tests.bert.adaptation.runs import write_body, write_run, write_texts


@pytest.fixture
def body(tmp_path):
    return write_body(tmp_path / "body")


@pytest.fixture
def texts(tmp_path):
    return write_texts(tmp_path / "texts.txt")


def scores_of(table: str) -> np.ndarray:
    return np.array([row.split("\t")[1:-1] for row in table.splitlines()[1:]], float)


def test_predictions_are_close_and_a_note_says_what_the_weights_take(body, texts, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, Lora(3, targets=ALL))
    assert main(["predict", str(run), str(texts)]) == 0
    expected = scores_of(capsys.readouterr().out)
    assert main(["predict", str(run), str(texts), "--int8"]) == 0
    captured = capsys.readouterr()
    assert re.search(r"Note: --int8: the weights take [\d.]+ MB instead of [\d.]+ MB\.\n", captured.err)
    error = np.abs(scores_of(captured.out) - expected).max()
    assert 0 < error < 0.1


def test_vectors_point_the_same_way(body, texts, tmp_path, capsys):
    for name, flags in (("plain", []), ("int8", ["--int8"])):
        assert main(["embed", str(body), str(texts), str(tmp_path / f"{name}.npy"), *flags]) == 0
    assert "--int8: the weights take" in capsys.readouterr().err
    plain, int8 = (np.load(tmp_path / f"{name}.npy") for name in ("plain", "int8"))
    cosines = (plain * int8).sum(axis=1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(int8, axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(plain, int8)


def test_each_of_several_adapters_predicts_as_it_does_alone(body, texts, tmp_path, capsys):
    runs = [write_run(tmp_path / name, body, method) for name, method in (("lora", Lora(3)), ("ia3", IA3()))]
    folder = tmp_path / "predictions"
    command = ["predict", str(body), str(texts), "--int8", "--adapter"]
    assert main([*command, *map(str, runs), "--output", str(folder)]) == 0
    capsys.readouterr()
    for run in runs:
        assert main([*command, str(run)]) == 0
        assert capsys.readouterr().out == (folder / f"{run.name}.tsv").read_text()


@pytest.mark.parametrize("command", ["predict", "embed"])
def test_on_a_gpu_it_is_refused_in_a_sentence(command, body, texts, tmp_path, capsys):
    output = {"predict": ["--output"], "embed": []}[command]
    arguments = [command, str(body), str(texts), *output, str(tmp_path / "out"), "--int8", "--device", "cuda"]
    assert main(arguments) == 2
    assert capsys.readouterr().err.endswith(
        "--int8 computes on the CPU, and --device cuda asks for a GPU; leave one of the two out\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_note_says_if_this_cpu_gains_no_time(body, texts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(eight_bits, "is_exact", lambda: False)
    assert main(["embed", str(body), str(texts), str(tmp_path / "out.npy"), "--int8"]) == 0
    assert "no exact products of whole numbers" in capsys.readouterr().err
