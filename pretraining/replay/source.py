"""What a run has kept: its sessions, its log, its training states, its tokenized corpus. Nothing is written there."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bert.checkpoints.vocabulary import load_tokenizer
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import is_count
from bert.tokenization.tokenizer import Tokenizer
from bert.training.decisions import RecordedDecisions
from bert.training.distributed import Processes
from bert.training.precision import DTYPES
from bert.training.reporting import read_log
from bert.training.state import saved_states
from bert.training.state_reading import read_metadata
from bert.training.threads import NAME as THREADS
from data.corpus.tokenized import TokenizedCorpus, open_corpus
from pretraining.kept import FOLDER, kept_in
from pretraining.sessions import Session, read_sessions
from pretraining.settings import PretrainingSettings

MOST_THREADS = 1024
ALONE = Processes(0, 1, torch.device("cpu"))


@dataclass(frozen=True)
class State:
    """A training state of a run."""

    step: int
    path: Path


@dataclass(frozen=True)
class Source:
    """A run of ``train_pretrain.py``, as its directory has it."""

    directory: Path
    sessions: list[Session]
    is_noted: bool  # whether the run wrote its sessions down; else they are as its newest flags and its log say
    log: list[dict[str, Any]]
    states: list[State]  # oldest first; they may be damaged
    kept: list[int]  # the updates of --keep-checkpoints

    @property
    def end(self) -> int:
        """How many updates the run has made, as far as it saved or logged them."""
        return max((self.states or [State(0, self.directory)])[-1].step, *(line["step"] for line in self.log), 0)

    def reports(self) -> dict[int, dict[str, Any]]:
        """The reports of training in the log, by their updates."""
        return {line["step"]: line for line in self.log if "learning_rate" in line}

    def kept_path(self, step: int) -> Path:
        """The checkpoint that was kept at an update."""
        return self.directory / FOLDER / f"step-{step:08d}"

    def session_at(self, step: int) -> Session:
        """The session that goes on from update ``step``. Raises an InputError if the run did not write it down."""
        if step < self.sessions[0].step:
            first = self.sessions[0].step
            raise InputError(
                f"{self.directory}: an earlier version of this program made its first {first:,} updates, and did not "
                f"write down with which flags; name an --update above {first:,}"
            )
        return [session for session in self.sessions if session.step <= step][-1]

    def legs(self, start: int, end: int) -> list[tuple[Session, int]]:
        """The sessions from update ``start`` to ``end``, each with the update that it goes to."""
        later = [session for session in self.sessions if start < session.step < end]
        sessions = [self.session_at(start), *later]
        return list(zip(sessions, [*(session.step for session in later), end]))

    def decisions(self) -> RecordedDecisions:
        """What the run decided by the clock. Raises an InputError if it cannot be what a run decided."""
        file = self.directory / "training_state" / "decisions.json"
        decisions = RecordedDecisions(file, ALONE)
        numbers = [number for _, number in decisions.made(THREADS, 2**63)]
        if any(not 1 <= number <= MOST_THREADS for number in numbers):
            raise InputError(f"{file}: holds {max(numbers):,} threads; put back a copy of the file")
        return decisions

    def threads(self, step: int) -> int | None:
        """The number of threads from update ``step`` on, if the run did not choose it by the load. None: unknown."""
        numbers = (line.get("threads") for line in self.log if line["step"] > step)
        found = next((number for number in numbers if type(number) is int), None)
        return found if found is None or 1 <= found <= MOST_THREADS else None

    def tokenizer(self) -> Tokenizer:
        """The run's. Raises an InputError if it is another one than the run was trained with."""
        tokenizer = load_tokenizer(self.directory)
        expected = self.sessions[-1].tokenizer
        if expected and tokenizer.fingerprint != expected:
            raise InputError(
                f"{self.directory}: its vocabulary or tokenizer_config.json was changed since it was trained; put back "
                f"the files"
            )
        return tokenizer

    def corpus(self) -> TokenizedCorpus:
        """The run's tokenized corpus. Raises an InputError if it is not there, or is another one."""
        session, own = self.sessions[-1], self.directory / "shards"
        elsewhere = session.settings.get("shards")
        complaint = None
        for place in [own] if elsewhere is None else [Path(elsewhere), own]:
            if not os.path.isdir(place):
                complaint = complaint or f"{place}: no such directory, and it held the run's tokenized corpus"
                continue
            try:
                corpus = open_corpus(place)
            except InputError as error:
                complaint = str(error).partition("; remove")[0]
                continue
            if not session.corpus or corpus.checksum == session.corpus:
                return corpus
            complaint = f"{place}: holds another corpus than {self.directory} was trained on"
        raise InputError(
            f"{complaint}; put it back, or make it again from the same text: python train_pretrain.py --output "
            f"{self.directory} --resume"
        )

    def start(self, update: int) -> tuple[State | None, list[str]]:
        """The newest whole state before an update, and a sentence about each newer one that is damaged.

        No state: the update is computed from the run's beginning.
        """
        complaints = []
        for state in reversed([state for state in self.states if state.step < update]):
            try:
                read_metadata(state.path)
                return state, complaints
            except InputError as error:
                complaints.append(str(error))
        return None, complaints


def read_source(directory: Path) -> Source:
    """A run's directory. Raises an InputError if it holds no run of ``train_pretrain.py``, or a damaged one."""
    if not os.path.isdir(directory):
        raise InputError(f"{directory}: no such directory; name the directory of a run of train_pretrain.py")
    file = directory / "arguments.json"
    if not os.path.exists(file):
        raise InputError(
            f"{directory}: holds no run ({file.name} is not there); name the directory of a run of train_pretrain.py"
        )
    settings = read_json_object(file)
    if PretrainingSettings.OWN_FLAG not in settings:
        raise InputError(
            f"{directory}: is no run of train_pretrain.py ({file.name} names no {PretrainingSettings.OWN_FLAG}), and "
            f"only pretraining can be replayed; name a pretraining run"
        )
    log = read_log(directory / "log.jsonl")
    states = [State(int(path.name.split("-")[1]), path) for path in saved_states(directory / "training_state")]
    sessions = read_sessions(directory)
    return Source(
        directory, sessions or [_only_session(settings, log, states)], bool(sessions), log, states[::-1],
        kept_in(directory),
    )  # fmt: skip


def _only_session(settings: dict[str, Any], log: list[dict[str, Any]], states: list[State]) -> Session:
    """The session of a run that wrote none down: as its newest flags, its log and its newest state say."""
    metadata: dict[str, Any] = {}
    for state in states:
        try:
            metadata = read_metadata(state.path)
            break
        except InputError:
            continue
    line = next((line for line in log if "precision" in line), {})
    generators = metadata.get("generators")
    processes = line.get("processes") or (len(generators) if isinstance(generators, list) else 1)
    checksum = metadata.get("corpus or vocabulary")
    precision = str(line.get("precision") or settings.get("precision"))
    return Session(
        0, settings, precision if precision in DTYPES else "auto",
        str(line.get("device") or settings.get("device")).partition(":")[0],
        processes if is_count(processes) and processes else 1, "", checksum if isinstance(checksum, str) else "", "",
    )  # fmt: skip
