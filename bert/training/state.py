"""What resuming needs: everything that decides what the next update will be, in one file with a checksum.

``training_state/step-00001000.pt`` and beside it ``step-00001000.sha256``, in the format of ``sha256sum``. The checksum
is written last, so a state without one is the leavings of a crash and does not count. The two newest are kept.
"""

import hashlib
import re
from pathlib import Path

import torch

from bert.errors import InputError
from bert.files.whole import atomic_file, write_atomically

KEPT = 2


def generator_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of the random generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_generator_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Takes the random generators back to ``state``."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def save_state(directory: Path, step: int, state: dict) -> None:
    """Writes the state after ``step`` updates, then drops all but the newest two.

    Raises:
        InputError: where the disk is full; the earlier states are kept.
    """
    path = directory / f"step-{step:08d}.pt"
    for leaving in directory.glob(".step-*.tmp"):  # of a run that was killed while it wrote
        leaving.unlink(missing_ok=True)
    with atomic_file(path) as file:
        hashing = _HashingWriter(file)
        torch.save(state, hashing)
    write_atomically(path.with_suffix(".sha256"), f"{hashing.digest.hexdigest()}  {path.name}\n")
    others = [other for other in saved_states(directory) if other != path]
    for older in others[KEPT - 1 :]:
        older.with_suffix(".sha256").unlink(missing_ok=True)
        older.unlink(missing_ok=True)


def load_newest_state(directory: Path) -> tuple[dict, list[str]]:
    """The newest state that is whole, and a sentence about each newer one that is not.

    Raises:
        InputError: where there is none.
    """
    complaints = []
    for path in saved_states(directory):
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            written = path.with_suffix(".sha256").read_text(encoding="utf-8", errors="replace").split(" ")[0]
            damage = None if digest == written else "is damaged (its checksum differs)"
        except OSError as error:
            damage = f"cannot be read ({error.strerror})"
        if damage is not None:
            complaints.append(f"{path}: {damage}")
            continue
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)  # no code of it is run
        except Exception as error:  # the kinds of damage to a pickle are many, and so are the errors
            complaints.append(f"{path}: cannot be read as a state ({(str(error).splitlines() or [''])[0]})")
            continue
        if isinstance(state, dict):
            return state, complaints
        complaints.append(f"{path}: holds a {type(state).__name__}, not a state")
    found = "; ".join(complaints) or "it holds no state"
    raise InputError(f"--resume: nothing to resume from in {directory} ({found}); leave out --resume to start anew")


def saved_states(directory: Path) -> list[Path]:
    """The states in a directory that were written to their end, newest first."""
    found = [
        path
        for path in directory.glob("step-*.pt")
        if re.fullmatch(r"step-\d{8,}\.pt", path.name) and path.with_suffix(".sha256").exists()
    ]
    return sorted(found, key=lambda path: int(path.stem.removeprefix("step-")), reverse=True)


class _HashingWriter:
    """A file that takes the checksum of what is written to it on the way."""

    def __init__(self, file):
        self.file, self.digest = file, hashlib.sha256()

    def write(self, content) -> int:
        self.digest.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        self.file.flush()
