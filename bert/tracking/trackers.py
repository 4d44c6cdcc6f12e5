"""The trackers: each opens a run, takes points, and closes it with the results. Their packages are imported here only.

Another one is a class with these methods and a row in ``TRACKERS``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bert.errors import InputError
from bert.tracking.memory import Sent
from bert.tracking.points import Point


class Tracker(Protocol):
    """A run that is open at a tracker."""

    where: str  # where the user finds it, in words

    def send(self, point: Point) -> None: ...

    def close(self, results: Mapping[str, float], facts: Mapping[str, str]) -> None: ...


class Wandb:
    """Weights & Biases. Offline it writes a directory below the run's, which ``wandb sync`` sends later.

    Its own steps cannot be used: it drops numbers of a step that it has had before. So "step" is a number among the
    others, and the axis of all of them.
    """

    def __init__(self, run: Path, sent: Sent, settings: Mapping[str, Any], online: bool | None):
        wandb = _package("wandb")
        mode = None if "WANDB_MODE" in os.environ else "online" if wandb.login(prompt=False) else "offline"
        if online is not None:
            mode = "online" if online else "offline"
        quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True, disable_code=True, disable_git=True)
        self.run = wandb.init(
            project=sent.project, id=sent.id, name=f"{run.name}-{sent.id}", dir=str(run), mode=mode, resume="allow",
            config=dict(settings), settings=quiet,
        )  # fmt: skip
        self.run.define_metric("step")
        self.run.define_metric("*", step_metric="step")
        offline = f"{self.run.settings.sync_dir} (to send it: wandb sync {self.run.settings.sync_dir})"
        self.where = offline if self.run.offline else str(self.run.url)

    def send(self, point: Point) -> None:
        self.run.log({"step": point.step, **point.numbers})

    def close(self, results: Mapping[str, float], facts: Mapping[str, str]) -> None:
        self.run.config.update(dict(facts), allow_val_change=True)
        self.run.summary.update(dict(results))
        self.run.finish()


class Trackio:
    """Trackio, in its files on this machine, or in the Space that TRACKIO_SPACE_ID names. Results are numbers too."""

    def __init__(self, run: Path, sent: Sent, settings: Mapping[str, Any], online: bool | None):
        if online and "TRACKIO_SPACE_ID" not in os.environ:
            raise InputError("--online: name the Space that Trackio sends to: TRACKIO_SPACE_ID=NAME/SPACE")
        if online is False:
            os.environ.pop("TRACKIO_SPACE_ID", None)
        trackio = _package("trackio")
        self.run = trackio.init(
            project=sent.project, name=f"{run.name}-{sent.id}", config=dict(settings), resume="allow", embed=False,
            auto_log_gpu=False, auto_log_cpu=False,
        )  # fmt: skip
        self.where = f"the project {sent.project} (to see it: trackio show --project '{sent.project}')"
        self.last = max(sent.step, 0)

    def send(self, point: Point) -> None:
        self.last = point.step
        self.run.log(dict(point.numbers), step=point.step)

    def close(self, results: Mapping[str, float], facts: Mapping[str, str]) -> None:
        if results:
            self.run.log({f"results/{name}": value for name, value in results.items()}, step=self.last)
        self.run.finish()


TRACKERS = {"wandb": Wandb, "trackio": Trackio}


def _package(name: str) -> Any:
    """The module of a tracker. Raises InputError if it is not installed."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(f"--to {name} needs {name}, which is not installed: pip install {name}") from None
