"""A small run from nothing: every part is measured, and wrong flags are refused before the first of them."""

import json

import pytest

from benchmarks import from_nothing


def test_a_whole_run_measures_each_part(imdb, tmp_path, capsys):
    rows, run = tmp_path / "rows.json", tmp_path / "run"
    flags = [
        "--output", run, "--size", "1x64", "--minutes", 0.01, "--trial-steps", 100, "--batch-size", 2, "--labelled", 30,
        "--vocab-size", 300, "--epochs", 1, "--seeds", 2, "--distil", 20, "--compare", "--device", "cpu",
        "--json", rows, "--pretraining=--no-nsp", "--finetuning", "--pool mean", "--distilling", "--temperature 1",
    ]  # fmt: skip
    from_nothing.main(list(map(str, flags)))
    found = {row["case"].partition(": ")[2]: row["ours"] for row in json.loads(rows.read_text())}
    parts = [
        "split the reviews", "learn a vocabulary, tokenize, trial", "pretrain", "fine-tune, pretrained start",
        "fine-tune, random start", "learn 20 reviews as the fine-tuned models label them",
    ]  # fmt: skip
    times = [found[f"{part}, time"] for part in parts]
    assert all(time > 0 for time in times)
    assert sum(times) == pytest.approx(found["all of it, time"], rel=0.1)
    assert found["pretraining, updates"] > 0
    assert "pretraining, held-out NSP" not in found
    for start in ("pretrained", "random"):
        scores = [report_of(run / f"finetuned-{start}" / f"seed-{seed}")["dev"]["accuracy"] for seed in (0, 1)]
        assert found[f"dev accuracy after the last epoch, {start} start"] == pytest.approx(50 * sum(scores))
        assert 0 <= found[f"dev accuracy of their mean probabilities, {start} start"] <= 100
    assert len((run / "pretrained" / "vocab.txt").read_text().splitlines()) <= 300
    pupil = report_of(run / "distilled")
    assert pupil["dev"]["accuracy"] == found["dev accuracy of the model that learned from them"] / 100
    for method in ("words", "latent semantics"):
        assert 0 <= found[f"without a network: {method}, accuracy"] <= 100
    assert len((run / "unlabelled.txt").read_text().splitlines()) == 20
    arguments = json.loads((run / "distilled" / "arguments.json").read_text())
    assert (arguments["pool"], arguments["temperature"]) == ("mean", 1.0)
    assert "all of it, time" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="is there already"):
        from_nothing.main(list(map(str, flags)))
    flags = [
        "--output", tmp_path / "again", "--checkpoint", run / "pretrained", "--choosing", "--labelled", 30,
        "--epochs", 1, "--device", "cpu",
    ]  # fmt: skip
    from_nothing.main(list(map(str, flags)))
    printed = capsys.readouterr().out
    assert "30 labelled, to choose: dev accuracy after the last epoch, pretrained start" in printed
    assert "pretraining, updates" not in printed
    assert {path.name for path in (tmp_path / "again").iterdir() if path.is_dir()} == {"finetuned-pretrained"}


def report_of(run):
    return json.loads((run / "report.json").read_text())


def test_the_mean_probability_of_all_runs_decides(tmp_path):
    header = "set\tline\tlabel\tprediction\tp(bad)\tp(good)\n"
    runs = {"a": ["bad\tbad\t0.9\t0.1", "good\tbad\t0.6\t0.4"], "b": ["bad\tgood\t0.3\t0.7", "good\tgood\t0.3\t0.7"]}
    for name, rows in runs.items():
        (tmp_path / name).mkdir()
        table = "".join(f"dev\t{line}\t{row}\n" for line, row in enumerate(rows, 2))
        (tmp_path / name / "predictions.tsv").write_text(header + table)
    assert from_nothing.joint_accuracy([tmp_path / "a"]) == 0.5
    assert from_nothing.joint_accuracy([tmp_path / "b"]) == 0.5
    assert from_nothing.joint_accuracy([tmp_path / "a", tmp_path / "b"]) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--finetuning", "--pool middle"], "--pool: invalid choice"),
        (["--finetuning", "--dev other.tsv"], "--finetuning: --dev is the benchmark's own to decide"),
        (["--pretraining", "--max-steps 5"], "--pretraining: --max-steps is the benchmark's own to decide"),
        (["--pretraining", "--no-nsp --fresh nsp"], "--fresh"),
        (["--pretraining=--cased"], "--cased: it would change nothing, since --vocab names a vocabulary"),
        (["--distil", "5", "--distilling", "--class-weights balanced"], "--class-weights"),
        (["--distilling", "--temperature 1"], "nothing is distilled without --distil N"),
        (["--checkpoint", "run"], "the measured tenth may be among its texts; add --choosing"),
        (["--checkpoint", "run", "--choosing", "--pretraining=--no-nsp"], "with --checkpoint nothing is pretrained"),
    ],
)
def test_wrong_flags_are_refused_before_the_first_part(imdb, tmp_path, flags, message):
    with pytest.raises(SystemExit, match=message):
        from_nothing.main(["--output", str(tmp_path / "run"), *flags])
    assert not (tmp_path / "run").exists()
