"""Reading: regular files alone, plain or compressed, up to a limit."""

import os
import re
import socket
import tracemalloc
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.files import reading
from bert.files.json_objects import read_json_object
from bert.files.reading import open_to_read, read_bytes

ROOT = Path(__file__).parents[3]


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
        with pytest.raises(InputError, match=f"^{re.escape(str(no_file))}: (cannot be read |no such file)"):
            read(no_file)


def test_a_link_to_a_file_is_read_as_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link", 7) == b"content"


def test_a_program_reads_through_this_door_alone():
    """Or, after ``require_file``, with a library.

    No input are sources of Python and of this project, and Linux' counts in /proc.
    """
    readers = r"\.read_text\(|\.read_bytes\(|(?<![\w.])open\((?!.*\"(a|ab|w|wb)\")|np\.(load|fromfile)\("
    allowed = {
        "bert/files/whole.py",
        "bert/files/reading.py",
        "data/text/python_docs.py",
        "bert/training/machine_load.py",
        "bert/training/state.py",
        "bert/checkpoints/pytorch_bin.py",
        "bert/exercises/grading.py",  # what the checks have printed
        "bert/explore/page.py",  # the page's parts
        "bert/serve/page/__init__.py",
        "bert/selftest/kernels.py",
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


def test_a_file_that_needs_more_memory_than_there_is_is_one_sentence(tmp_path, monkeypatch):
    def asks_for_a_dictionary_of_4_gb(*arguments):
        raise MemoryError

    (tmp_path / "a.xz").write_bytes(b"x")
    monkeypatch.setitem(reading.COMPRESSIONS, ".xz", asks_for_a_dictionary_of_4_gb)
    with pytest.raises(InputError, match=r"a\.xz: cannot be read: it needs more memory than there is"):
        read_bytes(tmp_path / "a.xz", 10)


def test_an_error_of_a_reader_is_said_once(tmp_path):
    with pytest.raises(InputError) as caught:
        read_json_object(tmp_path / "none.json")
    assert str(caught.value) == f"{tmp_path / 'none.json'}: no such file; check its name and folder"


@pytest.mark.parametrize("kind", ["", ".gz", ".xz", ".bz2"])
def test_how_far_a_file_is_read_ends_with_its_size_on_the_disk(tmp_path, kind):
    path = tmp_path / f"file.txt{kind}"
    content = os.urandom(100_000).hex().encode() + b"\n"
    with reading.COMPRESSIONS.get(kind, open)(path, "wb") as file:
        file.write(content * 3)
    told = []
    with open_to_read(path, told.append) as file:
        assert list(file) == [content] * 3
    assert len(set(told)) > 1
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size
