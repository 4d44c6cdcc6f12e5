"""The commands on adapted runs: they do what they do on the model that the adapter and its body make."""

import io

import numpy as np
import pytest
import torch

from bert.__main__ import main
from bert.adaptation.adalora import AdaLora
from bert.adaptation.bitfit import BitFit, HeadAlone
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.loading import load_model
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.commands.embed import embed_file
from bert.commands.fill_mask import fill_mask, print_fillings
from bert.commands.merge import merge_run
from bert.commands.predict import predict_file
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from tests.bert.adaptation.runs import TEXTS, TOKENIZER, write_body, write_run, write_texts

MERGED = {"lora": Lora(3, targets=ALL), "adalora": AdaLora(4, 2), "ia3": IA3(), "bitfit": BitFit(), "head": HeadAlone()}
KEPT = {"houlsby": Houlsby(4), "pfeiffer": Pfeiffer(4), "prefix": Prefix(5)}


@pytest.fixture
def body(tmp_path):
    return write_body(tmp_path / "body")


@pytest.fixture
def texts(tmp_path):
    return write_texts(tmp_path / "texts.txt")


def predicted(run, texts):
    predict_file(run, texts, output := io.BytesIO(), {})
    return output.getvalue().decode()


def numbers_of(table):
    return np.array([row.split("\t")[1:-1] for row in table.splitlines()[1:]], float)


def refusal(capsys, *arguments):
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("name", [*MERGED, *KEPT])
def test_predictions_of_a_run_are_those_of_its_model(name, body, texts, tmp_path):
    run = write_run(tmp_path / "run", body, (MERGED | KEPT)[name])
    model = load_model(run, BertForSequenceClassification)
    rows = [row.split("\t") for row in predicted(run, texts).splitlines()][1:]
    for text, (label, *_, shown) in zip(TEXTS, rows, strict=True):
        encoding = TOKENIZER(text)
        best = model(torch.tensor([encoding.input_ids])).logits.argmax()
        assert (shown, label) == (text, model.labels[best])


@pytest.mark.parametrize("name", MERGED)
def test_a_merged_model_predicts_as_the_adapter_and_its_body_do(name, body, texts, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, MERGED[name])
    assert main(["merge", str(run), str(tmp_path / "merged")]) == 0
    assert capsys.readouterr().out.endswith(f"the parameters of {name} in its weights\n")
    files = {path.name for path in (tmp_path / "merged").iterdir()}
    tokenizer = {"tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "vocab.txt"}
    assert files == {"config.json", "model.safetensors", "task.json", "README.md"} | tokenizer
    before, after = predicted(run, texts), predicted(tmp_path / "merged", texts)
    assert [row.split("\t")[0] for row in after.splitlines()] == [row.split("\t")[0] for row in before.splitlines()]
    np.testing.assert_allclose(numbers_of(after), numbers_of(before), atol=2e-6)  # printed with six digits
    adapted, merged = (
        load(directory, BertForSequenceClassification)
        for load, directory in ((load_model, run), (load_checkpoint, tmp_path / "merged"))
    )
    inputs = torch.tensor([TOKENIZER(TEXTS[1]).input_ids])
    logits = adapted(inputs).logits
    torch.testing.assert_close(merged(inputs).logits, logits, atol=3e-6, rtol=1e-6)  # of weights that are scaled up
    plain = load_checkpoint(body, BertForSequenceClassification, ["classifier"], labels=adapted.labels)
    plain.classifier = adapted.classifier
    assert plain(inputs).logits.allclose(logits, atol=1e-3) == (name == "head")  # or nothing was merged at all


def test_a_merged_model_reads_the_mean_if_its_adapter_did(body, texts, tmp_path):
    run = write_run(tmp_path / "run", body, Lora(3), pool="mean")
    merge_run(run, tmp_path / "merged")
    np.testing.assert_allclose(
        numbers_of(predicted(tmp_path / "merged", texts)), numbers_of(predicted(run, texts)), atol=2e-6
    )


@pytest.mark.peers
def test_transformers_loads_a_merged_model(body, tmp_path):
    transformers = pytest.importorskip("transformers")
    run = write_run(tmp_path / "run", body, MERGED["adalora"])
    assert main(["merge", str(run), str(tmp_path / "merged")]) == 0
    theirs = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    inputs = torch.tensor([TOKENIZER(TEXTS[1]).input_ids])
    ours = load_model(run, BertForSequenceClassification)(inputs).logits
    torch.testing.assert_close(theirs(inputs).logits, ours, atol=1e-5, rtol=1e-5)
    assert list(theirs.config.id2label.values()) == ["bad", "fair", "good"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer(TEXTS[1])["input_ids"] == TOKENIZER(TEXTS[1]).input_ids


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_merged_is_one_sentence_and_nothing_is_written(name, body, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, KEPT[name])
    assert f"an adapter of {name} cannot be merged" in refusal(capsys, "merge", run, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_merging_takes_no_directory_that_holds_something(body, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, Lora(3))
    assert "is there already" in refusal(capsys, "merge", run, run)
    assert "is there already" in refusal(capsys, "merge", run, run / "vocab.txt")
    (tmp_path / "empty").mkdir()
    assert main(["merge", str(run), str(tmp_path / "empty")]) == 0
    assert "holds no adapter" in refusal(capsys, "merge", tmp_path / "empty", tmp_path / "again")
    assert "there is no such directory" in refusal(capsys, "merge", tmp_path / "nowhere", tmp_path / "again")


def test_merging_that_fails_leaves_nothing_so_it_can_be_tried_again(body, tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "run", body, Lora(3))
    (tmp_path / "empty").mkdir()

    def failing(directory, *rest):
        (directory / "model.safetensors").write_bytes(b"half")
        raise InputError("the disk is full")

    for output in (tmp_path / "merged", tmp_path / "empty"):
        with monkeypatch.context() as patched:
            patched.setattr("bert.commands.merge.save_checkpoint", failing)
            assert "the disk is full" in refusal(capsys, "merge", run, output)
        assert not output.exists() or not list(output.iterdir())
        assert main(["merge", str(run), str(output)]) == 0
        assert (output / "task.json").exists()
    assert (tmp_path / "empty").is_dir()


def test_a_body_that_moved_is_named(body, texts, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, Lora(3))
    expected = predicted(run, texts)
    body.rename(tmp_path / "moved")
    assert f"python -m bert predict BODY FILE --adapter {run}" in refusal(capsys, "predict", run, texts)
    assert main(["predict", str(tmp_path / "moved"), str(texts), "--adapter", str(run)]) == 0
    assert capsys.readouterr().out == expected
    assert main(["merge", str(run), str(tmp_path / "merged"), "--body", str(tmp_path / "moved")]) == 0
    assert "was trained on another body" in refusal(
        capsys, "predict", write_body(tmp_path / "other", seed=12), texts, "--adapter", run
    )


@pytest.mark.parametrize("name", [*MERGED, *KEPT])
def test_a_directory_of_sentence_transformers_has_the_adapter_in_its_weights(name, body, texts, tmp_path, capsys):
    run = write_run(tmp_path / "run", body, (MERGED | KEPT)[name])
    if name in KEPT:
        assert f"an adapter of {name} cannot be merged" in refusal(capsys, "embed", run, "--export", tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    arguments = ["embed", run, texts, tmp_path / "vectors.npy", "--export", tmp_path / "out"]
    assert main(list(map(str, arguments))) == 0
    embed_file(tmp_path / "out", texts, tmp_path / "exported.npy", {}, None, [-1])
    np.testing.assert_allclose(
        np.load(tmp_path / "exported.npy"), np.load(tmp_path / "vectors.npy"), rtol=1e-4, atol=1e-5
    )


# ---- several adapters on one body ----


def test_each_adapter_of_several_has_a_file_with_what_it_predicts_alone(body, texts, tmp_path, capsys):
    runs = [write_run(tmp_path / f"run-{name}", body, method) for name, method in (MERGED | KEPT).items()]
    runs.append(write_run(tmp_path / "means", body, Lora(2), pool="mean"))
    runs.append(write_run(tmp_path / "tagger.v1", body, Lora(3), BertForTokenClassification, columns=None))
    arguments = ["predict", body, texts, "--adapter", *runs, "--output", tmp_path / "out" / "put"]
    assert main(list(map(str, arguments))) == 0
    files = [tmp_path / "out" / "put" / f"{run.name}.tsv" for run in runs]
    assert capsys.readouterr().out.splitlines() == list(map(str, files))
    assert sorted((tmp_path / "out" / "put").iterdir()) == sorted(files)
    for run, file in zip(runs, files):
        assert file.read_text() == predicted(run, texts)
    assert len({file.read_text() for file in files}) == len(files)


def test_adapters_of_several_share_a_body_without_a_pooler(texts, tmp_path):
    config = load_checkpoint(write_body(tmp_path / "with"), BertForTokenClassification, ["classifier"]).config
    tagger = BertForTokenClassification(config)
    save_checkpoint(tmp_path / "body", tagger, TOKENIZER)
    runs = [
        write_run(tmp_path / name, tmp_path / "body", Lora(rank), BertForTokenClassification, columns=None)
        for name, rank in (("one", 2), ("two", 3))
    ]
    arguments = ["predict", tmp_path / "body", texts, "--adapter", *runs, "--output", tmp_path / "out"]
    assert main(list(map(str, arguments))) == 0
    assert (tmp_path / "out" / "two.tsv").read_text() == predicted(runs[1], texts)


def test_if_one_adapter_of_several_does_not_fit_none_is_written(body, texts, tmp_path, capsys):
    one, two = (write_run(tmp_path / name, body, Lora(3)) for name in ("one", "two"))
    stranger = write_run(tmp_path / "stranger", write_body(tmp_path / "other", seed=12), Lora(3))
    pairs = write_run(tmp_path / "pairs", body, Lora(3), columns={"text": "a", "text_pair": "b"})
    out, twin = tmp_path / "out", write_run(tmp_path / "deeper" / "one", body, Lora(3))
    for others, sentence in (
        ([two, stranger], "was trained on another body"),
        ([two, pairs], "was trained on pairs"),
        ([twin], "another one writes"),
        ([body], "holds no adapter_config.json"),
    ):
        assert sentence in refusal(capsys, "predict", body, texts, "--adapter", one, *others, "--output", out)
        assert not out.exists() or not list(out.iterdir())
    assert "name their folder" in refusal(capsys, "predict", body, texts, "--adapter", one, two)
    (tmp_path / "one.tsv").write_text("text\na bird\n")
    assert "would be lost" in refusal(
        capsys, "predict", body, tmp_path / "one.tsv", "--adapter", one, two, "--output", tmp_path
    )


# ---- the other commands ----


@pytest.mark.parametrize("method", [Lora(3), Houlsby(4), Prefix(5)], ids=lambda each: each.name)
def test_embeddings_are_of_the_adapted_body(method, body, texts, tmp_path):
    run = write_run(tmp_path / "run", body, method)
    assert embed_file(run, texts, tmp_path / "run.npy", {}, "mean", [-1]) == (3, 22)
    model = load_model(run, BertForSequenceClassification)
    states = model.bert(torch.tensor([TOKENIZER(TEXTS[0]).input_ids])).last_hidden_state
    vectors = np.load(tmp_path / "run.npy")
    np.testing.assert_allclose(vectors[0], states[0].mean(dim=0).detach().numpy(), atol=1e-5)
    embed_file(body, texts, tmp_path / "body.npy", {}, "mean", [-1])
    assert not np.allclose(vectors, np.load(tmp_path / "body.npy"), atol=1e-2)


def test_an_adapted_run_has_a_tokenizer_and_attention(body, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    run = write_run(tmp_path / "run", body, Prefix(5))
    assert main(["tokenize", str(run), "the river"]) == 0
    assert "river" in capsys.readouterr().out
    assert main(["attention", str(run), "the river", "-o", str(tmp_path / "attention.png")]) == 0
    assert "layers x heads 2 x 2, tokens 4" in capsys.readouterr().out


def test_blanks_are_filled_by_an_adapted_run_of_cloze_questions_alone(body, tmp_path, capsys):
    text = "the [MASK] river"
    run = write_run(tmp_path / "cloze", body, Lora(3), BertForCloze)
    print_fillings(str(run), text)
    adapted = capsys.readouterr().out
    plain = load_checkpoint(body, BertForPreTraining)
    cloze = load_model(run, BertForCloze)
    plain.bert.encoder, plain.masked_language_model = cloze.bert.encoder, cloze.masked_language_model
    best = fill_mask(plain, TOKENIZER, text)[0][0]
    assert adapted.splitlines()[1] == f"  {best.probability:6.1%}  {best.piece}"
    print_fillings(str(body), text)
    assert capsys.readouterr().out != adapted
    other = write_run(tmp_path / "other", body, Lora(3))
    assert "without the head of masked language modelling" in refusal(capsys, "fill-mask", other, text)
