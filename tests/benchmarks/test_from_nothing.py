"""A small run from nothing: held-out reviews are in no other text, and every part is measured."""

import json
import random

import pytest

from benchmarks import from_nothing
from bert.tasks.classification.read import read_examples
from finetuning.known_tasks import KNOWN_TASKS
from tests.conftest import make_documents


@pytest.fixture
def imdb(tmp_path, monkeypatch):
    """Short reviews; one word makes each good or bad. Some occur twice, and also among the unlabelled ones."""
    generator = random.Random(0)
    rows = []
    for number, sentences in enumerate(make_documents(200, seed=1)):
        label = generator.randrange(2)
        text = " ".join([*sentences, ("Dreadful!", "Wonderful!")[label]])
        rows += [(label, text)] * (1 + (number % 10 == 0))
    folder = tmp_path / "data" / "imdb"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in rows))
    unlabelled = [" ".join(sentences) for sentences in make_documents(100, seed=2)] + [text for _, text in rows[::5]]
    (folder / "unsup.txt").write_text("".join(f"{text}\n" for text in unlabelled))
    monkeypatch.setenv("BERT_DATA", str(tmp_path / "data"))
    return folder


def test_held_out_reviews_are_in_no_other_text(imdb, tmp_path):
    texts, train, dev = (tmp_path / name for name in ("texts.txt", "train.tsv", "dev.tsv"))
    from_nothing.split_reviews(imdb, texts, train, dev, None)
    sets = [{example.first for example in read_examples(path, KNOWN_TASKS["imdb"].columns)} for path in (train, dev)]
    assert len(sets[1]) > 10
    assert not sets[0] & sets[1]
    lines = set(texts.read_text().splitlines())
    assert sets[0] < lines
    assert not lines & sets[1]
    from_nothing.split_reviews(imdb, texts, train, dev, 20)
    assert len(list(read_examples(train, KNOWN_TASKS["imdb"].columns))) == 20


def test_a_whole_run_measures_each_part(imdb, tmp_path, capsys):
    rows, run = tmp_path / "rows.json", tmp_path / "run"
    flags = [
        "--output", run, "--size", "tiny", "--minutes", 0.02, "--trial-steps", 100, "--batch-size", 2,
        "--epochs", 1, "--compare", "--device", "cpu", "--json", rows,
    ]  # fmt: skip
    from_nothing.main(list(map(str, flags)))
    found = {row["case"].partition(": ")[2]: row["ours"] for row in json.loads(rows.read_text())}
    parts = [
        "split the reviews", "learn a vocabulary, tokenize, trial", "pretrain", "fine-tune, pretrained start",
        "fine-tune, random start",
    ]  # fmt: skip
    times = [found[f"{part}, time"] for part in parts]
    assert all(time > 0 for time in times)
    assert sum(times) == pytest.approx(found["all of it, time"], rel=0.1)
    assert found["pretraining, updates"] > 0
    for start in ("pretrained", "random"):
        assert 0 <= found[f"dev accuracy after the last epoch, {start} start"] <= 100
    assert "all of it, time" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="is there already"):
        from_nothing.main(list(map(str, flags)))
