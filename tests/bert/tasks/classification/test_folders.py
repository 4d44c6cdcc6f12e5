"""A folder of texts for each label, as aclImdb has them."""

import pytest

from bert.errors import InputError
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Columns


def make(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_texts_come_by_label_and_name_with_the_folders_name_as_label(tmp_path):
    folder = make(tmp_path, {
        "pos/10_9.txt": b"good<br />", "neg/2_1.txt": b"bad\r\nfilm\n", "neg/1_3.txt": b"caf\xc3\xa9",
        "unsup/0_0.txt": b"unknown", "urls_pos.txt": b"http://", "labeledBow.feat": b"9 0:9",
    })  # fmt: skip
    assert list(read_examples(folder, Columns())) == [
        Example(1, "café", None, "neg"), Example(2, "bad\nfilm", None, "neg"), Example(3, "good<br />", None, "pos"),
    ]  # fmt: skip


def test_empty_and_undecodable_texts_are_bad_rows_by_their_files_names(tmp_path):
    folder = make(tmp_path, {"a/1.txt": b"x", "a/2.txt": b" \n", "b/3.txt": b"caf\xe9", "b/4.txt": b"y"})
    with pytest.raises(InputError, match=r"2 rows are bad \(.*a/2\.txt: is empty; .*b/3\.txt: line 1, byte 3"):
        list(read_examples(folder, Columns()))
    with pytest.warns(UserWarning, match="2 rows are left out"):
        assert [each.first for each in read_examples(folder, Columns(bad_rows="skip"))] == ["x", "y"]


def test_a_directory_without_texts_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is a directory without texts; a folder of \.txt files for each label"):
        list(read_examples(make(tmp_path, {"a.txt": b"x", "a/b.csv": b"y"}), Columns()))
    with pytest.raises(InputError, match="is a directory; the file of a table was expected"):
        list(read_examples(tmp_path, Columns(), labelled=False))
