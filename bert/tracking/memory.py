"""What a tracker was sent of a run: ``tracking.json`` in the run's directory. Without it, the run is sent anew."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import Rule, check, is_count, is_plain
from bert.files.whole import write_atomically

FILE = "tracking.json"
_TEXT = Rule(lambda value: isinstance(value, str) and value != "", "a text")
_RULES = {
    "id": _TEXT,
    "project": _TEXT,
    "step": Rule(lambda value: value == -1 or is_count(value), "a whole number from -1"),
    "names": Rule(lambda value: isinstance(value, list) and is_plain(value), "a list of names"),
}


@dataclass
class Sent:
    """What one tracker has of a run."""

    id: str  # of the run, at the tracker
    project: str
    step: int = -1  # the last one that was sent
    names: list[str] = field(default_factory=list)  # of the numbers that were sent of that step

    def is_new(self, step: int, name: str) -> bool:
        """Whether a number was not sent yet."""
        return step > self.step or (step == self.step and name not in self.names)

    def note(self, step: int, names: Iterable[str]) -> None:
        """Takes note of numbers that are sent now."""
        if step > self.step:
            self.step, self.names = step, []
        self.names.extend(names)


def read_sent(run: Path, tracker: str, project: str) -> Sent:
    """What a tracker has of a run. If it has nothing, the run gets an id.

    Raises:
        InputError: if the file is damaged, or if the run was sent to another project.
    """
    path = run / FILE
    known = read_json_object(path).get(tracker) if path.exists() else None
    if known is None:
        return Sent(secrets.token_hex(4), project)
    remedy = "remove the file, and the run is sent anew"
    check(known, _RULES, f"{path}: {tracker}", remedy, required=tuple(_RULES))
    sent = Sent(**known)
    if sent.project != project:
        raise InputError(
            f"--project {project}: {run} was sent to the project {sent.project} before; give that one, or remove "
            f"{path} to send it anew"
        )
    return sent


def write_sent(run: Path, tracker: str, sent: Sent) -> None:
    """Writes what a tracker has of a run, beside what others have."""
    path = run / FILE
    others = read_json_object(path) if path.exists() else {}
    write_atomically(path, json.dumps(others | {tracker: asdict(sent)}, indent=2) + "\n")
