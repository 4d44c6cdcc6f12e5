"""``python -m bert export``: what stands in the directory, and what is compared."""

import json
import shutil

import pytest
import torch

from bert.__main__ import main
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.sentence_transformers import write_modules
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands import export as command
from bert.config import BertConfig
from bert.errors import InputError
from bert.export import formats
from bert.export.parts import parts_of
from bert.export.running import run_by
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.tasks.options import Columns
from tests.bert.adaptation.runs import TOKENIZER

LINES = [("the old river moves", "wet"), ("a bright stone turns", "dry"), ("the ship sings", "wet"),
         ("a small garden waits near the road", "dry"), ("every letter falls", "dry")]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A classifier, as fine-tuning leaves it."""
    directory = tmp_path_factory.mktemp("run")
    torch.manual_seed(3)
    config = BertConfig(TOKENIZER.vocab_size, 22, 1, 2, 34, max_position_embeddings=19, initializer_range=0.4)
    save_checkpoint(directory, BertForSequenceClassification(config, labels=["dry", "wet"]), TOKENIZER)
    dev = directory / "dev.tsv"
    dev.write_text("body\tkind\n" + "".join(f"{text}\t{label}\n" for text, label in LINES))
    columns = Columns("body", None, "kind")._asdict()
    validation = {"file": str(dev), "held_out": False, "columns": columns}
    task = {"columns": columns, "max_length": 17, "validation": validation}
    (directory / "task.json").write_text(json.dumps(task))
    return directory


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    output = tmp_path_factory.mktemp("exports") / "deep" / "out"
    assert main(["export", str(run), str(output), "--format", "torch"]) == 0
    return output


def by_the_model_itself(monkeypatch, off=0.0):
    """Instead of writing a file and running it, which takes a second: our own model, moved by ``off``."""

    def write(directory, model, tokenizer, int8):
        module = parts_of(model)["model"].module
        run = lambda inputs: {name: value + off for name, value in module(**inputs).items()}  # noqa: E731
        return run_by(model, {"model": run})

    monkeypatch.setitem(formats.FORMATS, "torch", formats.Format(".pt2", write))


def test_the_directory_has_the_model_its_tokenizer_and_all_that_says_what_it_is(run, exported):
    names = {"model.pt2", "vocab.txt", "config.json", "labels.json", "check.json", "README.md"}
    assert names <= {path.name for path in exported.iterdir()}
    assert json.loads((exported / "labels.json").read_text())["labels"] == ["dry", "wet"]
    assert json.loads((exported / "config.json").read_text()) == json.loads((run / "config.json").read_text())
    assert load_tokenizer(exported).encode("the old river") == TOKENIZER.encode("the old river")
    assert list(exported.parent.iterdir()) == [exported]  # no temporary files


def test_the_check_measures_the_run_s_own_validation_set(run, exported):
    check = json.loads((exported / "check.json").read_text())
    model = load_checkpoint(run, BertForSequenceClassification)
    right = []
    for text, label in LINES:
        ids = torch.tensor([TOKENIZER(text).input_ids])
        right.append(model.labels[model(ids).logits.argmax()] == label)
    accuracy = sum(right) / len(right)
    assert check["metrics"]["accuracy"] == {"before": accuracy, "after": accuracy}
    assert (check["texts"], check["labels"], check["flipped"]) == (5, 5, 0)
    assert check["passed"] and check["largest_difference"] <= 1e-5
    assert "dev.tsv, the run's validation set" in check["compared"]
    assert check["megabytes"]["after"] == pytest.approx((exported / "model.pt2").stat().st_size / 1e6)


def test_an_export_that_is_too_far_away_ends_with_1_and_says_why(run, tmp_path, monkeypatch, capsys):
    by_the_model_itself(monkeypatch, off=0.25)
    arguments = ["export", str(run), str(tmp_path / "out"), "--format", "torch"]
    assert main(arguments) == 1
    assert "a score differs by 0.25, and at most 0.0001 may" in capsys.readouterr().err
    check = json.loads((tmp_path / "out" / "check.json").read_text())
    assert not check["passed"] and check["mean_difference"] == pytest.approx(0.25)
    assert main([*arguments, "--overwrite", "--threshold", "0.3"]) == 0


def test_what_is_there_stays_unless_it_is_an_export_that_may_be_replaced(run, exported, tmp_path, monkeypatch, capsys):
    arguments = ["export", str(run), str(exported), "--format", "torch"]
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "aunt.txt").write_text("Dear aunt")
    assert main(["export", str(run), str(tmp_path / "letters"), "--format", "torch", "--overwrite"]) == 2
    assert "holds no check.json" in capsys.readouterr().err
    assert (tmp_path / "letters" / "aunt.txt").exists()

    def fail(directory, model, tokenizer, int8):
        (directory / "model.pt2").write_text("half")
        raise InputError("the disk is full")

    def be_late(directory, model, tokenizer, int8):
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "aunt.txt").write_text("Dear aunt")
        return model

    monkeypatch.setitem(formats.FORMATS, "torch", formats.Format(None, be_late))
    assert main(["export", str(run), str(tmp_path / "late"), "--format", "torch"]) == 2
    assert (tmp_path / "late" / "aunt.txt").exists()  # it came while the export was made
    monkeypatch.setitem(formats.FORMATS, "torch", formats.Format(".pt2", fail))
    assert main([*arguments, "--overwrite"]) == 2
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before
    assert list(exported.parent.iterdir()) == [exported]


def test_texts_without_labels_are_compared_without_a_metric(run, tmp_path, monkeypatch, capsys):
    by_the_model_itself(monkeypatch)
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text, _ in LINES))
    notes = []
    check = command.export_run(run, tmp_path / "out", "torch", texts=tmp_path / "a.txt", count=3, log=notes.append)
    assert "no metric is compared" in notes[0]
    assert (check.texts, check.labels, check.metrics) == (3, 3, {})


def test_a_run_whose_validation_file_is_gone_is_compared_on_the_built_in_texts(run, tmp_path, monkeypatch):
    by_the_model_itself(monkeypatch)
    shutil.copytree(run, tmp_path / "run")
    task = json.loads((run / "task.json").read_text())
    task["validation"]["file"] = str(tmp_path / "gone.tsv")
    (tmp_path / "run" / "task.json").write_text(json.dumps(task))
    notes = []
    check = command.export_run(tmp_path / "run", tmp_path / "out", "torch", count=7, log=notes.append)
    assert (check.texts, check.metrics) == (7, {}) and "gone.tsv is there no more" in notes[0]


def test_a_pretraining_run_is_compared_by_the_pieces_it_puts_into_blanks(tmp_path, monkeypatch):
    by_the_model_itself(monkeypatch)
    config = BertConfig(TOKENIZER.vocab_size, 22, 1, 2, 34, max_position_embeddings=19)
    save_checkpoint(tmp_path / "run", BertForPreTraining(config), TOKENIZER)
    check = command.export_run(tmp_path / "run", tmp_path / "out", "torch", count=40)
    assert list(check.metrics) == ["masked_lm_accuracy"] and check.labels > 1
    assert check.largest_difference < 1e-5
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(InputError, match="none of their pieces is masked"):  # else the accuracy would be no number
        command.export_run(tmp_path / "run", tmp_path / "blank", "torch", texts=tmp_path / "blank.txt")


def test_a_directory_of_sentence_transformers_gives_vectors_of_texts_after_its_prompt(tmp_path, monkeypatch):
    by_the_model_itself(monkeypatch)
    config = BertConfig(TOKENIZER.vocab_size, 22, 1, 2, 34, max_position_embeddings=19, initializer_range=0.4)
    save_checkpoint(tmp_path / "run", BertModel(config), TOKENIZER)
    write_modules(tmp_path / "run", "max", normalize=True, max_length=11)
    prompts = {"prompts": {"query": "the old ", "document": "a "}, "default_prompt_name": "query"}
    (tmp_path / "run" / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    compared = []
    of_vectors = command.of_vectors
    monkeypatch.setattr(command, "of_vectors", lambda *args: compared.extend(args[2]) or of_vectors(*args))
    check = command.export_run(tmp_path / "run", tmp_path / "out", "torch", count=6)
    assert len(compared) == 6 and all(example.first.startswith("the old ") for example in compared)
    assert check.metrics["cosine"][1] == pytest.approx(1) and check.largest_difference < 1e-5
    columns = Columns("one", "two", "score")._asdict()  # as a run of similarity leaves them
    (tmp_path / "run" / "task.json").write_text(json.dumps({"columns": columns, "max_length": 11}))
    (tmp_path / "pairs.tsv").write_text("one\ttwo\tscore\nriver\tstone\t3\n")
    command.export_run(tmp_path / "run", tmp_path / "pairs", "torch", texts=tmp_path / "pairs.tsv")
    assert compared[-1].first == "the old river" and compared[-1].second is None


def test_a_label_that_the_model_does_not_have_is_named_with_its_file_and_line(run, tmp_path, capsys):
    (tmp_path / "b.tsv").write_text("body\tkind\nthe old river\twet\nthe ship\tgreen\n")
    arguments = ["export", str(run), str(tmp_path / "out"), "--format", "torch", "--texts", str(tmp_path / "b.tsv")]
    assert main(arguments) == 2
    assert "b.tsv: line 3: the label 'green' is not one of" in capsys.readouterr().err


def test_a_program_of_pytorch_in_8_bits_is_refused_and_so_is_a_run_that_is_not_there(run, tmp_path, capsys):
    assert main(["export", str(run), str(tmp_path / "out"), "--format", "torch", "--int8"]) == 2
    assert "use --format onnx" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "nothing"), str(tmp_path / "out"), "--format", "torch"]) == 2
    assert not (tmp_path / "out").exists()


def test_googles_archive_is_a_checkpoint_with_the_same_scores(run, tmp_path):
    assert main(["export", str(run), str(tmp_path / "archive"), "--format", "google"]) == 0
    assert json.loads((tmp_path / "archive" / "check.json").read_text())["largest_difference"] == 0
    weights, expected = (
        load_checkpoint(directory, BertForSequenceClassification).state_dict()
        for directory in (tmp_path / "archive", run)
    )
    assert all(weights[name].equal(weight) for name, weight in expected.items())
