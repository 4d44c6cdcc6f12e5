"""bert generate: an output in each line, for the source in the same line."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from bert.__main__ import main
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.commands import generate as command
from bert.commands.generate import generate_file
from bert.commands.predict import kind_of_run, predict_file
from bert.commands.writing import FLAGS
from bert.generation.constraints import SpecialPieces
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from bert.generation.model import BertForConditionalGeneration
from bert.heads.classification import BertForSequenceClassification
from bert.tasks import prediction
from bert.tasks.kinds import KINDS
from tests.bert.commands.writers import SOURCE, TARGET, save_run, small_model
from tests.bert.generation.models import CONFIG, ENCODER

LINES = ["a b c", "", "d", "e f g h a b", "  ", "b", "h g", "c c c c"]
MODEL = small_model()
SAMPLED = {"sample": True, "top_p": 0.9, "seed": 5}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def file(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{line}\n" for line in LINES))
    return str(tmp_path / "a.txt")


def generated(run, path, **given) -> list[str]:
    generate_file(run, path, output := io.BytesIO(), given)
    lines = output.getvalue().decode().split("\n")
    assert lines.pop() == ""
    return lines


def expected(line: str, **settings) -> str:
    """The output by the model alone, without padding or a batch."""
    ids = torch.tensor([SOURCE(line).input_ids])
    pieces = SpecialPieces.of(TARGET)
    decoding = Decoding(max_length=12, no_repeat_ngram=2, **settings)
    (output,) = generate(MODEL, ids, torch.ones_like(ids), pieces, decoding)
    return TARGET.decode(output.ids)


def error_of(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error
    return error


def test_each_line_has_its_output_and_a_blank_one_none(run, file):
    outputs = generated(run, file)
    assert outputs == [expected(line, beams=3) if line.strip() else "" for line in LINES]
    assert len(set(outputs)) == 4 and set("".join(outputs)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")


def test_flags_go_before_the_runs_settings(run, file):
    assert generated(run, file, beams=1)[0] == expected(LINES[0])
    assert generated(run, file, length_penalty=2.0)[3] == expected(LINES[3], beams=3, length_penalty=2.0)
    assert generated(run, file, no_repeat_ngram=0)[0] == "B B B B B B B B B B B B"
    assert all(len(line.split()) == 3 for line in generated(run, file, min_output=3, max_output=3) if line)
    assert generated(run, file, max_length=3)[3] == expected("e", beams=3) != expected(LINES[3], beams=3)
    assert generated(run, file, max_length=3, long_texts="tail")[3] == expected("b", beams=3)


@pytest.mark.parametrize("given", [{}, SAMPLED], ids=["beams", "sampled"])
def test_a_line_has_the_same_output_in_any_chunk_and_any_batch(run, file, given, monkeypatch):
    whole = generated(run, file, **given)
    monkeypatch.setattr(command, "EXAMPLES_AT_A_TIME", 3)
    assert generated(run, file, **given) == whole
    monkeypatch.setattr(prediction, "CACHE", 1)  # batches of one
    monkeypatch.setattr("bert.tasks.generation.predict.tokens_at_once", prediction.tokens_at_once)
    assert generated(run, file, **given) == whole


def test_a_seed_names_the_outputs(run, file):
    assert generated(run, file, **SAMPLED) != generated(run, file, **SAMPLED | {"seed": 6})


@pytest.mark.parametrize("saved", [{"beams": 3}, SAMPLED], ids=["beams", "sampled"])
def test_predict_writes_the_same_beside_the_sources(tmp_path, file, saved, monkeypatch):
    run = save_run(tmp_path / "run", decoding={"max_length": 12, "no_repeat_ngram": 2, **saved})
    outputs = generated(run, file)
    monkeypatch.setattr(prediction, "EXAMPLES_AT_A_TIME", 3)
    predict_file(run, file, table := io.BytesIO(), {})
    header, *rows = [line.split("\t") for line in table.getvalue().decode().splitlines()]
    assert header == ["prediction", "log_probability", "source"]
    assert [row[0] for row in rows] == outputs and [row[2] for row in rows] == [line.strip() for line in LINES]
    predict_file(run, file, table := io.BytesIO(), {"text": False, "max_length": 3})
    assert [line.split("\t")[0] for line in table.getvalue().decode().splitlines()[1:]] == generated(
        run, file, max_length=3
    )


@pytest.mark.parametrize(
    "flags",
    [["--beams", "1"], ["--length-penalty", "2", "--max-output", "5"], ["--min-output", "3", "--no-repeat-ngram", "0"],
     ["--sample", "--temperature", "2", "--top-p", "0.9", "--seed", "5"], ["--no-sample"]],
)  # fmt: skip
def test_predict_has_the_flags_of_decoding(run, file, capsys, flags):
    assert main(["generate", run, file, *flags]) == 0
    outputs = capsys.readouterr().out.splitlines()
    assert main(["predict", run, file, *flags]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == outputs


def test_predict_refuses_them_if_they_contradict_or_nothing_is_written(run, file, tmp_path, capsys):
    assert "--top-p is 0.5, but nothing is drawn" in error_of(capsys, "predict", run, file, "--top-p", "0.5")
    assert "--max-output is 29, but the decoder has 29" in error_of(capsys, "predict", run, file, "--max-output", "29")
    save_checkpoint(tmp_path / "classes", BertForSequenceClassification(ENCODER, labels=["A", "B"]), SOURCE)
    for name in sorted(FLAGS.values()):
        flag = [f"--{name.replace('_', '-')}", *(["1"] if name != "sample" else [])]
        error = error_of(capsys, "predict", str(tmp_path / "classes"), file, *flag)
        assert f"{flag[0]}: it would change nothing for the model in" in error


def test_tables_and_dialogues_are_read_as_in_training(run, tmp_path):
    texts = [line for line in LINES if line.strip()]
    (tmp_path / "a.tsv").write_text("n\tx\n" + "".join(f"1\t{line}\n" for line in texts))
    outputs = [expected(line, beams=3) for line in texts]
    assert generated(run, tmp_path / "a.tsv", text_column="x") == outputs
    assert generated(run, tmp_path / "a.tsv", text_column="2", header=False)[1:] == outputs
    (tmp_path / "a.jsonl").write_text(json.dumps(["z", "a", "b c", "d"]) + "\n")
    assert generated(run, tmp_path / "a.jsonl") == [expected("a [SEP] b c [SEP] d", beams=3)]


def test_white_space_in_an_output_is_a_space(run, file, monkeypatch):
    monkeypatch.setattr(type(TARGET), "decode", lambda self, ids: "one\ntwo\u2028 three\r")
    assert set(generated(run, file)) == {"one two three", ""}


def test_sources_that_were_cut_are_counted_once(run, file):
    with pytest.warns(UserWarning, match=r"^1 of the 8 sources are longer than 7 tokens and were cut; see --max"):
        generated(run, file, max_length=7)


def test_texts_of_the_command_line_are_printed(run, capsys):
    assert main(["generate", run, "--text", LINES[0], "--text", "d", "--text", ""]) == 0
    assert capsys.readouterr().out.split("\n") == [expected(LINES[0], beams=3), expected("d", beams=3), "", ""]


def test_pytorchs_compiler_is_not_loaded_to_write(run):
    program = f"""
import sys
from bert.__main__ import main
assert main(["generate", {run!r}, "--text", "a b", "--device", "cpu"]) == 0
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0


def test_a_file_is_written_as_a_whole_or_not_at_all(run, file, tmp_path, capsys, monkeypatch):
    output = tmp_path / "out.txt"
    assert main(["generate", run, file, "-o", str(output)]) == 0
    whole = output.read_text()
    assert whole.splitlines() == generated(run, file) and capsys.readouterr().out == ""
    with open(file, "ab") as more:
        more.write(b"\xff\n")
    monkeypatch.setattr(command, "EXAMPLES_AT_A_TIME", 3)
    assert "line 9, byte 0 of the line: 0xff is not UTF-8" in error_of(capsys, "generate", run, file, "-o", str(output))
    assert output.read_text() == whole and {path.name for path in tmp_path.iterdir()} == {"a.txt", "out.txt"}
    assert "which would be lost" in error_of(capsys, "generate", run, file, "-o", file)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--beams", "2", "--sample"], "--sample is on and --beams is 2, but a random output has no beams"),
        (["--top-p", "0.5"], "--top-p is 0.5, but nothing is drawn at random"),
        (["--seed", "5"], "--seed is 5, but nothing"),
        (["--sample", "--length-penalty", "1"], "--length-penalty is 1.0, but one beam"),
        (["--sample", "--top-p", "1.5"], "--top-p is 1.5; a share of the probability"),
        (["--sample", "--temperature", "0"], "--temperature is 0.0; a positive number"),
        (["--beams", "1", "--length-penalty", "1"], "--length-penalty is 1.0, but one beam"),
        (["--min-output", "20"], "--min-output is 20 and --max-output 12; the minimum must not be larger"),
        (["--max-output", "29"], "--max-output is 29, but the decoder has 29 positions, one of them for"),
        (["--max-length", "24"], "--max-length 24: the model in .* reads at most 23 tokens"),
        (["--text-column", "2"], "--text-column is about the columns of a table, and .* is no table; leave it out"),
        (["--no-header"], "--header is about the columns"),
        (["--text", "a"], "of a file of sources and --text both is given"),
    ],
)  # fmt: skip
def test_flags_that_contradict_or_change_nothing_are_one_sentence(run, file, capsys, flags, message):
    assert re.search(message, error_of(capsys, "generate", run, file, *flags))


def test_sources_must_come_from_somewhere(run, tmp_path, capsys):
    assert "--text neither is given; give one of the two" in error_of(capsys, "generate", run)
    assert "--header is about the columns of a table, and --text gives texts" in error_of(
        capsys, "generate", run, "--text", "a", "--header"
    )
    (tmp_path / "a.txt").write_text("")
    for command_ in ("generate", "predict"):
        assert "a.txt: holds no sources" in error_of(capsys, command_, run, str(tmp_path / "a.txt"))
        assert "no such file" in error_of(capsys, command_, run, str(tmp_path / "b.txt"))


def test_a_run_without_a_decoder_is_named(tmp_path, capsys):
    save_checkpoint(tmp_path / "run", BertForSequenceClassification(ENCODER, labels=["A", "B"]), SOURCE)
    for arguments in (["generate", "RUN", "--text", "a"], ["chat", "RUN"]):
        error = error_of(capsys, *[str(tmp_path / "run") if word == "RUN" else word for word in arguments])
        assert "its model has no decoder that writes; name a run of train_finetune.py --problem generation" in error
    assert "no such directory" in error_of(capsys, "generate", str(tmp_path / "none"), "--text", "a")


def test_a_vocabulary_of_another_model_is_named(tmp_path, file, capsys):
    run = save_run(tmp_path / "run")
    (tmp_path / "run" / "tokenizer.json").unlink()  # which counts before vocab.txt
    (tmp_path / "run/vocab.txt").write_text("\n".join([*SOURCE.vocabulary, *map(str, range(9))]))
    for arguments in (["generate", run, file], ["predict", run, file], ["chat", run], ["embed", run, file, "a.npy"]):
        assert "run: the vocabulary has 41 pieces, but the model has embeddings for 37" in error_of(capsys, *arguments)


# ---- the other commands ----


def test_the_kind_of_such_a_run_is_generation(run):
    assert kind_of_run(run) is KINDS["generation"]


def test_flags_about_columns_are_refused_of_a_plain_file(run, file, capsys):
    assert "--text-column: it would change nothing" in error_of(capsys, "predict", run, file, "--text-column", "x")
    assert "--long-texts windows: an output is written for one input" in error_of(
        capsys, "predict", run, file, "--long-texts", "windows", "--output", f"{file}.tsv"
    )


def test_embed_and_attention_show_the_encoder(run, file, tmp_path, capsys):
    assert main(["embed", run, file, str(tmp_path / "a.npy")]) == 0
    encoder = load_checkpoint(run, BertForConditionalGeneration).bert
    states = encoder(torch.tensor([SOURCE(LINES[0]).input_ids])).last_hidden_state
    np.testing.assert_allclose(np.load(tmp_path / "a.npy")[0], states[0].mean(dim=0).detach(), atol=1e-5)
    assert main(["attention", run, "a b", "-o", str(tmp_path / "a.png")]) == 0
    assert "layers x heads 2 x 5, tokens 4" in capsys.readouterr().out


def test_what_a_decoder_has_no_use_for_is_one_sentence(run, tmp_path, capsys):
    assert "holds no adapter" in error_of(capsys, "merge", run, str(tmp_path / "merged"))
    assert "weights missing: masked_language_model" in error_of(capsys, "fill-mask", run, "[MASK]")
    assert main(["tokenize", run, "a b"]) == 0


@pytest.mark.peers
def test_a_directory_of_transformers_writes_what_transformers_does(tmp_path):
    transformers = pytest.importorskip("transformers")
    save_checkpoint(tmp_path / "ours", small_model(), SOURCE)
    theirs = transformers.EncoderDecoderModel.from_pretrained(tmp_path / "ours").eval()
    theirs.save_pretrained(tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.txt").write_text("\n".join(SOURCE.vocabulary))
    (tmp_path / "theirs" / "target").mkdir()
    (tmp_path / "theirs" / "target" / "vocab.txt").write_text("\n".join(TARGET.vocabulary))
    (tmp_path / "theirs" / "target" / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    lines = LINES[0], LINES[5]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    outputs = generated(tmp_path / "theirs", tmp_path / "a.txt", beams=1, max_output=12, no_repeat_ngram=2)
    for line, output in zip(lines, outputs, strict=True):
        found = theirs.generate(
            torch.tensor([SOURCE(line).input_ids]), max_length=14, num_beams=1, do_sample=False,
            no_repeat_ngram_size=2, suppress_tokens=[0, 1, 2, 4], forced_eos_token_id=CONFIG.end_id,
        )  # fmt: skip
        assert output == TARGET.decode(found[0].tolist())
    assert len(set(outputs)) == 2
