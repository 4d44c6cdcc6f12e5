"""Settings: a flag given goes before the setting of a resumed run, which goes before the default."""

import json
import shutil
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any, ClassVar

import pytest

from bert.errors import InputError
from bert.files.whole import write_atomically
from bert.training import flags
from bert.training import settings as shared
from bert.training.settings import TrainingSettings, override, save_settings


@dataclass(frozen=True)
class Toy(TrainingSettings):
    size: str = "tiny"
    corpus: list[str] | None = None
    max_steps: int | None = 10

    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset({"output", "resume", "max_steps", "epochs"})
    OWN_FLAG: ClassVar[str] = "size"


def make_parser():
    parser = flags.make_parser("a test")
    flags.add_training_arguments(parser)
    parser.add_argument("--size", choices=("tiny", "mini"))
    parser.add_argument("--corpus", nargs="+", action="extend")
    return parser


def settings_of_run(given: dict, defaults: Toy) -> Toy:
    return shared.settings_of_run(given, defaults, make_parser())


@pytest.fixture
def defaults(tmp_path):
    return Toy(str(tmp_path / "run"))


def test_settings_cannot_be_changed_in_place(defaults):
    with pytest.raises(FrozenInstanceError):
        defaults.seed = 3


def test_every_flag_is_a_setting():
    flags = {action.dest for action in make_parser()._actions} - {"help"}
    assert flags == vars(Toy("run")).keys()
    assert flags >= Toy.MAY_CHANGE
    assert flags >= TrainingSettings.MAY_CHANGE


def test_a_new_run_has_the_flags_given_and_defaults_for_the_rest(defaults):
    assert settings_of_run({"max_steps": 3}, defaults) == replace(defaults, max_steps=3)


def test_a_resumed_run_keeps_its_settings_unless_given(defaults, tmp_path):
    begun = {"size": "mini", "max_steps": 5, "epochs": 2, "corpus": ["a", "b"], "compile": False, "learning_rate": 5e-5}
    save_settings(tmp_path / "run", replace(defaults, **begun))
    settings = settings_of_run({"resume": True}, defaults)
    assert {name: getattr(settings, name) for name in begun} == begun
    settings = settings_of_run({"resume": True, "max_steps": 7}, defaults)
    assert (settings.size, settings.max_steps, settings.epochs) == ("mini", 7, None)
    settings = settings_of_run({"resume": True, "epochs": 3}, defaults)
    assert (settings.max_steps, settings.epochs) == (None, 3)


def test_a_setting_that_a_run_left_open_stays_open_and_one_that_may_not_be_open_is_the_default(defaults, tmp_path):
    written = {"size": "tiny", "corpus": None, "learning_rate": None, "unknown": None, "max_steps": None}
    write_atomically(tmp_path / "run" / "arguments.json", json.dumps(written))
    settings = settings_of_run({"resume": True}, replace(defaults, corpus=["a"], learning_rate=0.5))
    assert (settings.corpus, settings.learning_rate, settings.max_steps) == (None, 0.5, 10)


def test_the_name_that_a_flag_once_had_is_read(defaults, tmp_path):
    write_atomically(tmp_path / "run" / "arguments.json", json.dumps({"size": "tiny", "shard_optimizer": True}))
    assert settings_of_run({"resume": True}, defaults).shard
    assert vars(make_parser().parse_args(["--no-shard-optimizer"])) == {"shard": False}


def test_of_the_two_limits_of_a_run_the_later_ones_count(defaults):
    def limits(settings: Toy, **later: Any) -> tuple:
        settings = override(settings, later)
        return settings.max_steps, settings.epochs

    assert limits(defaults) == (10, None)
    assert limits(defaults, epochs=2) == (None, 2)
    assert limits(replace(defaults, max_steps=None, epochs=2), max_steps=5) == (5, None)
    assert limits(defaults, max_steps=5, epochs=2) == (5, 2)


@pytest.mark.parametrize("damage", [
    {"max_steps": "many"}, {"max_steps": -1}, {"max_steps": True}, {"size": "giant"}, {"size": 7}, {"compile": "yes"},
    {"corpus": []}, {"seed": {"a": 1}}, {"device": ["tpu"]}, {"learning_rate": "fast"},
    {"corpus": ["a\0b"]}, {"output": "a\0b"},
])  # fmt: skip
def test_damaged_settings_are_one_sentence_with_the_flag_s_name(defaults, tmp_path, damage):
    save_settings(tmp_path / "run", replace(defaults, **damage))
    (name,) = damage
    with pytest.raises(InputError, match=rf"arguments\.json: .*--{name.replace('_', '-')}") as caught:
        settings_of_run({"resume": True}, defaults)
    assert "\n" not in str(caught.value)


def test_the_run_of_another_script_is_not_resumed(defaults, tmp_path):
    write_atomically(tmp_path / "run" / "arguments.json", json.dumps({"output": "run", "checkpoint": "elsewhere"}))
    with pytest.raises(InputError, match="is no run of this script"):
        settings_of_run({"resume": True}, defaults)


def test_what_would_make_it_another_run_is_refused_and_the_same_again_is_not(defaults, tmp_path):
    save_settings(tmp_path / "run", defaults)
    with pytest.raises(InputError, match=r"--size mini is not what .* was begun with \(tiny\)"):
        settings_of_run({"resume": True, "size": "mini"}, defaults)
    assert settings_of_run({"resume": True, "size": "tiny"}, defaults).size == "tiny"


def test_a_directory_with_a_run_is_not_written_over(defaults, tmp_path):
    save_settings(tmp_path / "run", defaults)
    with pytest.raises(InputError, match="holds a run already"):
        settings_of_run({}, defaults)


@pytest.mark.parametrize("place", ["file", "file/below/run"])
def test_a_file_in_the_place_of_the_directory_is_refused(defaults, tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"{tmp_path / 'file'}: is no directory"):
        settings_of_run({"output": str(tmp_path / place)}, defaults)


def test_a_training_state_alone_is_a_run_too(defaults, tmp_path):
    (tmp_path / "run" / "training_state").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds a run already \(training_state\)"):
        settings_of_run({}, defaults)


def test_there_must_be_something_to_resume(defaults):
    with pytest.raises(InputError, match="nothing to resume from"):
        settings_of_run({"resume": True}, defaults)


def test_a_flag_that_is_not_given_is_not_there():
    parser = make_parser()
    assert vars(parser.parse_args([])) == {}
    given = vars(parser.parse_args(["--no-compile", "--max-steps", "4", "--learning-rate", "1e-3"]))
    assert given == {"compile": False, "max_steps": 4, "learning_rate": 1e-3}


def test_what_a_run_would_replace_is_refused(defaults, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "predictions.tsv").write_text("mine")
    with pytest.raises(InputError, match=r"\(predictions\.tsv\), or what a run would replace"):
        settings_of_run({}, defaults)


@pytest.mark.parametrize("given", [{}, {"output": "here"}])
def test_a_run_that_was_moved_or_copied_is_resumed_where_it_is(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    save_settings(tmp_path / "there", Toy("there"))
    shutil.copytree(tmp_path / "there", tmp_path / "here")
    assert settings_of_run(given | {"resume": True}, Toy("here")).output == "here"
