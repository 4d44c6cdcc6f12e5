"""What the machine lacks is said in a sentence; what is ours is not."""

import errno
import os
import resource
import subprocess
import sys

import pytest
import torch

from bert.errors import InputError
from bert.files.shortage import shortage, system_error
from bert.files.whole import writing_failed


def raised(do):
    with pytest.raises(BaseException) as found:
        do()
    return found.value


def under_limit(limit, soft, line):
    """The sentence for the error with which ``line`` ends in a process with a limit."""
    script = (
        f"import resource\nfrom bert.files.shortage import shortage\n"
        f"resource.setrlimit(resource.{limit}, ({soft}, {soft}))\n"
        f"try:\n    {line}\nexcept BaseException as error:\n    print(shortage(error))"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60).stdout


def test_too_little_memory_is_said_whichever_library_asked_for_it():
    assert "memory is full" in str(shortage(MemoryError()))
    assert "memory is full" in str(shortage(raised(lambda: torch.zeros(1 << 55, dtype=torch.uint8))))
    assert "memory is full" in str(shortage(raised(lambda: bytearray(1 << 62))))


def test_too_few_open_files_are_said_with_the_file_s_name(tmp_path):
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(tmp_path / "a"))
    assert shortage(error) == f"{tmp_path / 'a'}: too many files are open; allow more (ulimit -n)"
    assert "too many files" in under_limit("RLIMIT_NOFILE", 4, "[open('/dev/null') for _ in range(9)]")
    assert "ulimit -n" in writing_failed("a", error)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_NPROC"), reason="no such limit")
def test_too_few_threads_are_said():
    assert "thread" in str(shortage(RuntimeError("can't start new thread")))
    assert "process" in str(shortage(BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))))


def test_a_file_that_is_gone_is_named_whatever_its_name_is_made_of():
    error = raised(lambda: os.stat(b"/no such place/here"))
    assert str(shortage(error)).startswith("/no such place/here: cannot be used (No such file or directory)")


@pytest.mark.parametrize("error", [ValueError("a"), RuntimeError("shape mismatch"), OSError(errno.EINVAL, "ours")])
def test_an_error_of_ours_is_none(error):
    assert shortage(error) is None


def test_an_error_that_a_library_hides_is_found():
    def hide():
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise RuntimeError("unexpected pos")  # noqa: B904 (as torch does)

    assert system_error(raised(hide)).errno == errno.ENOSPC
    assert system_error(RuntimeError("unexpected pos")) is None
    assert system_error(InputError("a")) is None
