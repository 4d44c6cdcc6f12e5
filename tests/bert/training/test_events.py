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
    events.add(3, {"learning_rate": 0.5, "masked_lm_accuracy": 1})
    events.add(6, {"learning_rate": 0.25})
    expected = {"run/learning_rate": [(3, 0.5), (6, 0.25)], "masked_lm/accuracy": [(3, 1.0)]}
    assert read(tmp_path / "tensorboard" / "training") == expected
    events.close()


def test_a_loss_is_one_chart_of_training_held_out_and_guessing(tmp_path):
    events = Events(tmp_path)
    events.add(0, {"unigram_masked_lm_loss": 6.5, "five_gram_masked_lm_loss": 3.5, "majority_next_sentence_loss": 0.75})
    events.add(5, {"masked_lm_loss": 4.5, "next_sentence_loss": 0.5})
    events.add(5, {"heldout_masked_lm_loss": 4.75})
    events.close()
    charts = {directory.name: read(directory) for directory in tmp_path.iterdir()}
    assert charts == {
        "unigram": {"masked_lm/loss": [(0, 6.5)]},
        "five_gram": {"masked_lm/loss": [(0, 3.5)]},
        "majority": {"next_sentence/loss": [(0, 0.75)]},
        "training": {"masked_lm/loss": [(5, 4.5)], "next_sentence/loss": [(5, 0.5)]},
        "heldout": {"masked_lm/loss": [(5, 4.75)]},
    }


def test_fine_tunings_metrics_share_a_chart_with_the_majoritys(tmp_path):
    events = Events(tmp_path)
    events.add(0, {"majority_macro_f1": 0.25, "unigram_token_accuracy": 0.125, "first_sentence_rouge1": 0.5})
    events.add(8, {"dev_macro_f1": 0.75, "heldout_classification_accuracy": 0.5, "dev_token_accuracy": 0.25})
    events.close()
    assert read(tmp_path / "majority") == {"validation/macro_f1": [(0, 0.25)]}
    assert read(tmp_path / "unigram") == {"validation/token_accuracy": [(0, 0.125)]}
    assert read(tmp_path / "first_sentence") == {"validation/rouge1": [(0, 0.5)]}
    assert read(tmp_path / "heldout") == {
        "validation/macro_f1": [(8, 0.75)], "classification/accuracy": [(8, 0.5)],
        "validation/token_accuracy": [(8, 0.25)],
    }  # fmt: skip


def test_a_resumed_run_hides_the_later_steps_of_the_session_before(tmp_path):
    for first_step, steps in ((None, (1, 2, 3)), (2, (2, 3))):
        events = Events(tmp_path, first_step)
        for step in steps:
            events.add(step, {"a_loss": 10.0 * step + (first_step or 0)})
        if first_step is None:
            events.add(3, {"heldout_a_loss": 1.0})  # after the checkpoint, and not measured again so far
        events.close()
    assert read(tmp_path / "training") == {"a/loss": [(1, 10.0), (2, 22.0), (3, 32.0)]}
    assert read(tmp_path / "heldout") == {"a/loss": []}


def test_a_full_disk_is_one_sentence_where_the_number_is_written(tmp_path):
    events = Events(tmp_path)
    events.add(1, {"loss": 1.0})
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, events.files["training"].file.fileno())
    with pytest.raises(InputError, match=r"events\.out\.tfevents.*the disk is full"):
        events.add(1, {"loss": 1.0})
    events.close()
    os.close(full)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(InputError, match="tensorboard: cannot be written"):
        Events(tmp_path / "no" / "tensorboard")
