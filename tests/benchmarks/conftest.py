"""A small IMDb for the benchmarks that read it."""

import random

import pytest

from tests.conftest import make_documents


@pytest.fixture
def imdb(tmp_path, monkeypatch):
    """Short reviews; one word makes each good or bad. Some occur twice, and also among the unlabelled ones."""
    generator = random.Random(0)
    rows = []
    for number, sentences in enumerate(make_documents(200, seed=1)):
        label = generator.randrange(2)
        text = "<br /><br />".join([*sentences, ("Dreadful!", "Wonderful!")[label]])
        rows += [(label, text)] * (1 + (number % 10 == 0))
    folder = tmp_path / "data" / "imdb"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in rows))
    unlabelled = [" ".join(sentences) for sentences in make_documents(100, seed=2)] + [text for _, text in rows[::5]]
    (folder / "unsup.txt").write_text("".join(f"{text}\n" for text in unlabelled))
    monkeypatch.setenv("BERT_DATA", str(tmp_path / "data"))
    return folder
