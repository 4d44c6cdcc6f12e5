"""The events of a run are those that TensorBoard reads, and a number that cannot be written is said."""

import os

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bert.errors import InputError
from bert.training.events import Events


def read(directory):
    events = EventAccumulator(str(directory)).Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_tensorboard_reads_the_numbers(tmp_path):
    events = Events(tmp_path / "tensorboard")
    events.add(3, {"loss": 0.5, "accuracy": 1})
    events.add(6, {"loss": 0.25})
    assert read(tmp_path / "tensorboard") == {"loss": [(3, 0.5), (6, 0.25)], "accuracy": [(3, 1.0)]}
    events.close()


def test_a_resumed_run_hides_the_later_steps_of_the_session_before(tmp_path):
    for first_step, steps in ((None, (1, 2, 3)), (2, (2, 3))):
        events = Events(tmp_path, first_step)
        for step in steps:
            events.add(step, {"loss": 10.0 * step + (first_step or 0)})
        events.close()
    assert read(tmp_path) == {"loss": [(1, 10.0), (2, 22.0), (3, 32.0)]}


def test_a_full_disk_is_one_sentence_where_the_number_is_written(tmp_path):
    events = Events(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, events.file.fileno())
    with pytest.raises(InputError, match=r"events\.out\.tfevents.*the disk is full"):
        events.add(1, {"loss": 1.0})
    events.close()
    os.close(full)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(InputError, match="tensorboard: cannot be written"):
        Events(tmp_path / "no" / "tensorboard")
