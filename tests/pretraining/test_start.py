"""Runs that go on from a checkpoint: what they take from it, what they begin newly, and when they need it."""

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import train_finetune
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from data.corpus.tokenized import open_corpus
from data.pretraining.batches import evaluation_batches
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.start import find_config, start_model
from tests.conftest import make_documents, weights_of
from tests.processes import interrupted, run_in_processes
from tests.test_train_pretrain import error_of, pretrain

SHORT_RUN = [
    "--max-steps", "4", "--batch-size", "8", "--max-length", "24", "--learning-rate", "1e-3", "--report-every", "2",
    "--eval-every", "100", "--checkpoint-every", "2", "--workers", "1", "--device", "cpu", "--precision", "fp32",
]  # fmt: skip
SENTENCES = [sentence for document in make_documents(60) for sentence in document]
HEADS = {"mlm": "masked_language_model", "nsp": "next_sentence", "pooler": "bert.pooler"}


def make_checkpoint(directory: Path, lacking: tuple[str, ...] = (), spare_rows: int = 0, **sizes) -> Path:
    """A model that nobody trained, its weights larger than initial ones, with a vocabulary of mostly letters."""
    tokenizer = WordPieceTokenizer(train_wordpiece(SENTENCES, 60))
    torch.manual_seed(7)
    model = BertForPreTraining(BertConfig(
        tokenizer.vocab_size + spare_rows, 12, 2, 3, 20, max_position_embeddings=32, initializer_range=0.3, **sizes,
    ))  # fmt: skip
    torch.nn.init.normal_(model.masked_language_model.bias)
    weights = {
        name: weight for name, weight in model.state_dict().items()
        if not name.startswith(tuple(HEADS[part] for part in lacking))
    }  # fmt: skip
    save_checkpoint(directory, model, tokenizer, weights)
    return directory


@pytest.fixture
def checkpoint(tmp_path):
    return make_checkpoint(tmp_path / "checkpoint")


def started(checkpoint: Path, *flags, seed: int = 0) -> BertForPreTraining:
    """The model of a new run, before its first update."""
    run = checkpoint.parent / "not-there"
    settings = read_settings(["--checkpoint", str(checkpoint), "--max-length", "24", *flags, "--output", str(run)])
    torch.manual_seed(seed)
    return start_model(settings, find_config(settings, run), load_tokenizer(checkpoint), run)


# ---- the model ----


def test_held_out_loss_before_the_first_update_is_the_checkpoints_own(corpus, checkpoint, tmp_path, capsys):
    run = tmp_path / "run"
    assert pretrain("--checkpoint", checkpoint, "--corpus", corpus, "--output", run, *SHORT_RUN) == 0
    lines = [line for line in read_log(run / "log.jsonl") if "heldout_masked_lm_loss" in line]
    assert [line["step"] for line in lines] == [0, 4]
    model, tokenizer = load_checkpoint(checkpoint, BertForPreTraining), load_tokenizer(checkpoint)
    batches = list(evaluation_batches(open_corpus(run / "shards"), tokenizer, 32, 24, max_examples=1_000))
    with torch.inference_mode():
        for name in ("masked_lm", "next_sentence"):
            losses = [model.losses(batch)[name] for batch in batches]
            mean = sum(float(loss.sum) for loss in losses) / sum(int(loss.count) for loss in losses)
            assert lines[0][f"heldout_{name}_loss"] == pytest.approx(mean, rel=1e-5)
            assert lines[1][f"heldout_{name}_loss"] != pytest.approx(mean, rel=1e-5)
    assert f"Model:  from {checkpoint}, 2 layers of 12, " in capsys.readouterr().out
    assert (run / "vocab.txt").read_bytes() == (checkpoint / "vocab.txt").read_bytes()


def test_every_weight_is_the_checkpoints(checkpoint):
    weights = load_checkpoint(checkpoint, BertForPreTraining).state_dict()
    model = started(checkpoint)
    assert all(weight.equal(weights[name]) for name, weight in model.state_dict().items())
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize(("flags", "dropout"), [
    ((), (0.25, 0.5)), (("--dropout", "0.125"), (0.125, 0.125)), (("--preset", "fast"), (0.25, 0.0)),
])  # fmt: skip
def test_dropout_is_the_checkpoints_own_unless_the_flags_say_otherwise(tmp_path, flags, dropout):
    sizes = {"hidden_dropout_prob": 0.25, "attention_probs_dropout_prob": 0.5}
    config = started(make_checkpoint(tmp_path / "checkpoint", **sizes), *flags).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == dropout


@pytest.mark.parametrize(("lacking", "flags", "remedy"), [
    (("mlm",), (), "no masked-language-model head, .*--fresh mlm$"),
    (("nsp",), (), r"no next-sentence head, .*--fresh nsp \(or .*--no-nsp\)$"),
    (("nsp", "pooler"), ("--fresh", "nsp"), "no pooler, .*--fresh nsp pooler "),
    (("mlm", "nsp", "pooler"), (), "no masked-language-model head and no next-sentence head and no pooler, .*"
                                   "--fresh mlm nsp pooler "),
    (("mlm", "nsp", "pooler"), ("--no-nsp",), "no masked-language-model head, .*--fresh mlm$"),
])  # fmt: skip
def test_a_part_that_is_missing_is_named_with_the_flag_that_begins_it_newly(tmp_path, lacking, flags, remedy):
    checkpoint = make_checkpoint(tmp_path / "checkpoint", lacking)
    with pytest.raises(InputError, match=remedy):
        started(checkpoint, *flags)
    begun = [part for part in lacking if part == "mlm" or "--no-nsp" not in flags]
    without = [flag for flag in flags if flag == "--no-nsp"]
    model = started(checkpoint, "--fresh", *begun, *without)
    weights = load_checkpoint(checkpoint, BertForPreTraining, HEADS.values()).state_dict()
    parts = tuple(HEADS[part] for part in lacking)
    assert all(weight.equal(weights[name]) for name, weight in model.state_dict().items() if not name.startswith(parts))
    assert model.next_sentence.classifier.weight.requires_grad == ("--no-nsp" not in flags)


def test_without_nsp_a_checkpoint_of_the_masked_language_model_alone_needs_no_flag(tmp_path):
    model = started(make_checkpoint(tmp_path / "checkpoint", ("nsp", "pooler")), "--no-nsp")
    assert not model.next_sentence.classifier.weight.requires_grad


@pytest.mark.parametrize("part", HEADS)
def test_a_part_that_is_there_begins_newly_if_it_is_named_and_the_others_do_not(checkpoint, part):
    weights = load_checkpoint(checkpoint, BertForPreTraining).state_dict()
    model, again, other = (started(checkpoint, "--fresh", part, seed=seed) for seed in (0, 0, 1))
    for name, weight in model.state_dict().items():
        as_ever = "layer_norm" in name or not weights[name].any()  # initial values that nobody drew
        assert weight.equal(weights[name]) == (as_ever or not name.startswith(HEADS[part])), name
        assert weight.equal(again.state_dict()[name])
    assert any(not weight.equal(other.state_dict()[name]) for name, weight in model.state_dict().items())
    assert not model.get_submodule(HEADS[part]).state_dict().get("bias", torch.zeros(1)).any()


def test_a_decoder_of_its_own_goes_on_unless_the_head_begins_newly(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    embeddings = weights["bert.embeddings.word_embeddings.weight"]
    save_file(weights | {"cls.predictions.decoder.weight": embeddings + 1}, checkpoint / "model.safetensors")
    model = started(checkpoint)
    assert model.masked_language_model.decoder.weight.equal(embeddings + 1)
    assert model.masked_language_model.decoder.weight.requires_grad
    new = started(checkpoint, "--fresh", "mlm")
    assert new.word_embeddings.equal(embeddings)
    assert new.masked_language_model.decoder is None and new.config.tie_word_embeddings


# ---- new pieces ----


@pytest.mark.parametrize(("spare_rows", "rows"), [(0, 20), (5, 20), (20, 20), (31, 31)])
def test_new_pieces_are_learned_from_the_training_documents_and_start_as_means(
    corpus, tmp_path, capsys, spare_rows, rows
):
    checkpoint, run = make_checkpoint(tmp_path / "checkpoint", spare_rows=spare_rows), tmp_path / "run"
    documents = corpus.read_text(encoding="utf-8").rstrip().split("\n\n")
    documents[2] += "\nstonegarden" * 500  # held out
    corpus.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    flags = ["--checkpoint", checkpoint, "--add-pieces", 20, "--corpus", corpus, "--output", run, *SHORT_RUN]
    assert pretrain(*flags, "--learning-rate", "1e-30") == 0  # so that the weights stay as they start
    before, after = load_tokenizer(checkpoint), load_tokenizer(run)
    assert after.vocabulary[:60] == before.vocabulary
    assert len(after.vocabulary) == 80
    assert not any("stonegarden" in piece for piece in after.vocabulary)
    assert sum(len(after.encode(text)) for text in documents) < 0.8 * sum(
        len(before.encode(text)) for text in documents
    )
    said = re.search(r"Added 20 pieces, such as (\S+), (\S+), (\S+)\.\n", printed := capsys.readouterr().out)
    assert said.groups() == tuple(after.vocabulary[60:63])
    with_them, without = re.search(
        r"held-out text takes ([\d.]+) pieces with them, and ([\d.]+) without", printed
    ).groups()
    assert 1 <= float(with_them) < float(without)

    old, new = (load_checkpoint(place, BertForPreTraining) for place in (checkpoint, run))
    assert new.config.vocab_size == 60 + rows
    assert new.word_embeddings[:60].equal(old.word_embeddings[:60])
    for row, piece in enumerate(after.vocabulary[60:], 60):
        ids = before.encode(piece.removeprefix("##"))
        if piece.startswith("##"):  # the rest of a word that begins with a letter of its own
            ids = next(ids[1:] for ids in (before.encode(letter + piece[2:]) for letter in "tabo")
                       if before.vocabulary[ids[0]] in "tabo")  # fmt: skip
        torch.testing.assert_close(new.word_embeddings[row], old.word_embeddings[ids].mean(0))
        torch.testing.assert_close(
            new.masked_language_model.bias[row], old.masked_language_model.bias[ids].mean(0), atol=1e-6, rtol=1e-6
        )


def test_fewer_pieces_than_asked_for_are_a_note(corpus, checkpoint, tmp_path, capsys):
    flags = ["--checkpoint", checkpoint, "--corpus", corpus, *SHORT_RUN]
    assert pretrain(*flags, "--add-pieces", 5_000, "--output", tmp_path / "run") == 0
    found = int(
        re.search(r"Note: the training documents give (\d+) pieces to add, not 5,000", capsys.readouterr().out)[1]
    )
    assert load_checkpoint(tmp_path / "run", BertForPreTraining).config.vocab_size == 60 + found
    capsys.readouterr()
    assert pretrain("--checkpoint", tmp_path / "run", *flags[2:], "--add-pieces", 7, "--output", tmp_path / "none") == 0
    assert "give 0 pieces to add, not 7" in (printed := capsys.readouterr().out)
    assert "Added" not in printed


# ---- resuming, and several processes ----


def test_a_killed_run_goes_on_bit_for_bit_without_the_checkpoint(corpus, tmp_path):
    checkpoint = make_checkpoint(tmp_path / "checkpoint", ("nsp",), hidden_dropout_prob=0.25)
    expected, run = tmp_path / "whole", tmp_path / "killed"
    flags = ["--checkpoint", checkpoint, "--fresh", "nsp", "--add-pieces", 9, "--corpus", corpus, *SHORT_RUN,
             "--max-steps", 20, "--accumulate", 2]  # fmt: skip
    assert pretrain(*flags, "--output", expected) == 0
    assert interrupted("train_pretrain", [*flags, "--output", run], run, signal.SIGKILL) == -signal.SIGKILL
    assert newest_state(run / "training_state")[1]["progress"]["step"] < 20
    assert not (run / "config.json").exists()  # killed between its first state and its first checkpoint
    shutil.rmtree(checkpoint)
    assert pretrain("--output", run, "--resume") == 0
    assert weights_of(run) == weights_of(expected)
    assert (run / "config.json").read_bytes() == (expected / "config.json").read_bytes()
    saved = json.loads((run / "arguments.json").read_text())
    assert (saved["checkpoint"], saved["fresh"], saved["add_pieces"]) == (str(checkpoint), ["nsp"], 9)
    assert (saved["size"], saved["dropout"]) == (None, None)
    assert newest_state(run / "training_state")[1]["config"]["hidden_dropout_prob"] == 0.25


def test_a_run_that_saved_nothing_begins_anew_from_the_checkpoint_as_it_is_then(corpus, checkpoint, tmp_path, capsys):
    run, flags = tmp_path / "run", ["--corpus", corpus, "--add-pieces", 5, *SHORT_RUN]
    assert pretrain("--checkpoint", checkpoint, *flags, "--output", run) == 0
    shutil.rmtree(run / "training_state")
    (run / "model.safetensors").unlink()
    (run / "config.json").unlink()
    weights = load_file(checkpoint / "model.safetensors")
    save_file({name: weight * 2 for name, weight in weights.items()}, checkpoint / "model.safetensors")
    (checkpoint / "tokenizer.json").unlink()  # which has the pieces, too
    (checkpoint / "vocab.txt").write_text((checkpoint / "vocab.txt").read_text().replace("\nt\n", "\ny\n"))
    shutil.copytree(checkpoint, tmp_path / "changed")
    assert pretrain("--checkpoint", tmp_path / "changed", *flags, "--output", tmp_path / "expected") == 0
    shutil.copytree(run, tmp_path / "again")
    assert pretrain("--output", run, "--resume") == 0
    assert "it begins anew" in capsys.readouterr().out
    assert weights_of(run) == weights_of(tmp_path / "expected")
    assert (run / "vocab.txt").read_bytes() == (tmp_path / "expected" / "vocab.txt").read_bytes()

    assert pretrain("--output", run, "--resume", "--max-steps", 5) == 0  # now it has a state, and needs no checkpoint
    shutil.rmtree(checkpoint)
    assert pretrain("--output", run, "--resume", "--max-steps", 6) == 0
    message = error_of(capsys, "--output", tmp_path / "again", "--resume")
    assert f"{checkpoint}: no such directory" in message
    assert "has saved nothing yet" in message


def test_two_processes_train_what_one_trains(corpus, tmp_path):
    checkpoint = make_checkpoint(tmp_path / "checkpoint", ("mlm",), hidden_dropout_prob=0.0,
                                 attention_probs_dropout_prob=0.0)  # fmt: skip
    flags = ["--checkpoint", checkpoint, "--fresh", "mlm", "--add-pieces", 9, "--corpus", corpus, *SHORT_RUN]
    assert pretrain(*flags, "--output", tmp_path / "one") == 0
    run_in_processes("train_pretrain", [*flags, "--output", tmp_path / "two"], 2)
    one, two = (load_checkpoint(tmp_path / name, BertForPreTraining).state_dict() for name in ("one", "two"))
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], rtol=1e-4, atol=2e-5)


def test_a_plan_is_of_the_checkpoints_size_with_the_new_pieces_and_reads_no_corpus(checkpoint, tmp_path, capsys):
    flags = ["--plan", "--checkpoint", checkpoint, "--corpus", tmp_path / "missing.txt", *SHORT_RUN]
    parameters = sum(weight.numel() for weight in load_checkpoint(checkpoint, BertForPreTraining).parameters())
    for more, rows in (([], 0), (["--add-pieces", 40], 40)):
        assert pretrain(*flags, *more) == 0
        assert re.search(rf"parameters +{parameters + 13 * rows:,}: 2 layers of 12\n", capsys.readouterr().out)


# ---- flags ----


def test_the_recipe_goes_by_the_checkpoints_size(tmp_path, checkpoint):
    def recipe(**sizes) -> PretrainingSettings:
        (tmp_path / "config.json").write_text(json.dumps(BertConfig(**sizes).to_dict()))
        return read_settings(["--checkpoint", str(tmp_path), "--output", str(tmp_path / "run")])

    base = recipe()
    assert (base.size, base.dropout, base.batch_size, base.max_steps, base.max_length) == (None, None, 32, 12_500, 128)
    assert base.learning_rate == 5e-5
    tiny = recipe(num_hidden_layers=2, hidden_size=128, num_attention_heads=2, max_position_embeddings=64)
    assert (tiny.learning_rate, tiny.max_length) == (1e-3, 64)
    six_layers = recipe(num_hidden_layers=6, hidden_size=384)
    assert six_layers.learning_rate == 2.5e-4


@pytest.mark.parametrize("flags", [
    ["--size", "tiny"], ["--vocab", "vocab.txt"], ["--vocab-size", "90"], ["--cased"], ["--tokenizer", "wordpiece"],
    ["--initializer-range", "0.1"], ["--no-sinusoidal-start"],
])  # fmt: skip
def test_what_the_checkpoint_decides_is_no_flag_beside_it(checkpoint, tmp_path, capsys, flags):
    message = error_of(capsys, "--checkpoint", checkpoint, "--output", tmp_path / "run", *flags)
    assert f"{flags[0].replace('--no-', '--')}: a run with --checkpoint has the checkpoint's" in message


def test_flags_and_checkpoints_that_do_not_go_together_are_refused(corpus, checkpoint, tmp_path, capsys):
    new = ["--corpus", corpus, "--output", tmp_path / "run"]
    assert "--fresh: it changes a --checkpoint, and none was named" in error_of(capsys, *new, "--fresh", "mlm")
    assert "--add-pieces: it changes a --checkpoint" in error_of(capsys, *new, "--add-pieces", 3)
    message = error_of(capsys, *new, "--checkpoint", checkpoint, "--no-nsp", "--fresh", "mlm", "pooler")
    assert "--fresh pooler: without next-sentence prediction" in message
    assert "docs/checkpoints.md" in error_of(capsys, *new, "--checkpoint", tmp_path / "nowhere")
    assert "the name is empty" in error_of(capsys, *new, "--checkpoint", "")
    assert "holds a run already" in error_of(capsys, "--checkpoint", checkpoint, "--output", checkpoint)
    message = error_of(capsys, *new, "--checkpoint", checkpoint, "--max-length", 33)
    assert f"--max-length 33 is above the 32 positions that {checkpoint} has" in message
    one_type = make_checkpoint(tmp_path / "one-type", type_vocab_size=1)
    assert "type_vocab_size 1" in (message := error_of(capsys, *new, *SHORT_RUN, "--checkpoint", one_type))
    assert "--no-nsp" in message
    pieces = make_checkpoint(tmp_path / "pieces")
    (pieces / "vocab.txt").unlink()
    save_checkpoint(pieces, load_checkpoint(pieces, BertForPreTraining),
                    SentencePieceTokenizer(train_sentencepiece(iter(SENTENCES), 50)))  # fmt: skip
    message = error_of(capsys, *new, *SHORT_RUN, "--checkpoint", pieces, "--add-pieces", 3)
    assert "has a SentencePiece model, in which a piece needs a score" in message
    assert not (tmp_path / "run" / "arguments.json").exists()
    assert pretrain(*new, *SHORT_RUN, "--checkpoint", one_type, "--no-nsp") == 0
    assert pretrain(*new[:2], *SHORT_RUN, "--checkpoint", pieces, "--output", tmp_path / "sp") == 0
    assert "--add-pieces 4 is not what" in error_of(capsys, "--resume", *new[2:], "--add-pieces", 4)
    assert "--size tiny is not what" in error_of(capsys, "--resume", *new[2:], "--size", "tiny")
    assert "33 is above the 32 positions" in error_of(capsys, "--resume", *new[2:], "--max-length", 33)
    assert train_finetune.main(["--resume", "--output", str(tmp_path / "run")]) == 2
    assert "is no run of this script" in capsys.readouterr().err


# ---- beside transformers ----


@pytest.mark.peers
def test_transformers_checkpoints_go_in_and_runs_come_out(corpus, tmp_path, capsys):
    import transformers

    ours = make_checkpoint(tmp_path / "checkpoint")
    sizes = transformers.BertConfig.from_pretrained(ours)
    theirs, run = tmp_path / "theirs", tmp_path / "run"
    transformers.BertTokenizer.from_pretrained(ours).save_pretrained(theirs)
    flags = ["--checkpoint", theirs, "--corpus", corpus, *SHORT_RUN]
    transformers.BertModel(sizes).save_pretrained(theirs)
    capsys.readouterr()
    assert "--fresh mlm nsp " in error_of(capsys, *flags, "--output", run)
    transformers.BertForMaskedLM(sizes).save_pretrained(theirs)
    capsys.readouterr()
    assert "--fresh nsp pooler " in error_of(capsys, *flags, "--output", run)
    for more in (["--fresh", "nsp", "pooler"], ["--no-nsp"]):
        shutil.rmtree(run, ignore_errors=True)
        assert pretrain(*flags, "--add-pieces", 9, *more, "--output", run) == 0
        tokenizer, model = load_tokenizer(run), load_checkpoint(run, BertForPreTraining)
        their_tokenizer = transformers.AutoTokenizer.from_pretrained(run)
        inputs = their_tokenizer(SENTENCES[0], SENTENCES[1], return_tensors="pt")
        assert inputs["input_ids"][0].tolist() == tokenizer(SENTENCES[0], SENTENCES[1]).input_ids
        assert max(inputs["input_ids"][0]) >= 60
        with torch.inference_mode():
            output = model(**inputs)
            both = transformers.BertForPreTraining.from_pretrained(run).eval()(**inputs)
            alone = transformers.BertForMaskedLM.from_pretrained(run).eval()(**inputs)
        torch.testing.assert_close(output.prediction_logits, both.prediction_logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(output.prediction_logits, alone.logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(output.next_sentence_logits, both.seq_relationship_logits, rtol=1e-4, atol=1e-5)
