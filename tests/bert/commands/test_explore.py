"""bert explore: the page holds the run's model, and what cannot become a page is refused in a sentence."""

import json
import re

import pytest
from safetensors.torch import load_file, save_file

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.commands.explore import EXAMPLES, example
from bert.explore.quantize import OF_A_REPLAY
from bert.explore.replay import curves, kept_checkpoints
from bert.explore.weights import pack_weights
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.runs import CONFIG, STEPS, VOCABULARY, random_model, write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def read(page):
    """The data of a page, and the packed weights of each checkpoint."""
    text = page.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(data), re.findall(r'<script type="text/plain" id="weights-\d+">(.*?)</script>', text)


def test_the_page_holds_the_model_with_its_heads_and_the_texts(run, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["explore", str(run), "-o", str(page), "--text", "a cat", "--second", "a dog"]) == 0
    size = f"{page.stat().st_size / 1e6:.1f}"
    assert capsys.readouterr().out == f"{page}: {size} megabytes, checkpoints 1; open it in a browser\n"
    data, weights = read(page)
    assert (data["name"], data["texts"], data["steps"]) == ("run", ["a cat", "a dog"], [])
    assert [head["kind"] for head in data["heads"]] == ["masked_lm", "next_sentence"]
    assert weights == [pack_weights(random_model(len(STEPS)).state_dict()).content]


def test_a_shorter_page_has_fewer_positions(run, tmp_path):
    page = tmp_path / "page.html"
    assert main(["explore", str(run), "-o", str(page), "--max-length", "7"]) == 0
    data, _ = read(page)
    assert data["max_length"] == dict(data["tensors"])["bert.embeddings.position_embeddings.weight"][0] == 7
    assert main(["explore", str(run), "-o", str(page), "--overwrite"]) == 0
    assert read(page)[0]["max_length"] == CONFIG.max_position_embeddings  # fewer than the default


def test_a_replay_has_each_kept_checkpoint_once_and_the_curve(run, tmp_path):
    page = tmp_path / "page.html"
    assert main(["explore", str(run), "--replay", "-o", str(page)]) == 0
    data, weights = read(page)
    assert data["steps"] == list(STEPS)
    expected = [pack_weights(random_model(seed).state_dict(), OF_A_REPLAY).content for seed in (1, 2)]
    assert weights == [*expected, pack_weights(random_model(3).state_dict()).content]
    assert data["curves"]["heldout_masked_lm_loss"] == [[5, pytest.approx(4.1)], [10, pytest.approx(3.1)]]


def test_the_runs_own_model_ends_the_replay_if_it_was_not_kept(tmp_path):
    run = write_run(tmp_path / "run", kept=(0, 3))
    assert [(each.step, each.directory.name) for each in kept_checkpoints(run)] == [
        (0, "step-0"), (3, "step-3"), (10, "run"),
    ]  # fmt: skip
    (run / "checkpoints/step-20").mkdir()  # begun, and not whole
    assert len(kept_checkpoints(run)) == 3


def test_a_long_log_is_thinned_to_means(tmp_path):
    lines = [{"step": step, "masked_lm_loss": float(step)} for step in range(1, 10_001)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 10_')
    points = curves(tmp_path)["masked_lm_loss"]
    assert len(points) == 400
    assert points[-1] == (10_000, sum(range(9_976, 10_001)) / 25)


def test_the_example_is_in_the_vocabularys_language():
    assert example(WordPieceTokenizer([*SPECIAL_TOKENS, *EXAMPLES[1][0]])) == EXAMPLES[1]
    assert example(WordPieceTokenizer(VOCABULARY)) == EXAMPLES[0]


def test_without_next_sentence_prediction_the_page_has_one_head(run, tmp_path):
    (run / "arguments.json").write_text('{"nsp": false}')
    assert main(["explore", str(run), "-o", str(tmp_path / "a.html")]) == 0
    (run / "arguments.json").unlink()
    weights = load_file(run / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "pooler" not in name and "seq_relationship" not in name}
    save_file(kept, run / "model.safetensors")
    assert main(["explore", str(run), "-o", str(tmp_path / "b.html")]) == 0
    for name in ("a.html", "b.html"):
        data, _ = read(tmp_path / name)
        assert [head["kind"] for head in data["heads"]] == ["masked_lm"]
        assert not any("pooler" in name or "next_sentence" in name for name, _ in data["tensors"])


def test_what_cannot_become_a_page_is_refused_in_a_sentence_and_nothing_is_written(run, tmp_path, capsys):
    output = tmp_path / "out" / "page.html"

    def error(*arguments) -> str:
        assert main(["explore", *map(str, arguments), "-o", str(output)]) == 2
        assert not output.exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "no such directory" in error(tmp_path / "nowhere")
    assert "--max-length is 4" in error(run, "--max-length", 4)
    assert re.search(
        r"the page would have 0\.\d megabytes, and --max-megabytes allows 0\.01", error(run, "--max-megabytes", 0.01)
    )
    tokenizer = WordPieceTokenizer(VOCABULARY)
    save_checkpoint(tmp_path / "encoder", random_model().bert, tokenizer)
    assert "has no head of masked language modelling" in error(tmp_path / "encoder")
    assert "holds no kept checkpoints" in error(write_run(tmp_path / "plain", kept=()), "--replay")
    save_checkpoint(run / "checkpoints/step-3", random_model(num_hidden_layers=1))
    assert "step-3: holds a model of another shape" in error(run, "--replay")
    (run / "tokenizer.json").unlink()  # which counts before vocab.txt
    (run / "vocab.txt").write_text("\n".join([*VOCABULARY, "x1", "x2", "x3"]))
    assert "they do not belong together" in error(run)


def test_a_sentencepiece_vocabulary_is_refused(tmp_path, capsys):
    tokenizer = SentencePieceTokenizer(train_sentencepiece(["a cat sat on the mat"] * 20, 17))
    save_checkpoint(tmp_path / "run", random_model(vocab_size=60), tokenizer)
    assert main(["explore", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 2
    assert "its vocabulary is a SentencePiece model" in capsys.readouterr().err


def test_a_page_that_is_there_is_kept_unless_it_may_be_replaced(run, tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text("mine")
    assert main(["explore", str(run), "-o", str(page)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert page.read_text() == "mine"
    assert main(["explore", str(run), "-o", str(page), "--overwrite"]) == 0
    assert page.read_text()[:4] != "mine"
