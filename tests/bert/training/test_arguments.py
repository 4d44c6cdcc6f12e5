"""Settings: what was given goes before what a resumed run had, which goes before the defaults."""

import argparse

import pytest

from bert.errors import InputError
from bert.training import arguments
from bert.training.arguments import above_zero, over, positive, probability, save_settings, whole

MAY_CHANGE = {"output", "resume", "max_steps", "epochs"}


def settings_of_run(given: dict, defaults: dict, may_change: set[str]) -> dict:
    parser = arguments.make_parser("a test")
    arguments.add_run_arguments(parser)
    arguments.add_training_arguments(parser)
    parser.add_argument("--size", choices=("tiny", "mini"))
    parser.add_argument("--corpus", nargs="+", action="extend")
    return arguments.settings_of_run(given, defaults, may_change, parser, own_flag="size")


@pytest.fixture
def defaults(tmp_path):
    return {"output": str(tmp_path / "run"), "resume": False, "size": "tiny", "max_steps": 10, "epochs": None}


def test_a_new_run_has_what_was_given_and_the_defaults_for_the_rest(defaults):
    assert settings_of_run({"max_steps": 3}, defaults, MAY_CHANGE) == defaults | {"max_steps": 3}


def test_a_resumed_run_has_what_it_was_begun_with_unless_given(defaults, tmp_path):
    begun = {"size": "mini", "max_steps": 5, "epochs": 2, "corpus": ["a", "b"], "compile": False, "learning_rate": 5e-5}
    save_settings(tmp_path / "run", defaults | begun)
    settings = settings_of_run({"resume": True}, defaults, MAY_CHANGE)
    assert {name: settings[name] for name in begun} == begun
    settings = settings_of_run({"resume": True, "max_steps": 7}, defaults, MAY_CHANGE)
    assert (settings["size"], settings["max_steps"], settings["epochs"]) == ("mini", 7, None)
    settings = settings_of_run({"resume": True, "epochs": 3}, defaults, MAY_CHANGE)
    assert (settings["max_steps"], settings["epochs"]) == (None, 3)


def test_of_the_two_limits_of_a_run_what_is_said_last_counts():
    recipe = {"max_steps": 10, "epochs": None}
    assert over(recipe, {}) == recipe
    assert over(recipe, {"epochs": 2}) == {"max_steps": None, "epochs": 2}
    assert over({"max_steps": None, "epochs": 2}, {"max_steps": 5}) == {"max_steps": 5, "epochs": None}
    assert over(recipe, {"max_steps": 5, "epochs": 2}) == {"max_steps": 5, "epochs": 2}


@pytest.mark.parametrize("damage", [
    {"max_steps": "many"}, {"max_steps": -1}, {"max_steps": True}, {"size": "giant"}, {"size": 7}, {"compile": "yes"},
    {"corpus": []}, {"seed": {"a": 1}}, {"device": ["tpu"]}, {"learning_rate": "fast"},
])  # fmt: skip
def test_damaged_settings_are_one_sentence_with_the_flag_s_name(defaults, tmp_path, damage):
    save_settings(tmp_path / "run", defaults | damage)
    (name,) = damage
    with pytest.raises(InputError, match=rf"arguments\.json: .*--{name.replace('_', '-')}") as caught:
        settings_of_run({"resume": True}, defaults, MAY_CHANGE)
    assert "\n" not in str(caught.value)


def test_the_run_of_another_script_is_not_resumed(defaults, tmp_path):
    save_settings(tmp_path / "run", {"output": "run", "checkpoint": "elsewhere"})
    with pytest.raises(InputError, match="is no run of this script"):
        settings_of_run({"resume": True}, defaults, MAY_CHANGE)


def test_what_would_make_it_another_run_is_refused_and_the_same_again_is_not(defaults, tmp_path):
    save_settings(tmp_path / "run", defaults)
    with pytest.raises(InputError, match=r"--size mini is not what .* was begun with \(tiny\)"):
        settings_of_run({"resume": True, "size": "mini"}, defaults, MAY_CHANGE)
    assert settings_of_run({"resume": True, "size": "tiny"}, defaults, MAY_CHANGE)["size"] == "tiny"


def test_a_directory_with_a_run_is_not_written_over(defaults, tmp_path):
    save_settings(tmp_path / "run", defaults)
    with pytest.raises(InputError, match="holds a run already"):
        settings_of_run({}, defaults, MAY_CHANGE)


@pytest.mark.parametrize("place", ["file", "file/below/run"])
def test_a_file_in_the_place_of_the_directory_is_refused(defaults, tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"{tmp_path / 'file'}: is no directory"):
        settings_of_run({"output": str(tmp_path / place)}, defaults, MAY_CHANGE)


def test_a_training_state_alone_is_a_run_too(defaults, tmp_path):
    (tmp_path / "run" / "training_state").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds a run already \(training_state\)"):
        settings_of_run({}, defaults, MAY_CHANGE)


def test_there_must_be_something_to_resume(defaults):
    with pytest.raises(InputError, match="nothing to resume from"):
        settings_of_run({"resume": True}, defaults, MAY_CHANGE)


def test_a_flag_that_is_not_given_is_not_there():
    parser = arguments.make_parser("a test")
    arguments.add_run_arguments(parser)
    arguments.add_training_arguments(parser)
    assert vars(parser.parse_args([])) == {}
    given = vars(parser.parse_args(["--no-compile", "--max-steps", "4", "--learning-rate", "1e-3"]))
    assert given == {"compile": False, "max_steps": 4, "learning_rate": 1e-3}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [(whole, "0", "-1"), (positive, "1", "0"), (above_zero, "0.5", "0"), (above_zero, "1", "inf"),
     (above_zero, "1", "nan"), (probability, "0", "1")],
)  # fmt: skip
def test_numbers_out_of_bounds_are_refused(kind, good, bad):
    assert kind(good) == float(good)
    with pytest.raises(argparse.ArgumentTypeError, match=bad):
        kind(bad)


def test_what_a_run_would_replace_is_refused(defaults, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "predictions.tsv").write_text("mine")
    with pytest.raises(InputError, match=r"\(predictions\.tsv\), or what a run would replace"):
        settings_of_run({}, defaults, MAY_CHANGE)


def test_numbers_that_no_library_takes_are_refused():
    assert whole(str(2**31 - 1)) == 2**31 - 1
    for kind in (whole, positive):
        with pytest.raises(argparse.ArgumentTypeError, match="above 2,147,483,647"):
            kind(str(2**64))
