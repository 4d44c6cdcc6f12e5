"""Taking a model to where it is used, and a run's log to where it is watched."""

import argparse
import ipaddress

from bert.commands.flags import (
    add_decoding_arguments,
    add_eight_bits_argument,
    add_length_arguments,
    device_of,
    reading_given,
)
from bert.files.terminal import print_error, print_line
from bert.tasks.options import LONG_TEXTS
from bert.training.flags import above_zero, finite, positive, whole


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    export = commands.add_parser("export", help="files that run without this package, compared with the run")
    export.add_argument("run", help="the directory of a run, or of a Hugging Face BERT")
    export.add_argument("output", help="the directory to write")
    formats = "a program of PyTorch, an ONNX graph, or a TensorFlow checkpoint of Google's code"
    export.add_argument("--format", required=True, choices=("torch", "onnx", "google"), help=formats)
    export.add_argument("--int8", action="store_true", help="matrices in 8 bits")
    export.add_argument("--texts", metavar="FILE", help="what to compare with (the run's validation file)")
    export.add_argument("--compare", type=positive, metavar="N", default=256, help="the most examples of it (256)")
    export.add_argument(
        "--threshold", type=finite, metavar="X",
        help="the largest difference of a score (0.0001); with --int8 the largest share of labels that flip (0.01)",
    )  # fmt: skip
    export.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    export.set_defaults(function=run_export)
    serve = commands.add_parser("serve", help="a model behind HTTP: POST /predict, and a page to try it")
    serve.add_argument("run", help="the directory of a run, or of a Hugging Face BERT")
    serve.add_argument("--body", metavar="DIR", help="an adapted run's body (default: as the run names it)")
    serve.add_argument("--port", type=whole, default=8000, metavar="N", help="(8000); 0: any that is free")
    serve.add_argument("--host", default="127.0.0.1", help="(127.0.0.1: this machine alone)")
    limits = serve.add_argument_group("limits")
    limits.add_argument("--max-batch-tokens", type=positive, metavar="N", help="most tokens of a batch (4,096)")
    limits.add_argument("--queue", type=positive, metavar="N", help="most inputs that wait; more get 429 (1,024)")
    limits.add_argument("--max-body", type=positive, metavar="BYTES", help="the largest request (4 MiB)")
    limits.add_argument("--timeout", type=above_zero, metavar="S", help="seconds to send, and to be answered (30)")
    limits.add_argument("--connections", type=positive, metavar="N", help="most open connections (128)")
    reading = serve.add_argument_group("inputs and answers", "as of predict; defaults: the run's training settings")
    reading.add_argument("--text-column", metavar="NAME", help="the key of the text")
    reading.add_argument("--text-pair-column", metavar="NAME", help="the key of the second text, for pairs")
    add_length_arguments(reading, LONG_TEXTS)
    reading.add_argument("--summary-sentences", type=positive, metavar="N", help="most sentences of a summary")
    reading.add_argument("--null-threshold", type=finite, metavar="X", help="by how much 'no answer' must lead")
    reading.add_argument("--text", action=argparse.BooleanOptionalAction, help="texts beside predictions (they are)")
    reading.add_argument("--pooling", choices=("mean", "cls", "max"), help="answer with vectors, pooled in this way")
    add_eight_bits_argument(reading)
    add_decoding_arguments(serve)
    serve.set_defaults(function=run_serve)
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


def run_serve(given: argparse.Namespace) -> None:
    """Serves a run until Ctrl-C or SIGTERM."""
    from bert.adaptation.loading import source_of
    from bert.commands.serve import serve
    from bert.serve.limits import Limits
    from bert.training.distributed import start_processes

    if not _is_loopback(given.host):
        print_error(f"Note: --host {given.host}: other machines may reach this server; it asks for no password.")
    flags = {
        "batch_tokens": given.max_batch_tokens, "queue": given.queue, "body": given.max_body, "timeout": given.timeout,
        "connections": given.connections,
    }  # fmt: skip
    limits = Limits(**{name: value for name, value in flags.items() if value is not None})
    source = source_of(given.run, given.body)
    with start_processes(device_of(given)) as processes:
        serve(
            source, given.host, given.port, limits, reading_given(given), processes.device, given.pooling, given.int8,
            log=print_line, note=print_error,
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def run_track(given: argparse.Namespace) -> None:
    """Sends what the tracker does not have yet, and says where it is."""
    from bert.commands.track import track

    track(given.run, given.to, given.project, given.online, given.follow, print_line)
