"""``bert track``: a run goes to a tracker, once or while it grows."""

import json

import pytest

from bert.__main__ import main
from bert.commands.track import track
from bert.errors import InputError
from bert.tracking import trackers
from bert.tracking.memory import FILE


class Recording:
    """A tracker that keeps what it is sent. With ``fails_at`` it fails there."""

    opened: list["Recording"]
    fails_at: int | None = None

    def __init__(self, run, sent, settings, online):
        self.id, self.settings, self.online, self.where = sent.id, settings, online, "a list"
        self.points, self.results, self.facts = [], None, None
        Recording.opened.append(self)

    def send(self, point):
        if point.step == Recording.fails_at:
            raise OSError("the network is away")
        self.points.append((point.step, dict(point.numbers)))

    def close(self, results, facts):
        self.results, self.facts = results, facts


@pytest.fixture
def opened(monkeypatch):
    Recording.opened, Recording.fails_at = [], None
    monkeypatch.setitem(trackers.TRACKERS, "wandb", Recording)
    return Recording.opened


@pytest.fixture
def run(tmp_path):
    (tmp_path / "arguments.json").write_text('{"seed": 3}')
    write(tmp_path, {"step": 0, "precision": "fp32"}, {"step": 5, "a_loss": 2.0})
    return tmp_path


def write(run, *lines, mode="a"):
    with open(run / "log.jsonl", mode) as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def test_a_run_that_is_sent_again_goes_on_under_its_id(run, opened, capsys):
    assert main(["track", str(run), "--to", "wandb"]) == 0
    write(run, {"step": 5, "dev_f1": 0.5}, {"step": 10, "a_loss": 1.0}, {"step": 10, "ended": "finished"})
    (run / "report.json").write_text('{"dev": {"f1": 0.5}}')
    assert main(["track", str(run), "--to", "wandb", "--no-online"]) == 0
    assert opened[0].points == [(5, {"training/a/loss": 2.0})]
    assert opened[1].points == [(5, {"heldout/validation/f1": 0.5}), (10, {"training/a/loss": 1.0})]
    assert opened[0].id == opened[1].id
    assert (opened[0].online, opened[1].online) == (None, False)
    assert opened[1].settings == {"seed": 3}
    assert (opened[1].results, opened[1].facts) == ({"dev/f1": 0.5}, {"precision": "fp32", "ended": "finished"})
    assert "2 numbers sent, until step 10." in capsys.readouterr().out


def test_following_goes_on_until_the_run_ends_and_has_its_report(run, opened, monkeypatch):
    (run / "task.json").write_text("{}")  # a fine-tuning run: its report comes after its log
    events = [
        lambda: write(
            run, {"step": 10, "a_loss": 1.0}, {"step": 10, "ended": "interrupted"}, {"step": 15, "a_loss": 0.5}
        ),
        lambda: write(run, {"step": 5, "a_loss": 2.0}, {"step": 10, "a_loss": 1.0}, mode="w"),  # it was resumed
        lambda: write(
            run, {"step": 15, "a_loss": 0.5}, {"step": 20, "a_loss": 0.25}, {"step": 20, "ended": "finished"}
        ),
        lambda: (run / "report.json").write_text('{"dev": {"f1": 0.5}}'),
    ]
    monkeypatch.setattr("bert.commands.track.time.sleep", lambda pause: events.pop(0)())
    track(str(run), "wandb", follow=True)
    assert events == []
    assert [step for step, _ in opened[0].points] == [5, 10, 15, 20]
    assert opened[0].results == {"dev/f1": 0.5}


def test_ctrl_c_ends_following_and_keeps_what_was_sent(run, opened, monkeypatch):
    def interrupt(pause):
        raise KeyboardInterrupt

    monkeypatch.setattr("bert.commands.track.time.sleep", interrupt)
    assert track(str(run), "wandb", follow=True) == 1
    assert opened[0].results == {}
    assert json.loads((run / FILE).read_text())["wandb"]["step"] == 5


def test_a_tracker_that_fails_is_one_sentence_and_the_rest_is_sent_later(run, opened, capsys):
    write(run, {"step": 10, "a_loss": 1.0}, {"step": 15, "a_loss": 0.5})
    Recording.fails_at = 10
    assert main(["track", str(run), "--to", "wandb"]) == 2
    assert "wandb has failed (the network is away); the run is as it was" in capsys.readouterr().err
    Recording.fails_at = None
    track(str(run), "wandb")
    assert [[step for step, _ in tracker.points] for tracker in opened] == [[5], [10, 15]]


def test_what_cannot_be_sent_is_one_sentence(run, opened, tmp_path, monkeypatch, capsys):
    write(run, mode="a")
    (run / "log.jsonl").open("a").write("half a line that nobody wrote\n")
    track(str(run), "wandb", log=print)
    assert "Note: 1 lines of its log are none that a run writes" in capsys.readouterr().out
    with pytest.raises(InputError, match="was sent to the project bert before"):
        track(str(run), "wandb", project="other")
    (run / FILE).write_text('{"wandb": {"id": 5}}')
    with pytest.raises(InputError, match="remove the file, and the run is sent anew"):
        track(str(run), "wandb")
    (tmp_path / "seeds" / "seed-1").mkdir(parents=True)
    write(tmp_path / "seeds" / "seed-1", {"step": 1})
    with pytest.raises(InputError, match="name one of its runs: seed-1"):
        track(str(tmp_path / "seeds"), "wandb")


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_without_its_package_a_tracker_says_how_to_install_it(run, name, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=f"--to {name} needs {name}, which is not installed: pip install {name}"):
        track(str(run), name)
    assert not (run / FILE).exists()
