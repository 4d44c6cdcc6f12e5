"""What the environment says of the processes is understood, or refused by name."""

import pytest

from bert.errors import InputError
from bert.training.environment import Place, read_environment

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS")
TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


def place(monkeypatch, **variables):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_environment()


def test_without_torchrun_there_is_one_process(monkeypatch):
    assert place(monkeypatch) == place(monkeypatch, RANK="1") == place(monkeypatch, WORLD_SIZE="") == Place(0, 1, 0)


def test_torchrun_says_which_process_this_is(monkeypatch):
    assert place(monkeypatch, **TORCHRUN) == Place(1, 2, 1)
    assert place(monkeypatch, OMP_NUM_THREADS="4,2") == Place(0, 1, 0)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE is 'x'"),
        ({"WORLD_SIZE": "-1"}, "WORLD_SIZE is '-1'"),
        ({"LOCAL_RANK": "1.5"}, "LOCAL_RANK is '1.5'"),
        ({"OMP_NUM_THREADS": "x"}, "OMP_NUM_THREADS is 'x'"),
        ({"OMP_NUM_THREADS": "0"}, "OMP_NUM_THREADS is '0'"),
        ({"WORLD_SIZE": "2"}, "RANK and MASTER_ADDR and MASTER_PORT not set"),
        (TORCHRUN | {"RANK": "2"}, r"below WORLD_SIZE \(2\)"),
        (TORCHRUN | {"MASTER_PORT": "tcp"}, "MASTER_PORT is 'tcp'"),
    ],
)
def test_nonsense_is_refused_by_name(monkeypatch, variables, named):
    with pytest.raises(InputError, match=named):
        place(monkeypatch, **variables)
