"""Files are whole or not there."""

import bz2
import errno
import gzip
import lzma
import os
import re
import socket
import stat
import tracemalloc
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.files import whole
from bert.files.whole import (
    atomic_file,
    lock_directory,
    open_to_read,
    read_bytes,
    read_json_object,
    remove_unless,
    sweep,
    write_atomically,
)

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


def test_what_is_no_file_is_written_to_as_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    reader, writer = os.pipe()
    write_atomically(f"/proc/self/fd/{writer}", "through")  # as /dev/stdout does if it is a pipe
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    with pytest.raises(InputError, match="directory"):
        write_atomically(tmp_path, "")


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"below: cannot be written"):
        write_atomically(tmp_path / "file" / "below", "x")


def test_what_utf_8_cannot_hold_is_an_escape(tmp_path):
    write_atomically(tmp_path / "a", "r\udce9views")
    assert (tmp_path / "a").read_text() == "r\\udce9views"


def test_json_that_is_no_object_is_refused_by_name(tmp_path):
    path = tmp_path / "x.json"
    for content in ("", "3", '{"a":', r'{"a": "\ud83d"}'):
        path.write_text(content)
        message = "holds a int" if content == "3" else "is not JSON"
        with pytest.raises(InputError, match=rf"x\.json: .*{message}"):
            read_json_object(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_json_object(tmp_path / "none.json")


@pytest.mark.parametrize(("suffix", "library"), [(".gz", gzip), (".xz", lzma), (".bz2", bz2)])
def test_json_may_be_compressed(tmp_path, monkeypatch, suffix, library):
    compress = library.compress
    path, content = tmp_path / f"x.json{suffix}", b'{"a": 1}' + b" " * 10_000
    path.write_bytes(compress(content))
    assert read_json_object(path) == {"a": 1}
    for damaged in (compress(content)[:-5], content, b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"x\.json\{suffix}: is damaged or is not a \{suffix} file|is not JSON"):
            read_json_object(path)
    monkeypatch.setattr(whole, "LONGEST_JSON", 10_000)
    path.write_bytes(compress(content))
    with pytest.raises(InputError, match="holds more than 10,000 bytes"):
        read_json_object(path)


def test_escapes_of_json_are_whole_characters(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(r'{"a": "\ud83d\ude00 \u00e9"}')
    assert read_json_object(path) == {"a": "\U0001f600 \xe9"}


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


# ---- files that never end, or cannot be read again ----


@pytest.fixture(params=["pipe", "socket", "device", "link to a device", "directory", "nothing", "loop", "zero byte"])
def no_file(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    path = Path("x.gz")
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif request.param == "device":
        path = Path("/dev/zero")
    elif request.param == "link to a device":
        path.symlink_to("/dev/zero")
    elif request.param == "directory":
        path.mkdir()
    elif request.param == "loop":
        path.symlink_to(path)
    elif request.param == "zero byte":
        path = Path("x\0y")
    return path


def test_only_regular_files_are_read(no_file):
    for read in (read_json_object, lambda path: read_bytes(path, 10), lambda path: open_to_read(path).__enter__()):
        with pytest.raises(InputError, match=f"^{re.escape(str(no_file))}: cannot be read "):
            read(no_file)


def test_a_link_to_a_file_is_read_as_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link", 7) == b"content"


def test_a_program_reads_through_this_door_alone():
    """Or, after ``require_file``, with a library; the standard library's own sources are no input."""
    readers = r"\.read_text\(|\.read_bytes\(|(?<![\w.])open\((?!.*\"(a|ab|w|wb)\")|np\.(load|fromfile)\("
    allowed = {
        "bert/files/whole.py",
        "data/text/python_docs.py",
        "bert/training/state.py",
        "bert/checkpoints/pytorch_bin.py",
    }
    for path in ("bert/training/state.py", "bert/checkpoints/pytorch_bin.py"):
        assert "require_file(path)\n    with open(path" in (ROOT / path).read_text()
    for folder in ("bert", "data", "finetuning", "pretraining"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = [line for line in path.read_text().splitlines() if re.search(readers, line)]
            assert not found or str(path.relative_to(ROOT)) in allowed, f"{path}: {found}"


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_a_compressed_file_that_was_cut_to_nothing_is_damaged(tmp_path, suffix):
    (tmp_path / f"a.txt{suffix}").touch()
    with (
        pytest.raises(InputError, match=rf"a\.txt\{suffix}: is damaged .* \(it is empty\)"),
        open_to_read(tmp_path / f"a.txt{suffix}"),
    ):
        pass
    (tmp_path / "a.txt").touch()
    assert read_bytes(tmp_path / "a.txt", 10) == b""


def test_a_limit_is_a_limit_and_reserves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    tracemalloc.start()
    try:
        assert len(read_bytes(path, 1 << 28)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
        with open(path, "rb") as file:  # the control: a buffered reader reserves what it is asked for
            file.read(1 << 28)
        assert tracemalloc.get_traced_memory()[1] > 1 << 27
    finally:
        tracemalloc.stop()
    assert len(read_bytes(path, 1000)) == 1000
    with pytest.raises(InputError, match="a: holds more than 999 bytes"):
        read_bytes(path, 999)
    with open(path, "wb") as file:
        file.truncate(1 << 33)  # 8 GB of zeros that take no room
    with pytest.raises(InputError, match="a: holds more than 1,048,576 bytes"):
        read_bytes(path, 1 << 20)


def test_json_of_more_values_than_memory_holds_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(whole, "MOST_JSON_VALUES", 1000)
    path = tmp_path / "x.json"
    for unit in ("{}", "[]", "1", '"a"', '{"a":{}}'):
        path.write_text('{"data": [' + ",".join([unit] * 1000) + "]}")
        with pytest.raises(InputError, match=r"x\.json: holds more than 1,000 values; split it"):
            read_json_object(path)
    path.write_text('{"data": "' + "a" * 100_000 + '"}')
    assert len(read_json_object(path)["data"]) == 100_000


def test_a_file_that_needs_more_memory_than_there_is_is_one_sentence(tmp_path, monkeypatch):
    def asks_for_a_dictionary_of_4_gb(*arguments):
        raise MemoryError

    (tmp_path / "a.xz").write_bytes(b"x")
    monkeypatch.setitem(whole.COMPRESSIONS, ".xz", asks_for_a_dictionary_of_4_gb)
    with pytest.raises(InputError, match=r"a\.xz: cannot be read: it needs more memory than there is"):
        read_bytes(tmp_path / "a.xz", 10)


def test_an_error_of_a_reader_is_said_once(tmp_path):
    with pytest.raises(InputError) as caught:
        read_json_object(tmp_path / "none.json")
    assert str(caught.value) == f"{tmp_path / 'none.json'}: cannot be read (No such file or directory)"


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
    sweep(tmp_path, ["model.bin", "[a-z]*"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EMFILE, "ulimit -n"), (errno.EFBIG, "ulimit -f"), (errno.ENOENT, "removed or renamed"),
     (errno.EACCES, "permissions"), (errno.EDQUOT, "disk is full")],
)  # fmt: skip
def test_the_remedy_is_that_of_the_error(number, remedy):
    assert remedy in whole.writing_failed("a", OSError(number, os.strerror(number)))
