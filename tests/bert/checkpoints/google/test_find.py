"""Which TensorFlow checkpoint a directory holds."""

import pytest

from bert.checkpoints.google.find import google_checkpoint
from bert.errors import InputError


def with_checkpoints(directory, *names: str):
    for name in names:
        (directory / f"{name}.index").touch()
        (directory / f"{name}.data-00000-of-00001").touch()
    return directory


def test_a_directory_without_one_has_none(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "other.index").touch()
    assert google_checkpoint(tmp_path) is None


@pytest.mark.parametrize("name", ["bert_model.ckpt", "model.ckpt-20", "biobert.ckpt"])
def test_the_only_one_is_it(tmp_path, name):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "elsewhere"')  # it was copied from a larger run
    assert google_checkpoint(with_checkpoints(tmp_path, name)) == tmp_path / name


def test_of_a_run_s_checkpoints_it_is_the_last_and_a_warning_says_so(tmp_path):
    names = [f"model.ckpt-{step}" for step in (0, 900, 1000)]
    with pytest.warns(UserWarning, match="this reads model.ckpt-1000, the last"):
        assert google_checkpoint(with_checkpoints(tmp_path, *names)) == tmp_path / "model.ckpt-1000"


@pytest.mark.parametrize("path", ["model.ckpt-900", "/home/me/run/model.ckpt-900", "gs://bucket/run/model.ckpt-900"])
def test_tensorflow_s_own_list_decides(tmp_path, path):
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\nall_model_checkpoint_paths: "x"\n')
    directory = with_checkpoints(tmp_path, "bert_model.ckpt", "model.ckpt-900", "model.ckpt-1000")
    assert google_checkpoint(directory) == tmp_path / "model.ckpt-900"


@pytest.mark.parametrize(("files", "found", "message"), [
    ({}, ["bert_model.ckpt", "model.ckpt-5"], "several TensorFlow checkpoints, bert_model.ckpt and model.ckpt-5"),
    ({}, ["a.ckpt-1", "b.ckpt-2"], "several TensorFlow checkpoints, a.ckpt-1 and b.ckpt-2; leave one"),
    ({"checkpoint": 'model_checkpoint_path: "x-3"'}, ["a.ckpt-1", "a.ckpt-2"], "names x-3, but in the directory are"),
    ({"checkpoint": "\xff"}, ["a.ckpt-1", "a.ckpt-2"], "names no checkpoint, but in the directory are a.ckpt-1 and"),
    ({"a.ckpt.data-00000-of-00002": ""}, [], "00000-of-00002: needs a.ckpt.index beside it"),
])  # fmt: skip
def test_where_it_cannot_know_it_says_what_it_found(tmp_path, files, found, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        google_checkpoint(with_checkpoints(tmp_path, *found))
