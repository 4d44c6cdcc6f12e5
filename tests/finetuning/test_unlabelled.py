"""Unlabelled texts for cloze questions: masked as in pretraining, the same ones each time."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.options import Columns
from finetuning.unlabelled import masked_texts
from tests.bert.tasks.cloze.test_task import examples
from tests.bert.tasks.conftest import TOKENIZER, make_task
from tests.conftest import make_documents


@pytest.fixture
def task():
    patterns = patterns_of({"patterns": "{text} [MASK]", "words": {"wet": "ship", "dry": "road"}}, "p.toml")
    return make_task("cloze", {"train": ("a", examples())}, ["wet", "dry"], max_length=12, patterns=patterns)


def write_texts(path, texts):
    path.write_text("".join(f"{text}\n" for text in texts))
    return str(path)


def test_a_seventh_of_the_tokens_is_masked_and_the_rest_is_the_text(task, tmp_path):
    texts = [" ".join(document) for document in make_documents(300)]
    masked = masked_texts(task, write_texts(tmp_path / "u.txt", texts), Columns(), seed=1)
    assert len(masked) == 300
    treated = 0
    for window, text in zip(masked, texts):
        ids = [TOKENIZER.cls_token_id, *TOKENIZER.encode(text)[:10], TOKENIZER.sep_token_id]
        assert len(window) == 12
        assert len(window.selected) == len(window.masked_labels) == 2  # round(0.15 * 12)
        assert [ids[position] for position in window.selected] == window.masked_labels
        assert not {0, 11} & set(window.selected)
        others = np.delete(np.arange(12), window.selected)
        assert window.input_ids[others].tolist() == np.array(ids)[others].tolist()
        treated += sum(int(window.input_ids[position] == TOKENIZER.mask_token_id) for position in window.selected)
    assert 0.7 < treated / 600 < 0.9


def test_a_seed_names_the_masks(task, tmp_path):
    path = write_texts(tmp_path / "u.txt", [" ".join(document) for document in make_documents(20)])
    first, again, other = (masked_texts(task, path, Columns(), seed) for seed in (1, 1, 2))
    assert [window.selected for window in first] == [window.selected for window in again]
    assert [window.selected for window in first] != [window.selected for window in other]


def test_texts_without_a_token_are_left_out_and_a_file_of_nothing_else_is_refused(task, tmp_path):
    path = write_texts(tmp_path / "u.txt", ["", "a king", "[SEP] [MASK]", "[SEP] king"])
    masked = masked_texts(task, path, Columns(), seed=1)
    assert len(masked) == 2
    assert all(window.masked_labels[0] != TOKENIZER.sep_token_id for window in masked)
    with pytest.raises(InputError, match=r"u.txt: holds no text with a token"):
        masked_texts(task, write_texts(tmp_path / "u.txt", ["", "[SEP]"]), Columns(), seed=1)


def test_a_table_is_read_by_its_columns_and_needs_no_labels(task, tmp_path):
    folder = tmp_path / "as.txt"  # a folder's name says nothing
    folder.mkdir()
    (folder / "u.tsv").write_text("id\tbody\n1\ta king waits\n2\tthe river\n")
    masked = masked_texts(task, str(folder / "u.tsv"), Columns(text="body"), seed=1)
    assert [len(window) for window in masked] == [5, 4]
