"""A search as one command: its trials, what it keeps, that it goes on where it was, and that it sees no test set."""

import itertools
import json
import math
from functools import partial
from itertools import takewhile
from pathlib import Path

import pytest
import torch

import train_finetune
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from finetuning import child_runs, search
from tests.conftest import WORDS, dies_after
from tests.test_train_finetune import make_rows, write_tsv

SPACE = ["--space", "learning-rate=1e-5..1e-3:log batch-size=16,32 epochs=2..4"]


class Runs:
    """In place of ``train_finetune.py``: a run's directory, at once. Its score follows from its flags."""

    def __init__(self):
        self.lines: list[list[str]] = []
        self.codes: dict[str, int] = {}  # of runs that fail, by their name
        self.refuses = False  # whether it finds the flags wrong, and writes nothing

    def __call__(self, line, errors=None):
        self.lines.append(line)
        output = Path(line[line.index("--output") + 1])
        if self.refuses:
            return 2
        output.mkdir(parents=True, exist_ok=True)
        if "--resume" in line:
            line = json.loads((output / "arguments.json").read_text())
        (output / "arguments.json").write_text(json.dumps(line))
        if code := self.codes.get(output.name):
            if errors is not None:
                errors += ["Traceback\n", "train_finetune.py: error: the loss is not finite\n"]
            return code
        given = dict(part.removeprefix("--").split("=") for part in line if part.startswith("--") and "=" in part)
        rate, epochs = float(given.get("learning-rate", 5e-5)), int(given.get("epochs", 3))
        seed = int(line[line.index("--seed") + 1])
        best = 0.9 - 0.1 * abs(math.log10(rate) + 3.5) - 0.01 * seed
        after = line[line.index("--stop-if-worse") + 1 :] if "--stop-if-worse" in line else []
        bounds = [each.partition("=") for each in takewhile(lambda part: part[0] != "-", after)]
        values = {int(epoch): float(value) for epoch, _, value in bounds}
        curve, ended = [], "finished"
        for epoch in range(1, epochs + 1):
            curve.append(best - 0.1 / epoch)
            if epoch < epochs and curve[-1] < values.get(epoch, -1):
                ended = "pruned"
                break
        log = "".join(
            json.dumps({"step": 10 * n, "dev_accuracy": each}) + "\n" for n, each in enumerate(curve, start=1)
        )
        (output / "log.jsonl").write_text(log)
        (output / "training_state").mkdir(exist_ok=True)
        (output / "model.safetensors").write_text("weights")
        report = {"dev": {"accuracy": curve[-1]}, "metric": "accuracy", "ended": ended, "training_seconds": 1.5}
        if "--no-measure-test" not in line:
            report["test"] = {"accuracy": best}
        (output / "report.json").write_text(json.dumps(report))
        return 0


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(child_runs, "start", runs)
    return runs


@pytest.fixture
def flags(tmp_path):
    return ["--output", str(tmp_path / "search"), "--train", "texts.tsv"]


def found_in(output: Path) -> dict:
    return json.loads((output / "search.json").read_text())


def names(runs: Runs) -> list[str]:
    return ["/".join(Path(line[line.index("--output") + 1]).parts[-2:]) for line in runs.lines]


def test_a_search_tries_prunes_repeats_and_says_how_optimistic_it_was(runs, flags, tmp_path, capsys):
    output = tmp_path / "search"
    assert search.main([*flags, *SPACE, "--trials", "15"]) == 0
    found = found_in(output)
    states = [trial["state"] for trial in found["trials"]]
    assert set(states) == {"finished", "pruned"} and states[:5] == ["finished"] * 5
    first = found["trials"][0]
    assert first["settings"] == {"learning_rate": 5e-5, "batch_size": 32, "epochs": 3}
    assert len({str(trial["settings"]) for trial in found["trials"]}) == 15
    best = found["trials"][found["best"]]
    assert best["value"] == max(trial["value"] for trial in found["trials"] if trial["state"] == "finished")
    # Each seed costs 0.01 here, and the repeats have the seeds 1, 2 and 3.
    assert found["optimistic_by"] == pytest.approx(0.02)
    assert names(runs)[15:] == [f"trial-{n:02}/seed-{seed}" for n in (found["best"], 0) for seed in (1, 2, 3)]
    assert found["repeats"]["trial-00"]["dev"] == pytest.approx([first["value"] - 0.01 * seed for seed in (1, 2, 3)])
    printed = capsys.readouterr().out
    assert "So the best of 15 is optimistic by about 0.0200." in printed
    assert "From 3 other seeds the best settings have" in printed
    page = (output / "report.html").read_text()
    assert page.count("<polyline") == 15 and "optimistic by about 0.0200" in page


def test_only_the_best_trial_keeps_its_weights_unless_all_are_to(runs, flags, tmp_path):
    output = tmp_path / "search"
    assert search.main([*flags, *SPACE, "--trials", "6", "--seeds", "1"]) == 0
    kept = [path.parent for path in output.glob("trial-*/model.safetensors")]
    assert kept == [output / f"trial-{found_in(output)['best']:02}"]
    assert [path.parent for path in output.glob("trial-*/training_state")] == kept
    assert search.main([*flags[2:], *SPACE, "--output", str(tmp_path / "all"), "--trials", "6", "--keep-all"]) == 0
    assert len(list((tmp_path / "all").glob("trial-*/model.safetensors"))) == 6


def test_no_trial_reads_the_test_set_and_the_last_runs_do(runs, flags, tmp_path):
    (tmp_path / "test.tsv").touch()
    assert search.main([*flags, "--test", str(tmp_path / "missing.tsv"), *SPACE, "--trials", "3"]) == 2
    assert not runs.lines  # and no trial was needed to find that out
    assert search.main([*flags, "--test", str(tmp_path / "test.tsv"), *SPACE, "--trials", "3"]) == 0
    assert ["--no-measure-test" in line for line in runs.lines] == [True] * 3 + [False] * (len(runs.lines) - 3)
    repeats = found_in(tmp_path / "search")["repeats"]
    assert all(len(each["test"]) == 3 for each in repeats.values())


def test_a_search_that_is_killed_anywhere_goes_on_as_if_it_had_not_been(runs, flags, tmp_path, monkeypatch):
    line = [*flags[2:], *SPACE, "--trials", "4", "--seeds", "1", "--output"]
    assert search.main([*line, str(tmp_path / "whole")]) == 0
    for changes in itertools.count(0, 3):
        output = tmp_path / f"{changes}"
        if not dies_after(changes, monkeypatch, partial(search.main, [*line, str(output)])):
            break
        assert search.main([*line, str(output)]) == 0
        assert found_in(output)["trials"] == found_in(tmp_path / "whole")["trials"]
    assert changes > 8


def test_a_trial_that_was_interrupted_is_resumed_and_a_failed_one_is_not(runs, flags, tmp_path, capsys):
    runs.codes = {"trial-01": 2, "trial-02": 130}
    line = [*flags, *SPACE, "--trials", "4", "--seeds", "1"]
    assert search.main(line) == 130
    assert "give the same command again" in capsys.readouterr().out
    runs.codes = {}
    runs.lines.clear()
    assert search.main(line) == 0
    assert runs.lines[0] == ["--resume", "--output", f"{tmp_path}/search/trial-02"]
    assert names(runs)[1] == "search/trial-03"
    failed = found_in(tmp_path / "search")["trials"][1]
    assert (failed["state"], failed["reason"], failed["value"]) == ("failed", "the loss is not finite", None)
    assert "failed: the loss is not finite" in (tmp_path / "search" / "report.html").read_text()


def test_a_search_may_become_longer_and_nothing_else(runs, flags, tmp_path, capsys):
    line = [*flags, *SPACE, "--seeds", "1", "--trials"]
    assert search.main([*line, "2"]) == 0
    before = found_in(tmp_path / "search")["trials"]
    runs.lines.clear()
    assert search.main([*line, "3", "--seeds", "2"]) == 0
    assert found_in(tmp_path / "search")["trials"][:2] == before
    assert names(runs)[0] == "search/trial-02"
    for changed, said in (("--seed=1", "other --seed: 0"), ("--max-length=16", "other further flags")):
        assert search.main([*line, "3", changed]) == 2
        assert said in capsys.readouterr().err


def test_the_grid_is_the_papers_and_ends_when_all_is_tried(runs, flags, tmp_path):
    assert search.main([*flags, "--no-prune", "--seeds", "1"]) == 0
    tried = [trial["settings"] for trial in found_in(tmp_path / "search")["trials"]]
    assert len({str(sorted(settings.items())) for settings in tried}) == len(tried) == 24
    assert {settings["learning_rate"] for settings in tried} == {5e-5, 4e-5, 3e-5, 2e-5}


def test_what_cannot_be_searched_is_said_before_the_first_trial(runs, flags, tmp_path, capsys):
    for more, said in (
        (["--eval-every", "5"], "--eval-every: the command decides it for each trial"),
        (["runs/search"], "unrecognized arguments: runs/search"),
        (["--nothing", "5"], "unrecognized arguments: --nothing"),
        (["--space", "rank=4,8"], "--rank"),
        (["--space", "dropout=0..0.3"], "--dropout has no usual value here"),
        (["--batch-size", "0"], "0 is not at least 1"),
        ([*SPACE, "--method", "grid"], "a grid needs lists"),
    ):
        assert search.main([*more, *flags]) == 2
        assert said in capsys.readouterr().err
    assert runs.lines == []


def test_a_search_goes_on_if_trials_fail_but_not_if_all_would(runs, flags, tmp_path, capsys):
    line = [*flags[2:], *SPACE, "--trials", "3", "--seeds", "1", "--output"]
    runs.codes = {"trial-00": 2}  # the usual settings fail; others do not
    assert search.main([*line, str(tmp_path / "some")]) == 0
    assert list(found_in(tmp_path / "some")["repeats"]) == [f"trial-{found_in(tmp_path / 'some')['best']:02}"]
    runs.codes = {f"trial-{number:02}": -9 for number in range(3)}
    assert search.main([*line, str(tmp_path / "none")]) == 2
    said = "no trial has come to its end (it was ended by the signal SIGKILL, perhaps for want of memory)"
    assert said in capsys.readouterr().err
    assert search.main([*line, str(tmp_path / "none")]) == 2  # they are not tried again
    runs.lines.clear()
    runs.refuses = True
    assert search.main([*line, str(tmp_path / "refused")]) == 2
    assert len(runs.lines) == 1


def test_a_trial_ends_where_it_is_worse_and_can_be_resumed_there(tmp_path, capsys):
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, 16, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(tmp_path / "checkpoint", BertForPreTraining(config), tokenizer)
    for name in ("train", "dev", "test"):
        write_tsv(tmp_path / f"{name}.tsv", make_rows(40, len(name)))
    files = [f"--{name}={tmp_path / name}.tsv" for name in ("train", "dev", "test")]
    line = [*files, f"--checkpoint={tmp_path / 'checkpoint'}", "--max-length=16", "--device=cpu", "--epochs=4"]
    run = ["--output", str(tmp_path / "run")]
    assert train_finetune.main([*line, *run, "--no-measure-test", "--stop-if-worse", "1=0.0", "2=0.999"]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert (report["epochs"], report["ended"], "test" in report) == (2, "pruned", False)
    (tmp_path / "run" / "report.json").unlink()  # killed before its report
    assert train_finetune.main([*run, "--resume", "--measure-test"]) == 0
    again = json.loads((tmp_path / "run" / "report.json").read_text())
    assert again["dev"] == report["dev"] and again["ended"] == "pruned"
    assert "test" in again
    assert "Pruned at step" in capsys.readouterr().out


@pytest.mark.peers
def test_tpe_learns_from_the_trials_and_its_study_can_be_opened(runs, flags, tmp_path, monkeypatch):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    line = [*flags[2:], *SPACE, "--method", "tpe", "--trials", "14", "--seeds", "1", "--output"]
    assert search.main([*line, str(tmp_path / "whole")]) == 0
    trials = found_in(tmp_path / "whole")["trials"]
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "whole" / "optuna.log")))
    study = optuna.load_study(study_name="search", storage=storage)
    assert [trial.state.name for trial in study.trials] == [
        {"finished": "COMPLETE", "pruned": "PRUNED"}[trial["state"]] for trial in trials
    ]
    assert study.best_trial.user_attrs["directory"] == f"trial-{found_in(tmp_path / 'whole')['best']:02}"
    assert "fANOVA" in (tmp_path / "whole" / "report.html").read_text()
    # Killed in the middle, it proposes the same.
    assert dies_after(40, monkeypatch, lambda: search.main([*line, str(tmp_path / "killed")]))
    assert 3 < len(found_in(tmp_path / "killed")["trials"]) < 14
    assert search.main([*line, str(tmp_path / "killed")]) == 0
    assert found_in(tmp_path / "killed")["trials"] == trials


def test_without_optuna_tpe_says_how_to_install_it(runs, flags, monkeypatch, capsys):
    monkeypatch.setattr("finetuning.search_settings.importlib.util.find_spec", lambda name: None)
    assert search.main([*flags, "--method", "tpe"]) == 2
    assert "--method tpe needs optuna, which is not installed: pip install optuna" in capsys.readouterr().err
