"""Files are whole or not there."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.files import whole
from bert.files.whole import atomic_file, lock_directory, remove_unless, sweep, write_atomically

ROOT = Path(__file__).parents[3]


def test_what_is_written_is_there_with_ordinary_permissions(tmp_path):
    write_atomically(tmp_path / "new" / "file.txt", "é\n")
    assert (tmp_path / "new" / "file.txt").read_bytes() == "é\n".encode()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "new" / "file.txt").stat().st_mode) == 0o666 & ~umask


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(KeyError), atomic_file(path) as file:
        file.write(b"half of the new")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_a_sentence_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"file: the disk is full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_to_the_new_file(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_pipe_that_is_asked_for_is_written_to_as_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(pipe, may_be_pipe=True) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    reader, writer = os.pipe()
    with atomic_file(f"/proc/self/fd/{writer}", may_be_pipe=True) as file:  # as /dev/stdout is if it is a pipe
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    with pytest.raises(InputError, match="directory"):
        write_atomically(tmp_path, "")


def test_a_runs_own_file_is_never_a_pipe_for_which_it_would_wait(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    for path in ("pipe", "link", "socket", "/dev/null", tmp_path):
        with pytest.raises(InputError, match=f"^{path}: cannot be written .*; remove it, or write to another place"):
            write_atomically(path, "x")  # without a reader, opening a pipe waits for ever
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "socket"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"below: cannot be written"):
        write_atomically(tmp_path / "file" / "below", "x")


def test_what_utf_8_cannot_hold_is_an_escape(tmp_path):
    write_atomically(tmp_path / "a", "r\udce9views")
    assert (tmp_path / "a").read_text() == "r\\udce9views"


def test_a_directory_is_locked_by_one_process_at_a_time(tmp_path):
    with (
        lock_directory(tmp_path),
        pytest.raises(InputError, match="another process is at work there"),
        lock_directory(tmp_path),
    ):
        pass
    with lock_directory(tmp_path):
        pass


def test_a_directory_made_for_its_lock_is_removed_if_nothing_was_written(tmp_path):
    with lock_directory(tmp_path / "runs" / "a"):
        assert (tmp_path / "runs" / "a").is_dir()
    assert list(tmp_path.iterdir()) == []
    with lock_directory(tmp_path / "runs" / "a"):
        (tmp_path / "runs" / "a" / "file").touch()
    assert (tmp_path / "runs" / "a" / "file").exists()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"), lock_directory(tmp_path / "file" / "below"):
        pass


def test_a_file_of_another_set_goes_before_the_set_changes(tmp_path):
    write_atomically(tmp_path / "a", "é\n")
    remove_unless(tmp_path / "a", "é\n")
    assert (tmp_path / "a").exists()
    remove_unless(tmp_path / "a", "other")
    assert not (tmp_path / "a").exists()
    remove_unless(tmp_path / "a", "other")  # there is none


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "model.bin") as file:
        left = file.name if isinstance(file.name, str) else next(tmp_path.iterdir())
        os.link(left, tmp_path / "kept")  # after a kill the temporary file stays; here the block removes it
        raise KeyboardInterrupt
    os.rename(tmp_path / "kept", left)
    others = [".model.bin.tmp", ".other.bin.abcdefgh.tmp", "model.bin.abcdefgh.tmp", "model.bin"]
    for name in others:
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / ".model.bin.12345678.tmp")  # to open it would wait for a writer
    sweep(tmp_path, ["model.bin", "[a-z]*"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_what_a_process_still_writes_is_not_swept(tmp_path):
    with atomic_file(tmp_path / "model.bin") as file:
        sweep(tmp_path, ["model.bin"])
        file.write(b"whole")
    assert (tmp_path / "model.bin").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EMFILE, "ulimit -n"), (errno.EFBIG, "ulimit -f"), (errno.ENOENT, "removed or renamed"),
     (errno.EACCES, "permissions"), (errno.EDQUOT, "disk is full")],
)  # fmt: skip
def test_the_remedy_is_that_of_the_error(number, remedy):
    assert remedy in whole.writing_failed("a", OSError(number, os.strerror(number)))
