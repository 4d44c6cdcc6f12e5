"""Filling in blanks, from Python and from the command line."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.commands.fill_mask import fill_mask
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f"]
CONFIG = BertConfig(len(VOCABULARY) + 2, 6, 2, 2, 5, max_position_embeddings=9)  # two rows of padding in the table


@pytest.fixture
def tokenizer():
    return WordPieceTokenizer(VOCABULARY)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForPreTraining(CONFIG)


def test_each_blank_gets_the_most_probable_pieces_in_order(model, tokenizer):
    with torch.no_grad():
        model.masked_language_model.bias[VOCABULARY.index("d")] = 9
        model.masked_language_model.bias[VOCABULARY.index("f")] = 8
        model.masked_language_model.bias[VOCABULARY.index("[SEP]")] = 10
        model.masked_language_model.bias[-1] = 20
    blanks = fill_mask(model, tokenizer, "a [MASK] b [MASK]", top=3)
    assert len(blanks) == 2
    for fillings in blanks:
        assert [filling.piece for filling in fillings][:2] == ["d", "f"]
        assert fillings[0].probability > fillings[1].probability > fillings[2].probability


def test_probabilities_are_the_models(model, tokenizer):
    encoding = tokenizer("a [MASK] b")
    logits = model.eval()(torch.tensor([encoding.input_ids])).prediction_logits[0, 2]
    expected = logits.softmax(-1)
    for filling in fill_mask(model, tokenizer, "a [MASK] b")[0]:
        assert filling.probability == pytest.approx(expected[VOCABULARY.index(filling.piece)].item(), rel=1e-4)


def test_a_text_without_a_blank_or_too_long_is_refused(model, tokenizer):
    with pytest.raises(InputError, match=r"\[MASK\]"):
        fill_mask(model, tokenizer, "a b")
    with pytest.raises(InputError, match="12 tokens long, and this model reads 9"):
        fill_mask(model, tokenizer, "a " * 9 + "[MASK]")


def test_the_command_prints_five_fillings_a_blank(model, tokenizer, tmp_path, capsys):
    save_checkpoint(tmp_path, model, tokenizer)
    assert main(["fill-mask", str(tmp_path), "a [MASK] b [MASK]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0] == "[MASK] 1:"
    assert all("%" in line for line in lines[1:6])


def test_the_command_says_what_is_wrong_in_one_sentence(model, tokenizer, tmp_path, capsys):
    def error(*arguments):
        assert main(["fill-mask", *map(str, arguments)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "no such directory" in error(tmp_path / "nowhere", "[MASK]")
    save_checkpoint(tmp_path / "run", model, tokenizer)
    assert "no blank" in error(tmp_path / "run", "a b")
    save_checkpoint(tmp_path / "encoder", BertModel(CONFIG), tokenizer)
    assert "missing: masked_language_model" in error(tmp_path / "encoder", "[MASK]")
    (tmp_path / "run" / "tokenizer.json").unlink()  # which counts before vocab.txt
    with open(tmp_path / "run" / "vocab.txt", "a") as file:
        file.write("g\nh\ni\n")
    assert "vocabulary has 14 pieces" in error(tmp_path / "run", "[MASK]")


def test_blanks_are_filled_without_a_pooler_and_next_sentence_prediction(model, tokenizer, tmp_path, capsys):
    save_checkpoint(tmp_path, model, tokenizer)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "pooler" not in name and "seq_relationship" not in name}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors")
    assert main(["fill-mask", str(tmp_path), "a [MASK]"]) == 0
    assert "[MASK] 1:" in capsys.readouterr().out


@pytest.mark.parametrize("started_as, shown", [("bin/bert", "bert"), ("bert/__main__.py", "python -m bert")])
def test_the_help_shows_the_name_that_the_command_was_started_with(monkeypatch, capsys, tmp_path, started_as, shown):
    monkeypatch.chdir(tmp_path)  # where there is no such directory
    monkeypatch.setattr("sys.argv", [started_as])
    with pytest.raises(SystemExit):
        main(["tokenize", "--help"])
    assert capsys.readouterr().out.startswith(f"usage: {shown} tokenize ")
    assert main(["tokenize", "nowhere", "text"]) == 2
    assert capsys.readouterr().err.startswith(f"{shown} tokenize: error: nowhere: ")


def test_scores_that_are_no_numbers_are_refused(model, tokenizer, tmp_path, capsys):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e38)  # finite, and so a valid checkpoint
    save_checkpoint(tmp_path, model, tokenizer)
    assert main(["fill-mask", str(tmp_path), "a [MASK]"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "the model's scores are not finite numbers" in err


def test_a_piece_does_not_steer_the_terminal(model, tmp_path, capsys):
    pieces = [*VOCABULARY[:5], *(f"{name}\x1b[31m\x9b" for name in "abcdef")]
    save_checkpoint(tmp_path, model, WordPieceTokenizer(pieces))
    assert main(["fill-mask", str(tmp_path), "a [MASK]"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[31m\\x9b" in out
    assert out.replace("\n", "").isprintable()
    (tmp_path / "config.json").write_text('{"hidden_act": "a\\u001b\\n\\u2028b"}')
    assert main(["fill-mask", str(tmp_path), "a [MASK]"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.removesuffix("\n").isprintable()
