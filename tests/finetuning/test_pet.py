"""PET as one command: its runs, its report, and that it goes on where it was."""

import json

import pytest

import train_finetune
from bert.checkpoints.directory import load_checkpoint
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.cloze.patterns import patterns_of, read_patterns
from finetuning import child_runs, pet
from tests.finetuning.test_cloze_runs import folder  # noqa: F401 (a fixture)
from tests.test_train_finetune import make_rows, write_tsv


@pytest.fixture
def begun(monkeypatch):
    """The runs that are begun or resumed, in this process."""
    runs = []

    def start(command_line):
        runs.append((command_line[-1], command_line[0] == "--resume"))
        return train_finetune.main(command_line)

    monkeypatch.setattr(child_runs, "start", start)
    return runs


@pytest.fixture
def flags(folder, tmp_path):  # noqa: F811
    write_tsv(tmp_path / "few.tsv", make_rows(12, 1))
    (tmp_path / "u.txt").write_text("".join(f"{text}\n" for text, _ in make_rows(80, 3)))
    files = {"--patterns": folder / "short.toml", "--train": tmp_path / "few.tsv", "--unlabelled": tmp_path / "u.txt"}
    files |= {"--dev": folder / "dev.tsv", "--checkpoint": folder / "checkpoint", "--output": tmp_path / "pet"}
    own = ["--seeds", 1, "--steps", 3, "--distil-steps", 3]
    others = ["--learning-rate", 3e-3, "--max-length", 16, "--precision", "fp32", "--device", "cpu"]
    return [str(part) for flag, file in files.items() for part in (flag, file)] + list(map(str, [*own, *others]))


def test_ipet_is_one_command_and_goes_on_where_it_was(flags, begun, tmp_path, capsys):
    flags += ["--generations", "2", "--seed", "7", "--temperature", "3", "--masked-lm-weight", "0.01"]
    output = tmp_path / "pet"
    assert pet.main(flags) == 0
    names = [run.removeprefix(f"{output}/") for run, _ in begun]
    assert names == [
        "zero-shot/pattern-1", "zero-shot/pattern-2",
        "generation-1/pattern-1/seed-7", "generation-1/pattern-2/seed-7",
        "generation-2/pattern-1/seed-7", "generation-2/pattern-2/seed-7",
        "classifier",
    ]  # fmt: skip
    report = json.loads((output / "report.json").read_text())
    classifier = json.loads((output / "classifier" / "report.json").read_text())
    assert report["classifier"] == classifier["dev"]
    assert report["accuracy before training"].keys() == {"pattern-1", "pattern-2"}
    assert report["baseline"] == classifier["baseline"]
    assert capsys.readouterr().out.splitlines()[-1] == f"baseline: {classifier['baseline']['name']}"
    settings = {name: json.loads((output / name / "arguments.json").read_text()) for name in names}
    assert settings["generation-1/pattern-2/seed-7"]["masked_lm_weight"] == 0.01
    assert settings["classifier"]["temperature"] == 3
    assert [settings[name]["seed"] for name in names] == [0, 0, 7, 7, 7, 7, 7]
    assert [settings[name]["batch_size"] for name in names] == [32, 32, 4, 4, 4, 4, 16]
    assert report["generation-2"].keys() == {"pattern-1/seed-7", "pattern-2/seed-7"}
    assert load_checkpoint(output / "classifier", BertForSequenceClassification).labels == ("wet", "dry")
    weights = report["accuracy before training"]
    taught_by = json.loads((output / "classifier" / "arguments.json").read_text())["distil_from"]
    assert taught_by == [f"{output}/generation-2/{name}/seed-7={weights[name]}" for name in weights]
    first = [line for line in (output / "generation-2/labelled/pattern-1-seed-7.jsonl").read_text().splitlines()]
    assert first[:12] == [json.dumps({"text": text, "label": label}) for text, label in make_rows(12, 1)]
    assert 12 < len(first) <= 60

    begun.clear()
    assert pet.main(flags) == 0
    assert begun == []  # all are finished
    (output / "classifier" / "report.json").unlink()
    assert pet.main(flags) == 0
    assert begun == [(f"{output}/classifier", True)]
    assert json.loads((output / "report.json").read_text()) == report
    capsys.readouterr()
    for flag, found in (("--steps", "steps: 3"), ("--seed", "seed: 7"),
                        ("--batch-size", "further flags: ['--learning-rate', ")):  # fmt: skip
        assert pet.main([*flags, flag, "4"]) == 2
        error = capsys.readouterr().err
        assert f"was begun with other {found}" in error
        assert "; give the same, or name another --output" in error


def test_a_run_that_fails_ends_the_command_with_its_code(flags, begun, tmp_path, capsys):
    assert pet.main([*flags, "--max-length", "3"]) == 2
    output, error = capsys.readouterr()
    assert output.startswith(f"\n{tmp_path}/pet/zero-shot/pattern-1: begins\n")
    assert "leaves no room for a text" in error
    assert len(begun) == 1
    assert not (tmp_path / "pet" / "report.json").exists()
    for flag in ("--patterns", "--dev"):
        assert pet.main([*flags, flag, "nowhere.toml", "--output", str(tmp_path / "other")]) == 2
        assert "nowhere.toml: " in capsys.readouterr().err
    assert len(begun) == 1
    assert not (tmp_path / "other").exists()


def test_bad_flags_and_columns_are_refused_before_the_first_run(flags, begun, tmp_path, capsys):
    unnamed = ["--no-header", "--text-column", "1", "--label-column", "2"]
    for more, found in (
        (["--class-weights", "balanced"], "leave --class-weights out"),
        (["--max-steps", "3"], "--max-steps: finetuning.pet decides this"),
        (["--generations", "2", *unnamed], "--generations above 1 write files with named columns"),
    ):
        assert pet.main([*flags, *more]) == 2
        assert found in capsys.readouterr().err
    assert begun == []
    assert not (tmp_path / "pet").exists()


def test_the_seeds_follow_the_first_one(flags, begun, monkeypatch, tmp_path):
    monkeypatch.setattr(pet, "finetune", lambda general, run, line: begun.append(line) or {
        "dev": {"accuracy": 0.5}, "baseline": {"name": "always 'wet'", "dev": {"accuracy": 0.5}}, "metric": "accuracy",
    })  # fmt: skip
    assert pet.main([*flags, "--seed", "5", "--seeds", "2"]) == 0
    assert [line[line.index("--seed") + 1] for line in begun if "--train" in line] == ["5", "6"] * 2


def test_a_command_of_an_earlier_version_goes_on(flags, begun, monkeypatch, tmp_path):
    monkeypatch.setattr(child_runs, "start", lambda command_line: begun.append(command_line) or 130)
    assert pet.main(flags) == 130
    path = tmp_path / "pet" / "pet.json"
    before = json.loads(path.read_text())
    del before["seed"]
    path.write_text(json.dumps(before))
    (tmp_path / "pet/zero-shot/pattern-1").mkdir(parents=True)
    (tmp_path / "pet/zero-shot/pattern-1/arguments.json").write_text("{}")
    assert pet.main(flags) == 130
    assert begun[-1][0] == "--resume"


def test_a_refused_command_can_be_given_again_with_other_flags(flags, begun, monkeypatch):
    assert pet.main([*flags, "--max-length", "3"]) == 2
    monkeypatch.setattr(child_runs, "start", lambda command_line: 130)  # Ctrl-C
    assert pet.main(flags) == 130


def test_a_single_pattern_is_written_as_it_was_read(tmp_path):
    text = '{text} It was "[MASK]" \\ über 中\t.'
    patterns = patterns_of({"patterns": text, "words": {"neg ative": ["schlecht"], "1.0": ["gut", "größe"]}}, "p")
    (tmp_path / "p.toml").write_text(pet.in_toml(text, patterns), encoding="utf-8")
    assert read_patterns(tmp_path / "p.toml")[1:] == patterns[1:]
