"""A sequence of tasks as one command: its runs, its report, and that it goes on where it was."""

import json
from pathlib import Path

import pytest
import torch

import train_finetune
from bert.adaptation.adapt import adapt
from bert.adaptation.files import save_adapter
from bert.adaptation.lora import Lora
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from finetuning import child_runs, sequence
from tests.conftest import WORDS
from tests.finetuning import untrained_runs
from tests.test_train_finetune import make_rows, report_of, write_tsv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pretrained checkpoint (untrained, in truth), and two tables: single texts, and pairs."""
    folder = tmp_path_factory.mktemp("sequence")
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, 16, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(folder / "checkpoint", BertForPreTraining(config), tokenizer)
    write_tsv(folder / "wet.tsv", make_rows(60, 1))
    pairs = [(text, "a king waits", label) for text, label in make_rows(60, 2)]
    write_tsv(folder / "pairs.tsv", pairs, ("text", "text_pair", "label"))
    return folder


@pytest.fixture
def begun(monkeypatch):
    """The command lines of the runs, which train nothing."""
    lines = []

    def start(command_line):
        lines.append(command_line)
        return untrained_runs.write_run(command_line)

    monkeypatch.setattr(child_runs, "start", start)
    return lines


@pytest.fixture
def flags(folder, tmp_path):
    tasks = [f"rain={folder / 'wet.tsv'}", f"snow={folder / 'wet.tsv'}"]
    own = ["--examples", 40, "--checkpoint", folder / "checkpoint", "--output", tmp_path / "runs"]
    others = ["--max-steps", 3, "--max-length", 16, "--precision", "fp32", "--device", "cpu", "--learning-rate", 3e-3]
    return ["--tasks", *tasks, *map(str, [*own, *others])]


def matrix_of(output) -> dict:
    return json.loads((output / "matrix.json").read_text())


def test_a_model_learns_two_tasks_one_after_another(flags, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(child_runs, "start", train_finetune.main)
    output = tmp_path / "runs"
    assert sequence.main([*flags, "--method", "replay", "--keep", "0.2"]) == 0
    labels = ("rain: dry", "rain: wet", "snow: dry", "snow: wet")
    assert load_checkpoint(output / "2-snow", BertForSequenceClassification).labels == labels
    scores = matrix_of(output)["scores"]
    for number, run in enumerate(("1-rain", "2-snow")):  # the run itself measured the same
        assert scores["unknown"][number][number] == pytest.approx(report_of(output / run)["dev"]["accuracy"])
    assert "Accuracy in %, task unknown, --method replay:" in capsys.readouterr().out


def test_a_sequence_is_one_command_and_goes_on_where_it_was(flags, begun, tmp_path, capsys):
    flags += ["--method", "replay", "--keep", "0.2", "--replay-every", "2", "--task-known", "--bounds"]
    output = tmp_path / "runs"
    assert sequence.main(flags) == 0
    assert [line[-1].removeprefix(f"{output}/") for line in begun] == [
        "1-rain", "2-snow", "bounds/one-after-another/1-rain", "bounds/one-after-another/2-snow", "bounds/all-at-once",
        "bounds/one-model-each/rain", "bounds/one-model-each/snow",
    ]  # fmt: skip
    # The method's flags go to its own runs, and flags about later tasks to later runs.
    asked = ("--keep", "--replay-every", "--task-known", "--continue-from", "--max-steps")
    assert [[flag in line for flag in asked] for line in begun] == [
        [True, False, False, False, True], [True, True, True, True, True],
        [False, False, False, False, True], [False, False, True, True, True], *[[False, False, False, False, True]] * 3,
    ]  # fmt: skip
    assert begun[1][begun[1].index("--continue-from") + 1] == f"{output}/1-rain"
    matrix = matrix_of(output)
    unknown, known = (matrix["scores"][setting] for setting in ("unknown", "known"))
    assert (unknown[0][1], known[0][1]) == (None, None)  # snow's labels do not exist yet
    assert all(u <= k for u, k in zip(unknown[1], known[1]))
    change = known[1][0] - known[0][0]
    assert matrix["scores"]["known_measures"]["backward_transfer"] == pytest.approx(change)
    assert matrix["scores"]["seconds"] == 4
    assert {name: bound["seconds"] for name, bound in matrix["bounds"].items()} == {
        "one after another": 4, "all at once": 2, "one model each": 4,
    }  # fmt: skip
    assert (output / "matrix.png").exists()

    begun.clear()
    assert sequence.main(flags) == 0
    assert begun == []  # all are finished
    (output / "2-snow" / "report.json").unlink()
    assert sequence.main(flags) == 0
    assert begun == [["--resume", "--output", f"{output}/2-snow"]]
    assert matrix_of(output) == matrix
    capsys.readouterr()
    for changed, found in ((["--keep", "0.3"], "further flags"), (["--examples", "30"], "--examples: 40")):
        assert sequence.main([*flags, *changed]) == 2
        assert f"was begun with other {found}" in capsys.readouterr().err


def test_a_sequence_may_become_longer(flags, begun, folder, tmp_path, capsys):
    assert sequence.main(flags) == 0
    begun.clear()
    longer = [*flags[:3], f"pairs={folder / 'pairs.tsv'}", *flags[3:]]
    assert sequence.main(longer) == 0
    assert [line[-1] for line in begun] == [f"{tmp_path}/runs/3-pairs"]
    assert sequence.main([*longer, "--bounds"]) == 0
    longest = [*longer[:4], f"more={folder / 'wet.tsv'}", *longer[4:]]
    assert sequence.main([*longest, "--bounds"]) == 2
    assert "has all tasks at once already; for more tasks name another --output" in capsys.readouterr().err
    assert sequence.main([flags[0], flags[2], flags[1], *flags[3:]]) == 2
    assert "was begun with other --tasks" in capsys.readouterr().err


def test_shared_labels_are_measured_before_their_task_comes(flags, begun, tmp_path):
    assert sequence.main([*flags, "--shared-labels"]) == 0
    assert load_checkpoint(tmp_path / "runs" / "2-snow", BertForSequenceClassification).labels == ("dry", "wet")
    matrix = matrix_of(tmp_path / "runs")
    before, untrained = matrix["scores"]["known"][0][1], matrix["untrained"]["known"][1]
    assert matrix["scores"]["known_measures"]["forward_transfer"] == pytest.approx(before - untrained)


def test_each_adapter_starts_from_the_checkpoint_and_forgets_nothing(flags, begun, folder, tmp_path, monkeypatch):
    def write_adapter(line):
        """A frozen body with an adapter of its own and an untrained head."""
        begun.append(line)
        untrained_runs.write_run(line)
        run = Path(line[-1])
        labels = load_checkpoint(run, BertForSequenceClassification).labels
        model = load_checkpoint(folder / "checkpoint", BertForSequenceClassification, ("classifier",), labels=labels)
        adapt(model, Lora())
        save_adapter(run, model, str(folder / "checkpoint"))
        (run / "model.safetensors").unlink()
        return 0

    monkeypatch.setattr(child_runs, "start", write_adapter)
    assert sequence.main([*flags, "--method", "adapters", "--adapt", "ia3"]) == 0
    for line in begun:
        assert "--continue-from" not in line
        assert [line[place + 1] for place, flag in enumerate(line) if flag == "--adapt"] == ["lora", "ia3"]  # the last
    scores = matrix_of(tmp_path / "runs")["scores"]
    assert scores["known_measures"]["forgetting"] == 0
    assert scores["unknown"] == [[None, None], [None, None]]


def test_flags_that_do_not_go_together_are_refused_before_a_run_begins(flags, begun, tmp_path, capsys):
    def refused(*more):
        assert sequence.main([*flags, *more]) == 2
        return capsys.readouterr().err

    assert "--ewc-strength: it would change nothing with --method replay" in refused(
        "--method", "replay", "--ewc-strength", "5"
    )
    assert "--keep: with --method adapters each task has a model of its own" in refused(
        "--method", "adapters", "--keep", "0.1"
    )
    assert "--keep: in a sequence, it is heeded by --method replay or agem" in refused(
        "--method", "ewc", "--keep", "0.1"
    )
    assert "--temperature: in a sequence, it is heeded by --method lwf" in refused("--temperature", "3")
    assert "--old-train: the command gives it" in refused("--old-train", "x.tsv")
    assert "--train: the command decides it" in refused("--train", "x.tsv")
    assert "--seeds: the command decides it" in refused("--seeds", "3")
    assert "--rank: is about adapters" in refused("--rank", "4")
    assert "--layer-decay gives each layer of the body a learning rate" in refused(
        "--method", "adapters", "--layer-decay", "0.9"
    )
    assert "is one task; a sequence has two or more" in refused("--tasks", flags[1])
    assert begun == []
    assert not (tmp_path / "runs").exists()


def test_the_first_run_gets_no_flag_that_only_later_runs_have_a_use_for(flags, begun):
    assert sequence.main([*flags, "--method", "lwf", "--lwf-weight", "2", "--temperature", "3"]) == 0
    assert sequence.main([*flags[:-2], "--output", f"{flags[flags.index('--output') + 1]}-ewc", "--method", "ewc",
                          "--ewc-strength", "10", "--fisher-examples", "5"]) == 0  # fmt: skip
    asked = ("--method", "--lwf-weight", "--temperature", "--ewc-strength", "--fisher-examples")
    assert [[flag in line for flag in asked] for line in begun] == [
        [False] * 5, [True, True, True, False, False],
        [True, False, False, False, True], [True, False, False, True, True],
    ]  # fmt: skip


def test_a_run_that_fails_ends_the_command_with_its_code(flags, begun, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        patched.setattr(child_runs, "start", train_finetune.main)
        assert sequence.main([*flags, "--max-length", "1"]) == 2
        assert "the maximum length is 1" in capsys.readouterr().err
        assert not (tmp_path / "runs" / "matrix.json").exists()
    assert sequence.main(flags) == 0  # no run was begun, so other flags are no contradiction
