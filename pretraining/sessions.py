"""How a run was trained, session by session, so that any of its updates can be computed again (``replay/``).

A resumed run may have other flags than before, another device, or another number of processes. ``arguments.json`` has
the newest flags alone. So each session that differs from the one before it is written down, with the updates that were
done before it:

    training_state/sessions.json      {"sessions": [{"step": 0, "settings": {...}, "precision": "bf16", ...}]}

A run of an earlier version has no such file. Once it is resumed, the file begins with that session.
"""

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import Rule, check, is_count, is_number, is_plain
from bert.files.whole import write_atomically
from bert.training.precision import DTYPES
from bert.training.run import Run
from bert.training.state_schema import COUNT
from pretraining.settings import PretrainingSettings

FILE = "training_state/sessions.json"
REMEDY = "put back a copy of the file, or remove it: the updates so far can then not be computed again"
# They change no number of a run.
NO_NUMBERS = ("output", "resume", "workers", "shards", "plan", "keep_checkpoints", "eval_examples")


@dataclass(frozen=True)
class Session:
    """How a run computes from an update on."""

    step: int  # updates before it
    settings: dict[str, Any]  # as ``arguments.json`` has them
    precision: str  # never "auto"
    device: str
    processes: int
    torch: str  # the version of PyTorch
    corpus: str  # the checksum of the tokenized corpus
    tokenizer: str  # the fingerprint of the tokenizer
    seconds: float = 0.0  # of training before it, from which --max-minutes count

    @property
    def decides(self) -> dict[str, Any]:
        """What decides the numbers of the session."""
        settings = {name: value for name, value in self.settings.items() if name not in NO_NUMBERS}
        return asdict(self) | {"settings": settings, "step": 0, "seconds": 0.0}


TEXT = Rule(lambda value: isinstance(value, str), "a text")
SCHEMA = {
    "step": COUNT,
    "settings": Rule(lambda value: isinstance(value, dict) and is_plain(value), "the flags of the session"),
    "processes": Rule(lambda value: is_count(value, 2**31) and value > 0, "a whole number from 1"),
    "precision": Rule(lambda value: isinstance(value, str) and value in DTYPES, f"one of {', '.join(DTYPES)}"),
} | dict.fromkeys(("device", "torch", "corpus", "tokenizer"), TEXT)
SECONDS = Rule(lambda value: is_number(value) and value >= 0, "a number of seconds")


def session_of(run: Run, settings: PretrainingSettings, corpus: str, tokenizer: str) -> Session:
    """The session that a run begins now.

    Args:
        corpus: the checksum of the tokenized corpus.
        tokenizer: the fingerprint of the tokenizer.
    """
    processes = run.processes
    return Session(
        run.progress.step, vars(settings), run.precision.name, processes.device.type, processes.world_size,
        torch.__version__, corpus, tokenizer, run.progress.seconds,
    )  # fmt: skip


def record_session(run: Path, session: Session) -> None:
    """Writes a session down, unless it goes on as the one before. Sessions that began later are void, and go.

    Raises:
        InputError: if the file is damaged, or cannot be written.
    """
    found = read_sessions(run)
    sessions = [earlier for earlier in found if earlier.step < session.step]
    if not sessions or sessions[-1].decides != session.decides:
        sessions.append(session)
    if sessions != found:
        content = json.dumps({"sessions": [asdict(each) for each in sessions]}, indent=1)
        write_atomically(run / FILE, content + "\n")


def read_sessions(run: Path) -> list[Session]:
    """The sessions of a run, in order. None if it is of an earlier version, which wrote none down.

    Raises an InputError if the file is damaged.
    """
    file = run / FILE
    if not file.exists():
        return []
    entries = read_json_object(file).get("sessions")
    if not isinstance(entries, list):
        raise InputError(f"{file}: holds no list of sessions; {REMEDY}")
    for number, entry in enumerate(entries, start=1):
        check(entry, SCHEMA | {"seconds": SECONDS}, f"{file}: session {number}", REMEDY, required=SCHEMA)
    sessions = [Session(**entry) for entry in entries]
    if any(later.step <= earlier.step for earlier, later in itertools.pairwise(sessions)):
        raise InputError(f"{file}: a session does not begin after the one before it; {REMEDY}")
    return sessions
