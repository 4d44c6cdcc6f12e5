"""How much is masked, by what, how often anew, and what is joined: the flags, and runs that have them."""

import argparse
import json
import re

import pytest

import train_pretrain
from bert.errors import InputError
from bert.training.reporting import read_log
from data.pretraining.masking import Masking
from pretraining.masking_flags import checked_mask_shares, checked_masking_rate, mask_shares, masking_rate
from pretraining.messages import how_masked
from pretraining.recipes import RECIPES
from pretraining.settings import read_settings
from tests.conftest import weights_of

SMALL_RUN = [
    "--vocab-size", "90", "--batch-size", "8", "--max-length", "16", "--learning-rate", "1e-3", "--report-every", "1",
    "--workers", "1", "--device", "cpu", "--precision", "fp32", "--no-nsp",
]  # fmt: skip
DEPARTURES = [
    "--masking-rate", "0.5:0.1", "--mask-shares", "60,30,10", "--mask-copies", "1", "--join-examples", "2",
]  # fmt: skip


def pretrain(*arguments) -> int:
    return train_pretrain.main([str(argument) for argument in arguments])


def rates(run) -> list[float]:
    return [line["masking_rate"] for line in read_log(run / "log.jsonl") if "masking_rate" in line]


def test_a_rate_is_one_number_or_two_between_nothing_and_all():
    assert masking_rate("0.3:0.15") == (0.3, 0.15)
    assert masking_rate("0.4") == masking_rate("0.4:0.4") == (0.4, 0.4)
    assert [checked_masking_rate(text) for text in ("0.30:.15", "0.40", "0.4:0.40")] == ["0.3:0.15", "0.4", "0.4"]
    for text in ("", "a", "0", "1", "0.3:", ":0.3", "0.3:0.2:0.1", "0.3:1", "-0.1", "nan", "15", "0.3,0.2"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no rate above 0 and below 1"):
            checked_masking_rate(text)


def test_shares_are_three_whole_percentages_of_everything():
    assert mask_shares("100,0,0") == (100, 0, 0)
    assert checked_mask_shares(" 80, 10,010") == "80,10,10"
    for text in ("", "80,10", "80,10,10,0", "80,10,11", "110,-10,0", "0.8,0.1,0.1", "80:10:10"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not three whole numbers that add up to 100"):
            checked_mask_shares(text)


@pytest.mark.parametrize(("flags", "complaint"), [
    (["--masking-rate", "0.3:0.15", "--max-minutes", "5"], "--max-minutes alone does not say which that is"),
    (["--masking-rate", "1.5"], "'1.5' is no rate above 0 and below 1"),
    (["--mask-shares", "80,10,20"], "'80,10,20' is not three whole numbers"),
    (["--mask-copies", "-1"], "-1 is below 0"),
    (["--join-examples", "0"], "0 is not at least 1"),
    (["--join-examples", "2"], "train without it, --no-nsp"),
    (["--join-examples", "9", "--no-nsp"], "9 examples of up to 64 tokens are above the 512 .*; join at most 8, or"),
    (["--join-examples", "5", "--no-nsp", "--phases", "64:9,128:9"], "5 examples of up to 128 tokens .* at most 4, or"),
    (["--join-examples", "5", "--no-nsp", "--max-length", "600"], "--max-length 600 is above the 512 .* at most that"),
])  # fmt: skip
def test_what_contradicts_is_refused(flags, complaint, tmp_path):
    with pytest.raises(InputError, match=complaint):
        read_settings([*flags, "--output", str(tmp_path / "run")])


@pytest.mark.parametrize("flags", [
    ["--max-minutes", "5", "--schedule-to", "100"], ["--phases", "16:5,32:5"], ["--epochs", "2"], ["--max-steps", "9"],
])  # fmt: skip
def test_a_rate_falls_if_the_last_update_is_known_and_a_steady_one_needs_no_end(flags, tmp_path):
    output = ["--output", str(tmp_path / "run")]
    assert read_settings(["--masking-rate", "0.3:0.15", *flags, *output]).masking.rate == (0.3, 0.15)
    assert read_settings(["--masking-rate", "0.4", "--max-minutes", "5", *output]).masking.rate == (0.4, 0.4)


def test_a_run_of_minutes_has_the_last_rate_of_its_recipe_from_the_beginning(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES["tiny"], "masking_rate", "0.3:0.2")
    output = ["--output", str(tmp_path / "run")]
    assert read_settings(["--max-minutes", "5", *output]).masking.rate == (0.2, 0.2)
    assert read_settings(["--max-minutes", "5", "--schedule-to", "100", *output]).masking.rate == (0.3, 0.2)
    settings = read_settings(output)
    assert settings.masking.rate == (0.3, 0.2)
    assert how_masked(settings.masking, (0.3, 0.2)) == "30% of the tokens, falling to 20% at the schedule's end"
    short = read_settings(["--max-minutes", "5", *output]).masking
    assert how_masked(short, (0.3, 0.2)).startswith("20% of the tokens (a change of the rate would need to know")


def test_whole_words_are_said_and_copies_have_as_many_masks_as_the_rate_says():
    assert how_masked(Masking(copies=2), whole_words=True) == (
        "whole words; epoch 2 has the examples and masks of epoch 0 again"
    )
    assert how_masked(Masking(rate=(0.3, 0.15), copies=1)).endswith("epoch 0 again, as many as its rate says")
    assert how_masked(Masking()) == ""


def test_a_run_whose_rate_falls_may_go_on_for_minutes(whole, tmp_path, capsys):
    flags, _ = whole
    run = tmp_path / "run"
    assert pretrain(*flags, *DEPARTURES, "--max-steps", 2, "--output", run) == 0
    assert pretrain("--resume", "--max-minutes", 0.01, "--output", run) == 0
    assert "10% of the tokens (a change of the rate" in capsys.readouterr().out
    assert rates(run)[-1] == 0.1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of ten updates with all the flags, which nobody stopped; its corpus; and what it said."""
    folder = tmp_path_factory.mktemp("departures")
    sentences = (" ".join("abcdefghijklmnopqrstuvwxyz"[number % 26 :][:8]) for number in range(400))
    text = "".join(sentence + ("\n\n" if number % 4 == 3 else "\n") for number, sentence in enumerate(sentences))
    (folder / "corpus.txt").write_text(text)
    flags = ["--corpus", folder / "corpus.txt", *SMALL_RUN]
    assert pretrain(*flags, *DEPARTURES, "--max-steps", 10, "--output", folder / "run") == 0
    return flags, folder / "run"


def test_the_rate_goes_with_the_schedule_and_a_resumed_run_has_it(whole, tmp_path):
    flags, run = whole
    assert rates(run) == pytest.approx([0.5 - 0.04 * step for step in range(10)])
    parts, anew = tmp_path / "parts", tmp_path / "anew"
    assert pretrain(*flags, *DEPARTURES, "--max-steps", 4, "--schedule-to", 10, "--output", parts) == 0
    assert pretrain("--resume", "--output", parts, "--max-steps", 10) == 0
    assert rates(parts) == rates(run)
    assert weights_of(parts) == weights_of(run)
    # The control: without --schedule-to the line is laid anew over a longer run, as the learning rate is.
    assert pretrain(*flags, *DEPARTURES, "--max-steps", 4, "--output", anew) == 0
    assert pretrain("--resume", "--output", anew, "--max-steps", 10) == 0
    assert rates(anew) == pytest.approx([0.5 - 0.1 * step for step in range(4)] + rates(run)[4:])
    assert weights_of(anew) != weights_of(run)


def test_held_out_documents_are_masked_as_ever(whole, tmp_path, capsys):
    flags, run = whole
    assert pretrain(*flags, "--masking-rate", 0.15, "--max-steps", 1, "--output", tmp_path / "plain") == 0
    assert "Masks:" not in capsys.readouterr().out
    plain, departing = (read_log(each / "log.jsonl") for each in (tmp_path / "plain", run))
    guesses = [name for name in plain[0] if name.startswith(("unigram_", "five_gram_"))]
    assert len(guesses) == 4
    assert [plain[0][name] for name in guesses] == [departing[0][name] for name in guesses]
    assert plain[1]["masked_lm_loss"] != departing[1]["masked_lm_loss"]  # the control: those of training differ


def test_a_run_says_how_it_departs_and_so_does_its_card(whole, tmp_path, capsys):
    flags, run = whole
    assert pretrain(*flags, *DEPARTURES, "--max-steps", 1, "--output", tmp_path / "run") == 0
    printed = capsys.readouterr().out
    assert (
        "Masks:  50% of the tokens, falling to 10% at the schedule's end; 60% of them [MASK], 30% random, 10% as they "
        "are; epoch 1 has the examples and masks of epoch 0 again, as many as its rate says.\n"
        "Joined: 2 examples make a sequence, and attend to each other.\n"
    ) in printed
    card = (run / "README.md").read_text()
    for name, value in (("masking_rate", "0.5:0.1"), ("mask_shares", "60,30,10"), ("join_examples", "2")):
        assert re.search(rf"{name}.*{value}", card)


def test_a_run_that_was_saved_before_the_flags_existed_goes_on_with_the_defaults(whole, tmp_path):
    flags, _ = whole
    for name in ("old", "new"):
        run = tmp_path / name
        usual = ["--masking-rate", 0.15, "--weight-decay", 0.01]  # not the recipe's
        assert pretrain(*flags, *usual, "--max-steps", 2, "--schedule-to", 4, "--output", run) == 0
        saved = json.loads((run / "arguments.json").read_text())
        if name == "old":
            for flag in ("masking_rate", "mask_shares", "mask_copies", "join_examples", "weight_decay"):
                del saved[flag]
            (run / "arguments.json").write_text(json.dumps(saved))
        assert pretrain("--resume", "--output", run, "--max-steps", 4) == 0
    assert weights_of(tmp_path / "old") == weights_of(tmp_path / "new")
    for flag, other, usual in (("--masking-rate", "0.4", "0.15"), ("--weight-decay", "0.2", "0.01")):
        with pytest.raises(InputError, match=rf"{flag} {other} is not what .* was begun with \({usual}\)"):
            read_settings(["--resume", "--output", str(tmp_path / "old"), flag, other])


def test_a_plan_is_of_joined_examples_and_of_the_highest_rate(tmp_path, capsys):
    def plan(*flags):
        line = ["--plan", "--size", "tiny", "--vocab-size", 1_000, "--batch-size", 8, "--max-length", 16, "--no-nsp"]
        code = pretrain(*line, *flags, "--device", "cpu", "--precision", "fp32", "--output", tmp_path / "run")
        return code, *capsys.readouterr()

    _, joined, _ = plan("--join-examples", 2, "--masking-rate", "0.3:0.6")
    assert "4 examples of 32 tokens" in joined
    _, plain, _ = plan("--masking-rate", 0.15)
    assert "8 examples of 16 tokens" in plain
    scores = [re.search(r"scores of the vocabulary +([\d.]+) MB", text)[1] for text in (joined, plain)]
    assert float(scores[0]) == pytest.approx(0.6 * 8 * 16 * 4_000 / 1e6, abs=0.05)
    assert float(scores[1]) == pytest.approx(0.15 * 8 * 16 * 4_000 / 1e6, abs=0.05)
    code, _, complaint = plan("--join-examples", 3)
    assert code == 2 and "whole sequences of 3 examples" in complaint
