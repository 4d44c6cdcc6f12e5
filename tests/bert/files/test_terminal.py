"""Printing does not end a program, and a program ends in order."""

import ast
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from bert.files import terminal
from bert.files.terminal import (
    LONGEST_LINE,
    orderly,
    print_error,
    print_line,
    printable,
    printing_failed,
    progress_bar,
)  # fmt: skip

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


# ---- data that would steer the terminal ----

CONTROLS = [
    chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), 0x2066, 0x2069)
]


def test_what_a_terminal_obeys_is_an_escape_and_all_other_text_stays():
    for control in CONTROLS:
        assert printable(f"a{control}b") == f"a{control.encode('unicode_escape').decode()}b"
    # A joined emoji, Persian with a non-joiner, a wide space, Arabic, combining marks, a private character, a flag.
    for text in ("caf\u00e9 \u65e5\u672c", "\U0001f469\u200d\U0001f52c", "\u0645\u06cc\u200c\u062e", "\u3000\xa0",
                 "e\u0301", "\ue000", "\U0001f3f4\U000e0067", "a\\x1b"):  # fmt: skip
        assert printable(text) == text
    assert printable("a\tb\n\x1b", keep="\t\n") == "a\tb\n\\x1b"


def test_data_never_makes_one_line_into_two(capsys):
    evil = "".join(CONTROLS)
    print_line(f"a{evil}", "b")
    print_error(f"error: {evil}")
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("a\\x00\\x01") and out.splitlines()[1] == "b" and out.count("\n") == 2
    assert err.count("\n") == 1
    assert (out + err).replace("\n", "").isprintable()


def test_a_line_is_bounded(capsys):
    print_line("x" * 10**6)
    print_line("y" * LONGEST_LINE)
    long, whole = capsys.readouterr().out.splitlines()
    assert len(long) == LONGEST_LINE + 4 and long.endswith("x ...")
    assert len(whole) == LONGEST_LINE


def test_warnings_are_printed_without_control_characters():
    code = (
        "import warnings\nfrom bert.files.terminal import orderly\n"
        "with orderly(): warnings.warn('a\\x1b[31m\\nb')\nwarnings.warn('c\\x1bd')\n"
    )
    said = start(code, stdout=subprocess.DEVNULL).communicate(timeout=60)[1]
    assert "a\\x1b[31m\\nb" in said
    assert "c\x1bd" in said  # the control: outside of the block


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_table_reaches_a_pipe_as_it_is_and_a_terminal_without_control_characters(is_terminal):
    code = (
        "from bert.files.terminal import output_on_stdout\noutput_on_stdout().writelines([b'a\\x1bb\\tc\\n', b'd\\n'])"
    )
    reading, writing = pty.openpty() if is_terminal else os.pipe()
    process = start(code, stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=60)[1] == ""
    said = os.read(reading, 100).replace(b"\r\n", b"\n")
    os.close(reading)
    assert said == (b"a\\x1bb\tc\nd\n" if is_terminal else b"a\x1bb\tc\nd\n")


def test_a_program_prints_through_this_door_alone():
    """But for ``bert tokenize``, whose cells are escaped, each for its column."""
    printing = {"print", "sys.stdout.write", "sys.stderr.write"}
    for folder in ("bert", "data", "finetuning", "pretraining"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            found = [ast.unparse(call) for call in calls if ast.unparse(call.func) in printing]
            found += re.findall(r"warnings\.showwarning", path.read_text())
            if path != ROOT / "bert/files/terminal.py":
                assert all(line.startswith("print(aligned_pieces(") for line in found), f"{path}: {found}"


def test_outside_a_terminal_a_line_now_and_then_says_how_far_it_is(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with progress_bar("Reading") as reached:
        for seconds in range(0, 100, 5):
            now[0] = float(seconds)
            reached(seconds, 80)
    assert capsys.readouterr().out.splitlines() == ["Reading: 38%", "Reading: 75%", "Reading: 100%"]


def test_what_is_quick_says_nothing_outside_a_terminal(capsys):
    with progress_bar("Reading") as reached:
        for done in range(1000):
            reached(done, 1000)
        reached(0, 0)
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_there_is_a_bar_that_never_goes_back_or_beyond_and_lines_stand_above_it():
    code = (
        "from bert.files.terminal import print_line, progress_bar\n"
        "import tqdm\n"
        "tqdm.tqdm.monitor_interval = 0\n"
        "with progress_bar('Never shown'), progress_bar('Reading') as reached:\n"
        "    for done in (30, 10, 60, 170, 20):\n"
        "        reached(done, 100)\n"
        "        tqdm.tqdm._instances.copy().pop().refresh()\n"
        "        print_line(f'line {done}')\n"
    )
    main, terminal_end = pty.openpty()
    termios.tcsetwinsize(terminal_end, (24, 70))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=terminal_end,
        stderr=terminal_end,
    )
    os.close(terminal_end)
    printed = b""
    try:
        while part := os.read(main, 1 << 16):
            printed += part
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(main)
    assert process.wait(timeout=60) == 0
    text = printed.decode()
    shares = [int(share) for share in re.findall(r"Reading: +(\d+)%", text)]
    assert set(shares) >= {30, 60, 100}
    assert shares == sorted(shares)
    assert "Never shown" not in text
    for done in (30, 10, 60, 170, 20):
        assert f"\rline {done}\r\n" in text  # the bar was wiped away first
