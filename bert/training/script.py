"""A script around a run: from the command line to an exit code."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from bert import fast
from bert.errors import InputError, speaks_for_this_machine
from bert.files.shortage import shortage
from bert.files.terminal import orderly, print_error, print_line, printing_failed, silence_stdout
from bert.files.whole import is_disk_full, lock_directory, sweep
from bert.training.allocation import keep_freed_memory
from bert.training.distributed import Processes, lost_process, start_processes
from bert.training.settings import WRITTEN, Settings

Log = Callable[..., None]  # takes the lines to print
# Seconds. torchrun looks at its processes ten times a second. Of several that have ended it may name any as the cause.
# So a process that only lost another one ends later.
BEHIND_THE_CAUSE = 1.0


@orderly()
def run_script(
    script: str,
    command_line: list[str] | None,
    read_settings: Callable[[list[str] | None], Settings],
    do: Callable[[Settings, Processes], int],
) -> int:
    """Runs a script and returns its exit code: the result of ``do``, 2 for bad input, 130 when interrupted.

    Bad input, interruptions, and too little of what the machine gives, are one sentence on stderr. If another process
    of the run ends or hangs, the exit code is 1.

    Args:
        script: its file's name.
        command_line: its arguments; None: the arguments of this process.
        do: what the script does with its settings, in each of the processes.
    """
    explain = partial(explain_failure, script)
    try:
        settings = read_settings(command_line)
    except InputError as error:
        return explain(error) if speaks_for_this_machine() else 2
    try:
        keep_freed_memory()
        with start_processes(settings.device, explain) as processes, forms(settings.plain):
            return do(settings, processes)
    except BaseException as error:
        return explain(error)


def forms(plain: bool) -> contextlib.AbstractContextManager:
    """Inside the block the equations run as they are written, if ``plain``; else faster kernels (``bert.fast``) do."""
    return fast.off() if plain else contextlib.nullcontext()


def explain_failure(script: str, error: BaseException) -> int:
    """Prints a sentence for an error and returns the exit code. Raises the error again if it is a bug."""

    def fail(reason: object) -> int:
        print_error(f"{script}: error: {reason}")
        return 2

    if isinstance(error, InputError):
        return fail(error)
    if isinstance(error, KeyboardInterrupt):
        print_error(f"{script}: interrupted; what was saved before is kept")
        return 130
    if isinstance(error, torch.OutOfMemoryError):
        return fail(
            "the GPU's memory is full; the last checkpoint is kept. Use a larger --accumulate, --recompute, or a "
            "smaller --batch-size or --max-length"
        )
    if reason := lost_process(error):
        fail(
            f"another process of this run ended or hangs ({reason}): its own message says why; --resume goes on from "
            f"the last checkpoint"
        )
        time.sleep(BEHIND_THE_CAUSE)
        return 1
    if isinstance(error, OSError) and is_disk_full(error):
        silence_stdout()
        return fail(printing_failed(error))
    if isinstance(error, Exception) and (reason := shortage(error)):
        return fail(reason)
    raise error


def make_log(processes: Processes) -> Log:
    """The function that prints lines for the user. In all but the main process it prints nothing."""
    return print_line if processes.is_main_process else (lambda *lines: None)


@contextlib.contextmanager
def lock(directory: str | Path, processes: Processes) -> Iterator[None]:
    """Inside the block no other run works in the directory. The temporary files of runs that were killed go.

    Raises:
        InputError: if another run does.
        SystemExit: in all but one process then.
    """
    with contextlib.ExitStack() as stack:
        processes.on_all(lambda: stack.enter_context(lock_directory(directory)) if processes.is_main_process else None)
        if processes.is_main_process:
            sweep(directory, WRITTEN)
        yield


def how_to_go_on(script: str, directory: str | Path) -> list[str]:
    """The command that continues a run that was stopped on the way, as lines."""
    return ["", f"To go on: python {script} --output {directory} --resume"]
