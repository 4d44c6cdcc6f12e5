"""Tasks one after another, as their user runs them: each method, both settings, stopped, in processes, misused."""

import copy
import itertools
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from bert.__main__ import main as bert_command
from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import adapt
from bert.adaptation.files import load_adapted, read_adapter, save_adapter
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import load_checkpoint, load_config, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.config import BertConfig
from bert.continual.buffer import read_buffer
from bert.continual.ewc import FISHER
from bert.continual.label_groups import LabelGroups, load_into_larger_head
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from finetuning import continuing
from finetuning.adaptation_flags import method_of
from finetuning.settings import read_settings
from tests.conftest import WORDS
from tests.processes import ends_of_runs
from tests.test_train_finetune import (
    SMALL_RUN,
    error_of,
    finetune,
    make_rows,
    report_of,
    same_bytes,
    write_tsv,
)

RARELY = ["--eval-every", 90, "--checkpoint-every", 90, "--report-every", 4]  # evaluating takes the most time


def rows_about(markers, count, seed):
    """Texts with one of the markers at the end, and the marker's label: each label has a word of its own."""
    rows = []
    for number, (text, _) in enumerate(make_rows(count, seed)):
        word, label = markers[number % len(markers)]
        rows.append((" ".join([*(each for each in text.split() if each not in OWN), word]), label))
    return rows


FIRST, SECOND = (("river", "wet"), ("stone", "dry")), (("king", "royal"), ("song", "loud"))
OWN = {word for word, _ in FIRST + SECOND}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint without dropout, and tables of two tasks."""
    folder = tmp_path_factory.mktemp("continual")
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(
        tokenizer.vocab_size, 24, 2, 2, 32, max_position_embeddings=40, initializer_range=0.2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    save_checkpoint(folder / "checkpoint", BertForPreTraining(config), tokenizer)
    for name, markers in (("first", FIRST), ("second", SECOND), ("both", FIRST + SECOND)):
        write_tsv(folder / f"{name}.tsv", rows_about(markers, 64, 1))
        write_tsv(folder / f"{name}-dev.tsv", rows_about(markers, 24, 2))
    return folder


@pytest.fixture(scope="module")
def first(folder):
    """A run on the first task. It has kept examples, and F for EWC."""
    run = folder / "run"
    files = ["--train", folder / "first.tsv", "--dev", folder / "first-dev.tsv", "--checkpoint", folder / "checkpoint"]
    keeping = ["--keep", 0.25, "--method", "ewc", "--fisher-examples", 20]
    assert finetune(*files, *SMALL_RUN, *RARELY, "--epochs", 6, *keeping, "--output", run) == 0
    assert report_of(run)["dev"]["accuracy"] == 1
    return run


@pytest.fixture(scope="module")
def second(folder, first):
    """The flags of a run on the second task."""
    files = ["--train", folder / "second.tsv", "--dev", folder / "second-dev.tsv", *SMALL_RUN, *RARELY]
    return [*files, "--continue-from", first]


def earlier(run) -> dict:
    return report_of(run)["earlier_tasks"]


def test_replay_keeps_what_plain_training_forgets_and_goes_on_when_the_first_run_is_gone(
    folder, first, second, tmp_path, capsys
):
    before, plain, replay, third = (tmp_path / name for name in ("before", "plain", "replay", "third"))
    shutil.copytree(first, before)
    more = ["--epochs", 10, "--continue-from", before, "--old-dev", folder / "first-dev.tsv"]
    assert finetune(*second, *more, "--output", plain) == 0
    capsys.readouterr()
    assert finetune(*second, *more, "--method", "replay", "--keep", 0.25, "--output", replay) == 0
    output = capsys.readouterr().out
    assert "1 task of 2 labels; new labels: loud, royal. Method replay." in output
    assert "The task of an example is unknown" in output
    assert "Earlier tasks, kept (replayed in training): accuracy 1.0000 before, " in output
    assert earlier(plain)["old_dev"]["before"]["accuracy"] == earlier(replay)["old_dev"]["before"]["accuracy"] == 1
    assert earlier(plain)["old_dev"]["after"]["accuracy"] < 0.2
    assert earlier(replay)["old_dev"]["after"]["accuracy"] > 0.8
    assert report_of(replay)["dev"]["accuracy"] > 0.9
    assert report_of(replay)["labels"] == ["dry", "wet", "loud", "royal"]
    groups = LabelGroups(("dry", "wet", "loud", "royal"), (("dry", "wet"), ("loud", "royal")))
    assert json.loads((replay / "task.json").read_text())["label_groups"] == [*map(list, groups.groups)]
    assert [each.task for each in read_buffer(replay, groups)] == [0] * 16 + [1] * 16
    assert not (plain / FISHER).exists()
    shutil.rmtree(before)
    one_label = write_tsv(tmp_path / "one.tsv", rows_about([("garden", "green")], 40, 3))
    third_task = ["--train", one_label, *SMALL_RUN, *RARELY, "--continue-from", replay, "--method", "replay"]
    assert finetune(*third_task, "--max-steps", 6, "--output", third) == 0
    assert report_of(third)["labels"] == ["dry", "wet", "loud", "royal", "green"]
    assert bert_command(["predict", str(third), str(folder / "both.tsv"), "--output", str(tmp_path / "out.tsv")]) == 0
    assert "p(green)" in (tmp_path / "out.tsv").read_text().splitlines()[0]


def test_without_a_method_it_is_plain_fine_tuning_from_a_larger_head(folder, first, tmp_path):
    """The new file has the old labels too, so that a plain run finds the same labels in the same order."""
    both = [(word, label.replace("loud", "x").replace("royal", "y")) for word, label in FIRST + SECOND]
    table = write_tsv(tmp_path / "both.tsv", rows_about(both, 48, 1))
    flags = ["--train", table, *SMALL_RUN, *RARELY, "--dropout", 0.1, "--max-steps", 5]
    assert finetune(*flags, "--continue-from", first, "--output", tmp_path / "continued") == 0
    config = load_config(first).replace(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    old = load_checkpoint(first, BertForSequenceClassification).state_dict()
    torch.manual_seed(0)
    larger = BertForSequenceClassification(config, labels=("dry", "wet", "x", "y"))
    for name in ("classifier.weight", "classifier.bias"):
        old[name] = torch.cat([old[name], larger.state_dict()[name][2:]])
    larger.load_state_dict(old)
    save_checkpoint(tmp_path / "larger", larger, load_tokenizer(first))
    assert finetune(*flags, "--checkpoint", tmp_path / "larger", "--output", tmp_path / "plain") == 0
    assert same_bytes(tmp_path / "continued", tmp_path / "plain")


METHODS = {
    "replay": ["--method", "replay", "--task-known"],
    "agem": ["--method", "agem", "--batch-size", 10, "--accumulate", 2],
    "ewc": ["--method", "ewc", "--fisher-examples", 8, "--ewc-strength", 50],
    "lwf": ["--method", "lwf", "--task-known", "--lwf-weight", 2],
}


@pytest.fixture(scope="module")
def whole(folder, second):
    """A run with each method that nobody stopped. It has kept all its states."""
    runs = {name: folder / f"whole-{name}" for name in METHODS}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state, "KEPT", 9)
        for name, run in runs.items():
            flags = [*METHODS[name], "--checkpoint-every", 4, "--max-steps", 7, "--output", run]
            assert finetune(*second, *flags) == 0
    return runs


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_goes_on_bit_for_bit(whole, tmp_path, method):
    expected, run = whole[method], tmp_path / "stopped"
    shutil.copytree(expected, run)
    for path in (run / "training_state").glob("step-00000007*"):
        shutil.rmtree(path)
    for name in ("model.safetensors", "report.json", "fisher.safetensors"):
        (run / name).unlink(missing_ok=True)
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 4
    assert finetune("--output", run, "--resume") == 0
    assert same_bytes(expected, run)
    assert earlier(expected) == earlier(run)
    if method in ("ewc", "lwf"):
        losses = [line[f"{method}_loss"] for line in read_log(run / "log.jsonl") if f"{method}_loss" in line]
        assert losses
        assert all(loss > 0 for loss in losses)
    if method == "ewc":
        assert (expected / FISHER).read_bytes() == (run / FISHER).read_bytes()


def test_two_processes_are_one_but_for_rounding(second, whole, tmp_path):
    """A-GEM's single process has two micro-batches as well, so it sees that the whole gradient is projected."""
    lines = [
        " ".join(map(str, [*second, *METHODS[name], *more, "--max-steps", 7, "--output", tmp_path / name]))
        for name, more in (("agem", ["--accumulate", 1]), ("ewc", []), ("replay", []), ("lwf", []))
    ]
    for code, output in ends_of_runs(lines, 2):
        assert code == 0, output
    for name in METHODS:
        one, two = (load_checkpoint(run, BertForSequenceClassification) for run in (whole[name], tmp_path / name))
        for key, weight in one.state_dict().items():
            torch.testing.assert_close(weight, two.state_dict()[key], rtol=1e-4, atol=5e-5)
    one, two = (load_file(run / FISHER) for run in (whole["ewc"], tmp_path / "ewc"))
    for key, each in one.items():
        torch.testing.assert_close(each, two[key], rtol=1e-3, atol=1e-4)


def test_the_earlier_length_of_texts_holds_unless_another_one_is_given(first, second, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(first, run)
    task = json.loads((run / "task.json").read_text())
    flags = ["--continue-from", run, "--max-steps", 1, "--output"]
    at = second.index("--max-length")
    without = [*second[:at], *second[at + 2 :]]
    (run / "task.json").write_text(json.dumps(task | {"max_length": 7}))
    assert finetune(*without, *flags, tmp_path / "as-before") == 0
    assert finetune(*second, *flags, tmp_path / "given") == 0
    lengths = [json.loads((tmp_path / name / "task.json").read_text())["max_length"] for name in ("as-before", "given")]
    assert lengths == [7, int(second[at + 1])]
    assert "of up to 7 tokens" in capsys.readouterr().out
    (run / "task.json").write_text(json.dumps(task | {"max_length": "7"}))
    assert "max_length is '7'; a whole number from 1 was expected" in error_of(capsys, *without, *flags, run / "no")


def test_a_known_task_is_predicted_among_its_own_labels(folder, second, tmp_path):
    run = tmp_path / "run"
    flags = ["--method", "none", "--task-known", "--max-steps", 3, "--old-dev", folder / "first-dev.tsv"]
    assert finetune(*second, *flags, "--output", run) == 0
    header, *rows = [line.split("\t") for line in (run / "predictions.tsv").read_text().splitlines()]
    places = [header.index(f"p({label})") for label in ("dry", "wet", "loud", "royal")]
    for row in rows:
        dry, wet, loud, royal = (float(row[place]) for place in places)
        assert dry == wet == 0
        assert loud + royal == pytest.approx(1, abs=1e-5)
    report = report_of(run)
    assert (report["method"], report["task_known"]) == ("none", True)
    assert earlier(run)["old_dev"]["before"]["accuracy"] == 1


def test_before_a_task_its_new_labels_are_no_candidates(folder, second, tmp_path, monkeypatch):
    """Their rows are untrained then. Here these rows win wherever they are candidates."""

    def load_with_sure_new_rows(model, weights):
        load_into_larger_head(model, weights)
        model.state_dict()["classifier.bias"][2:] = 99

    monkeypatch.setattr(continuing, "load_into_larger_head", load_with_sure_new_rows)
    flags = ["--max-steps", 1, "--old-dev", folder / "first-dev.tsv", "--output", tmp_path / "run"]
    assert finetune(*second, *flags) == 0
    assert earlier(tmp_path / "run")["old_dev"]["before"]["accuracy"] == 1
    assert earlier(tmp_path / "run")["old_dev"]["after"]["accuracy"] == 0


def test_a_run_that_kept_nothing_is_continued_with_its_old_file(folder, first, second, tmp_path, capsys):
    """Pairs among the old examples, and single texts among the new ones, go together."""
    bare = tmp_path / "bare"
    shutil.copytree(first, bare)
    for name in ("buffer.jsonl", FISHER):
        (bare / name).unlink()
    other = [*second, "--continue-from", bare, "--max-steps", 3, "--output", tmp_path / "other"]
    assert "--method replay needs examples of earlier tasks, and" in error_of(capsys, *other, "--method", "replay")
    assert "begin it with --method ewc, or name its training examples" in error_of(capsys, *other, "--method", "ewc")
    assert not (tmp_path / "other").exists()
    old = ["--old-train", folder / "first.tsv", "--keep", 0.5]
    assert finetune(*other, "--method", "ewc", *old, "--fisher-examples", 8) == 0
    kept = read_buffer(tmp_path / "other", LabelGroups(("dry", "wet", "loud", "royal"), (("dry", "wet"), ("loud",))))
    assert [each.task for each in kept] == [0] * 32 + [1] * 32
    lines = (first / "buffer.jsonl").read_text().replace('"text_pair": null', '"text_pair": "a bird"')
    (bare / "buffer.jsonl").write_text(lines)
    assert finetune(*other[:-1], tmp_path / "pairs", "--method", "replay") == 0
    assert earlier(tmp_path / "pairs")["kept"]["before"]["accuracy"] <= 1


def test_misuse_is_one_sentence_and_leaves_nothing(folder, first, second, tmp_path, capsys):
    def error(*arguments):
        return error_of(capsys, *second, *arguments, "--output", tmp_path / "other")

    def error_of_first(*arguments):
        files = ["--train", folder / "first.tsv", "--checkpoint", folder / "checkpoint"]
        return error_of(capsys, *files, *arguments, "--output", tmp_path / "other")

    assert "--task-known is about later tasks: name the run" in error_of_first("--task-known")
    assert "--method lwf keeps nothing for a later run" in error_of_first("--method", "lwf")
    assert "--replay-every: it would change nothing with --method ewc" in error("--method", "ewc", "--replay-every", 3)
    assert "--checkpoint: the model is the one of --continue-from" in error("--checkpoint", folder / "checkpoint")
    assert "--random-start: the model is the one of" in error("--random-start")
    assert "0 is not above 0 and at most 1" in error("--keep", 0)
    assert "--shard: --method agem compares whole gradients" in error("--method", "agem", "--shard")
    assert "--temperature is about teachers" in error("--temperature", 3)
    assert "is no run that predicts one label of several" in error("--continue-from", folder / "checkpoint")
    assert "heeds it: single-label" in error("--problem", "multi-label")
    assert "has kept examples itself" in error("--method", "ewc", "--old-train", folder / "first.tsv")
    assert "the label 'royal' is not one of those trained on" in error("--old-dev", folder / "second-dev.tsv")
    one = write_tsv(tmp_path / "one.tsv", rows_about([("garden", "green")], 40, 3))
    assert "has the label 'green' alone" in error("--task-known", "--train", one, "--dev", one)

    assert "holds no adapter (adapter_config.json); begin the sequence with one" in error("--method", "adapters")

    damaged = tmp_path / "damaged"
    shutil.copytree(first, damaged)
    buffer = (damaged / "buffer.jsonl").read_text()
    (damaged / "buffer.jsonl").write_text(buffer.replace('["dry", "wet"]', '["dry", "wet", "cold"]'))
    message = error("--continue-from", damaged, "--method", "replay")
    assert "was kept for 3 labels of 1 tasks (dry, wet, cold), and the model has 2 of 1 (dry, wet)" in message
    (damaged / "buffer.jsonl").write_text(buffer)
    task = json.loads((damaged / "task.json").read_text())
    (damaged / "task.json").write_text(json.dumps(task | {"label_groups": [["dry"]]}))
    assert "task.json: label_groups is [['dry']]; a list of each task's labels, of dry, wet" in error(
        "--continue-from", damaged
    )
    assert not (tmp_path / "other").exists()


def test_an_adapted_run_keeps_examples_for_the_run_that_goes_on_from_its_merged_model(folder, second, tmp_path, capsys):
    flags = ["--train", folder / "first.tsv", *SMALL_RUN, *RARELY, "--max-steps", 3]
    flags += ["--checkpoint", folder / "checkpoint", "--output", tmp_path / "run"]
    for kept in (["--keep", 0.25], ["--method", "replay"]):
        message = error_of(capsys, *flags, "--adapt", "houlsby", *kept)
        assert "an adapter of houlsby cannot be merged" in message
        assert not (tmp_path / "run").exists()
    assert finetune(*flags, "--adapt", "lora", "--keep", 0.25) == 0
    assert "python -m bert merge" in error_of(capsys, *second, "--continue-from", tmp_path / "run", "--output", "none")
    assert bert_command(["merge", str(tmp_path / "run"), str(tmp_path / "merged")]) == 0
    on = ["--continue-from", tmp_path / "merged", "--method", "replay", "--max-steps", 3]
    assert finetune(*second, *on, "--output", tmp_path / "on") == 0
    kept = read_buffer(tmp_path / "on", LabelGroups(("dry", "wet", "loud", "royal"), (("dry", "wet"), ("loud",))))
    assert {each.task for each in kept} == {0, 1}
    assert earlier(tmp_path / "on")["kept"]


def test_the_next_adapter_has_the_sizes_of_the_one_before_unless_its_method_is_another(folder, tmp_path, capsys):
    run = tmp_path / "run"
    torch.manual_seed(0)
    body = load_checkpoint(folder / "checkpoint", BertForSequenceClassification, ["classifier"], labels=["dry", "wet"])

    def settings_after(method, *flags):
        model = copy.deepcopy(body)
        adapt(model, method)
        save_adapter(run, model, str(folder / "checkpoint"))
        line = ["--train", folder / "second.tsv", "--continue-from", run, "--method", "adapters", *flags]
        return read_settings([*map(str, line), "--output", str(tmp_path / "next")])

    assert method_of(settings_after(Lora(3, 5, ALL))) == Lora(3, 5, ALL)
    assert method_of(settings_after(Lora(3, 5, ALL), "--rank", 4)) == Lora(4, 5, ALL)
    assert method_of(settings_after(Lora(3, 5, ALL), "--adapt", "adalora")) == AdaLora()
    assert method_of(settings_after(Lora(3), "--adapt", "houlsby")) == Houlsby()
    assert method_of(settings_after(AdaLora(5, 4), "--adapt", "lora", "--rank", 2)) == Lora(2)
    with pytest.raises(InputError, match="has the matrices query, key, which --targets cannot name; say which"):
        settings_after(Lora(3, targets=("query", "key")))
    assert method_of(settings_after(Lora(3, targets=("query", "key")), "--targets", "all")) == Lora(3, targets=ALL)
    assert method_of(settings_after(Prefix(3))) == Prefix(3)
    (run / "arguments.json").write_text('{"prefix_mlp": 11}')  # the adapter has only what the MLP gave
    assert method_of(settings_after(Prefix(3, 11))) == Prefix(3, 11)
    (run / "arguments.json").write_text('{"prefix_mlp": "11"}')
    with pytest.raises(InputError, match="--adapt prefix: projection_size is '11'"):
        settings_after(Prefix(3))


def test_adapters_stand_beside_the_earlier_ones_to_the_byte(folder, tmp_path, capsys):
    runs = [tmp_path / name for name in ("one", "two", "three")]
    small = [*SMALL_RUN, *RARELY, "--max-steps", 3]
    flags = ["--train", folder / "first.tsv", *small, "--checkpoint", folder / "checkpoint", "--adapt", "lora"]
    assert finetune(*flags, "--rank", 3, "--output", runs[0]) == 0
    flags = ["--train", folder / "second.tsv", *small, "--method", "adapters"]
    for before, run in itertools.pairwise(runs):
        assert finetune(*flags, "--continue-from", before, "--output", run) == 0
    assert "2 in all, which stay as they are. The task of an example is known" in capsys.readouterr().out
    assert [path.name for path in sorted((runs[2] / "adapters").iterdir())] == ["task-1", "task-2"]
    for number, run in enumerate(runs[:2], start=1):
        for name in ("adapter_model.safetensors", "adapter_config.json", "task.json", "vocab.txt"):
            assert (runs[2] / f"adapters/task-{number}" / name).read_bytes() == (run / name).read_bytes()
    assert json.loads((runs[2] / "adapter_config.json").read_text())["r"] == 3
    assert report_of(runs[2])["labels"] == ["loud", "royal"]
    assert report_of(runs[2])["task_known"] is True
    models = [
        load_adapted(folder / "checkpoint", run, BertForSequenceClassification)
        for run in (runs[0], runs[2] / "adapters/task-1")
    ]
    ids = torch.arange(5, 12)[None]
    assert models[0](ids).logits.equal(models[1](ids).logits)

    def error(*arguments):
        return error_of(capsys, *arguments, *small, "--train", folder / "second.tsv", "--output", tmp_path / "other")

    assert "holds an adapter; train another one beside it" in error("--continue-from", runs[0], "--method", "replay")
    adapters = ["--continue-from", runs[0], "--method", "adapters"]
    assert "--keep: with --method adapters each task has an adapter" in error(*adapters, "--keep", 0.1)
    other_body = load_checkpoint(folder / "checkpoint", BertForPreTraining)
    torch.nn.init.ones_(other_body.bert.embeddings.layer_norm.bias)
    save_checkpoint(tmp_path / "body", other_body, load_tokenizer(folder / "checkpoint"))
    assert "was trained on another body" in error(*adapters, "--checkpoint", tmp_path / "body")
    assert not (tmp_path / "other").exists()


def test_a_further_adapter_has_an_untrained_head_and_pooler_of_its_own(folder, first, tmp_path):
    """The body has a head for other labels here, and the first adapter was trained with a new pooler."""
    one, two = tmp_path / "one", tmp_path / "two"
    small = [*SMALL_RUN, *RARELY, "--max-steps", 1]
    flags = ["--train", folder / "first.tsv", *small, "--checkpoint", first, "--adapt", "lora", "--fresh", "pooler"]
    assert finetune(*flags, "--output", one) == 0
    more = ["--train", folder / "second.tsv", *small, "--continue-from", one, "--method", "adapters"]
    assert finetune(*more, "--output", two) == 0
    assert report_of(two)["labels"] == ["loud", "royal"]
    assert read_adapter(two).also == ("bert.pooler",)
