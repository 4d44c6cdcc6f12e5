"""Taking a model to where it is used, and a run's log to where it is watched."""

import argparse

from bert.files.terminal import print_error, print_line
from bert.training.flags import finite, positive


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    export = commands.add_parser("export", help="files that run without this package, compared with the run")
    export.add_argument("run", help="the directory of a run, or of a Hugging Face BERT")
    export.add_argument("output", help="the directory to write")
    export.add_argument("--format", required=True, choices=("torch", "onnx"), help="a program of PyTorch, or ONNX")
    export.add_argument("--int8", action="store_true", help="matrices in 8 bits")
    export.add_argument("--texts", metavar="FILE", help="what to compare with (the run's validation file)")
    export.add_argument("--compare", type=positive, metavar="N", default=256, help="the most examples of it (256)")
    export.add_argument(
        "--threshold", type=finite, metavar="X",
        help="the largest difference of a score (0.0001); with --int8 the largest share of labels that flip (0.01)",
    )  # fmt: skip
    export.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    export.set_defaults(function=run_export)
    track = commands.add_parser("track", help="sends the log of a run to an experiment tracker")
    track.add_argument("run", help="the directory of a run of either script")
    track.add_argument("--to", required=True, choices=("wandb", "trackio"), help="the tracker")
    track.add_argument("--follow", action="store_true", help="go on until the run ends, or Ctrl-C")
    track.add_argument("--project", metavar="NAME", default="bert", help="(%(default)s)")
    track.add_argument("--online", action=argparse.BooleanOptionalAction, help="(if you are logged in)")
    track.set_defaults(function=run_track)


def run_export(given: argparse.Namespace) -> int:
    """Writes the files and prints the comparison. The exit code is 1 if they are farther apart than the threshold."""
    from bert.commands.export import export_run

    check = export_run(
        given.run, given.output, given.format, given.int8, given.texts, given.compare, given.threshold,
        given.overwrite, log=print_error,
    )  # fmt: skip
    print_line(*check.table())
    for failure in check.failures():
        print_error(f"{given.output}: too far from {given.run}: {failure}")
    return 1 if check.failures() else 0


def run_track(given: argparse.Namespace) -> None:
    """Sends what the tracker does not have yet, and says where it is."""
    from bert.commands.track import track

    track(given.run, given.to, given.project, given.online, given.follow, print_line)
