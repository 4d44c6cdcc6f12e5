"""A trained model for others, and a run for a tracker."""

import argparse

from bert.files.terminal import print_line


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    _add_track(commands)


# ---- track ----


def _add_track(commands: argparse._SubParsersAction) -> None:
    track = commands.add_parser("track", help="sends the log of a run to an experiment tracker")
    track.add_argument("run", help="the directory of a run of either script")
    track.add_argument("--to", required=True, choices=("wandb", "trackio"), help="the tracker")
    track.add_argument("--follow", action="store_true", help="go on until the run ends, or Ctrl-C")
    track.add_argument("--project", metavar="NAME", default="bert", help="(%(default)s)")
    track.add_argument("--online", action=argparse.BooleanOptionalAction, help="(if you are logged in)")
    track.set_defaults(function=run_track)


def run_track(given: argparse.Namespace) -> None:
    """Sends what the tracker does not have yet, and says where it is."""
    from bert.commands.track import track

    track(given.run, given.to, given.project, given.online, given.follow, print_line)
