"""Printing does not end a program, and a program ends in order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bert.files.terminal import orderly, printing_failed

ROOT = Path(__file__).parents[3]


def start(code: str, **how) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, **how)


def test_behind_a_closed_pipe_the_program_goes_on(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "from bert.files.terminal import print_line\n"
        "for number in range(3): print_line(str(number))\n"
        f"open({str(tmp_path / 'end')!r}, 'w').write('reached')\n"
    )
    process = start(code, stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert (tmp_path / "end").read_text() == "reached"


def test_a_character_that_the_terminal_lacks_is_an_escape():
    code = "from bert.files.terminal import orderly\nwith orderly(): print('caf\\u00e9 \\u65e5')"
    process = start(code, stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "cp1252"}, encoding="cp1252")
    assert process.communicate(timeout=60)[0].strip() == "café \\u65e5"


def test_without_a_standard_output_nothing_is_printed():
    code = (
        "import sys\nsys.stdout = None\nfrom bert.files.terminal import orderly\nwith orderly(): sys.stdout.write('x')"
    )
    process = start(code, stdout=subprocess.DEVNULL)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("signalled", [True, False])
def test_sigterm_ends_a_program_by_way_of_its_finally_clauses(tmp_path, signalled):
    mark = tmp_path / "cleaned"
    code = (
        "import time\nfrom bert.files.terminal import orderly\n"
        "with orderly():\n"
        "    try: print('ready', flush=True); time.sleep(30)\n"
        f"    finally: open({str(mark)!r}, 'w').close()\n"
    )
    process = start(code, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM if signalled else signal.SIGKILL)
    assert process.wait(timeout=60) == (143 if signalled else -signal.SIGKILL)
    assert mark.exists() == signalled


def test_the_handler_of_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with orderly():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_cannot_be_printed_is_a_sentence():
    assert printing_failed(OSError(28, "No space left on device")).startswith("the output cannot be written (No")
