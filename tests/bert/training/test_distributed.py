"""Several processes, of which one may die: sums, objects, whose work is everyone's; and one alone: nothing happens."""

import re
import signal
import time
from pathlib import Path

import pytest
import torch

from bert.errors import InputError
from bert.training.distributed import Processes, start_processes
from tests.processes import ends_of, start

ALONE = Processes(0, 1, torch.device("cpu"))

PROGRAM = """
import os
import torch
from bert.errors import InputError
from bert.training.distributed import start_processes
torch.set_num_threads(1)


def check(is_right):
    if not is_right:
        raise InputError("something is wrong")


def work(processes):
    values = torch.tensor([1 + processes.rank, 10])
    assert processes.sum(values).tolist() == [3, 20]
    assert values.tolist() == [1 + processes.rank, 10]
    assert processes.gather({"rank": processes.rank}) == [{"rank": 0}, {"rank": 1}]
    for takes_hours in (False, True):
        assert processes.broadcast(lambda: f"made by {processes.rank}", takes_hours) == "made by 0"
    assert processes.on_all(lambda: f"made by {processes.rank}") == f"made by {processes.rank}"
    for wrong, says in (((0, 1), 0), ((1,), 1)):  # where something is wrong, and which process says what
        try:
            processes.on_all(lambda: check(processes.rank not in wrong))
        except InputError:
            assert processes.rank == says
        except SystemExit as ending:
            assert (processes.rank, ending.code) == (1 - says, 2)
        else:
            raise AssertionError("none heard of it")
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    wrapped = processes.wrap(model)
    wrapped(torch.tensor([[float(1 + processes.rank)]])).backward()
    assert model.weight.grad.item() == 1.5
    assert processes.is_main_process == (processes.rank == 0)


with start_processes("cpu") as processes:
    work(processes)
tasks = "/proc/self/task"  # Linux alone has it
threads = [open(f"{tasks}/{task}/comm").read() for task in os.listdir(tasks)] if os.path.isdir(tasks) else []
assert not any("gloo" in name for name in threads), threads
print("well")
"""


DYING = """
import os
import signal
import torch
from bert.training.distributed import start_processes
torch.set_num_threads(1)

with start_processes("cpu") as processes:
    wrapped = processes.wrap(torch.nn.Linear(100, 100))
    for step in range(1_000_000):
        if step == 20 and processes.rank == 1:
            print("dies", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        wrapped(torch.ones(3, 100)).sum().backward()
"""


# A script of two processes, of which one comes to grief in the middle of training.
SCRIPT = """
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
import torch
from torch.distributed import distributed_c10d
from bert.errors import InputError
from bert.files.whole import atomic_file
from bert.training import distributed
from bert.training.script import run_script
from bert.workers import in_order
torch.set_num_threads(1)
fault, directory = sys.argv[1:]


def train(settings, processes):
    wrapped = processes.wrap(torch.nn.Linear(100, 100))
    for step in range(1_000_000):
        if step == 20 and processes.rank == 1:
            print(time.monotonic(), flush=True)
            come_to_grief()
        wrapped(torch.ones(3, 100)).sum().backward()


def come_to_grief():
    if fault == "hangs":
        time.sleep(1_000)
    working = in_order(time.sleep, [0, 1_000, 1_000], 2)
    next(working)
    with atomic_file(Path(directory) / "half.txt") as file:
        file.write(b"half")
        raise InputError("bad input") if fault == "input" else ValueError("a bug")


def prepare(settings, processes):
    processes.gather(None)  # both have started
    distributed_c10d._set_pg_timeout(timedelta(seconds=2), distributed_c10d.GroupMember.WORLD)
    assert processes.broadcast(lambda: [time.sleep(5), "made"][1], takes_hours=True) == "made"
    print("prepared", flush=True)
    processes.broadcast(lambda: time.sleep(5))


if __name__ == "__main__":
    if fault == "hangs":
        distributed.LONGEST_EXCHANGE = timedelta(seconds=8)
    do = prepare if fault == "waits" else train
    sys.exit(run_script("a.py", [], lambda line: SimpleNamespace(device="cpu", plain=False), do))
"""


def test_two_processes_add_up_gather_and_share_and_leave_no_thread():
    for code, output in ends_of(PROGRAM, "", 2):
        assert code == 0, output
        assert output.strip().endswith("well")


@pytest.mark.parametrize(("fault", "code", "says"), [("bug", 1, "ValueError: a bug"), ("input", 2, "error: bad input")])
def test_an_exception_in_one_process_ends_all_at_once_and_leaves_nothing(tmp_path, fault, code, says):
    (code_of_first, first), (its_code, its) = ends_of(script(tmp_path), f"{fault} {tmp_path}", 2)
    seconds = time.monotonic() - float(its.splitlines()[0])
    assert (its_code, its.count(says)) == (code, 1)
    assert ("Traceback" in its) == (fault == "bug")
    assert code_of_first == 1
    assert re.fullmatch(r"a.py: error: another process of this run ended .*Connection (closed|reset).*\n", first)
    assert seconds < 60  # and not half an hour
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_if_a_process_hangs_the_others_end_after_the_limit(tmp_path):
    waiting, hanging = running = start(script(tmp_path), f"hangs {tmp_path}", 2)
    try:
        hung = float(hanging.stdout.readline())
        output, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == 1
        assert re.fullmatch("a.py: error: another process of this run ended or hangs .Timed out.*\n", output)
        assert 7 < time.monotonic() - hung < 60
        assert hanging.poll() is None
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_a_preparation_alone_may_take_longer_than_the_limit(tmp_path):
    (_, said_by_first), (code, said) = ends_of(script(tmp_path), f"waits {tmp_path}", 2)
    assert said_by_first.startswith("prepared\n")
    assert re.fullmatch("prepared\na.py: error: another process of this run ended or hangs .*Timed out.*\n", said)
    assert code == 1


def script(directory: Path) -> str:
    """A program that runs SCRIPT from a file, which worker processes can import."""
    path = directory / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')"


def test_the_death_of_a_process_ends_the_others_without_torchrun_too():
    first, dying, last = running = start(DYING, "", 3)
    assert dying.stdout.readline().strip() == "dies"
    died = time.monotonic()
    try:
        for process in (first, last):
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 1
            assert re.search("Connection (closed|reset) by peer", output), output
        assert time.monotonic() - died < 60
        assert dying.wait(60) == -signal.SIGKILL
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_alone_everything_is_itself():
    values, model = torch.tensor([1, 2]), torch.nn.Linear(2, 2)
    assert ALONE.sum(values) is values
    assert ALONE.gather(3) == [3]
    assert ALONE.broadcast(lambda: 4) == 4
    assert ALONE.on_all(lambda: 5) == 5
    assert ALONE.wrap(model) is model


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with start_processes("cpu") as processes:
        assert (processes.rank, processes.world_size, processes.device) == (0, 1, torch.device("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_an_error_and_auto_is_the_cpu():
    with pytest.raises(InputError, match="sees no CUDA GPU"), start_processes("cuda"):
        pass
    with start_processes("auto") as processes:
        assert processes.device.type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_of_a_machines_processes_one_says_that_there_is_no_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SystemExit) as ended, start_processes("cuda"):
        pass
    assert ended.value.code == 2
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(InputError, match="sees no CUDA GPU"), start_processes("cuda"):
        pass


def test_of_processes_without_a_gpu_of_their_own_the_first_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="which has 2 GPUs"), start_processes("cuda"):
        pass
    monkeypatch.setenv("LOCAL_RANK", "3")
    with pytest.raises(SystemExit), start_processes("cuda"):
        pass
