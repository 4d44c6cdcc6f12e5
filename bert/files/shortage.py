"""Errors that the machine makes, and no fault of the program's: the sentence for each.

Too little memory, disk or open files can end any line of a program. Libraries raise errors of their own then. So the
programs ask here, once, what ended them.
"""

import errno
import os

MEMORY = (os.strerror(errno.ENOMEM), "not enough memory", "bad_alloc", "failed to map segment", "can't allocate memory")
THREADS = ("can't start new thread", "Resource temporarily unavailable")


def system_error(error: BaseException | None) -> OSError | None:
    """The OSError behind an error. A library may raise another in its place, as PyTorch's zip writer does."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def shortage(error: BaseException) -> str | None:
    """The sentence for an error that the machine made. None if the program or its input may be the reason."""
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said for words in MEMORY):
        return (
            "the memory is full, or a limit of it is reached (ulimit -v); what was saved before is kept. Make room, "
            "or ask for less: a smaller batch, shorter inputs, fewer workers"
        )
    if any(words in said for words in THREADS):
        return "no further process or thread can be started; allow more (ulimit -u), or ask for fewer workers"
    if os.strerror(errno.EMFILE) in said:
        return f"{_place(error)}too many files are open; allow more (ulimit -n)"
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{_place(error)}cannot be used ({error.strerror}); it was changed or removed meanwhile, or its "
            f"permissions are wrong: put it back, or name another place"
        )
    return None


def _place(error: BaseException) -> str:
    """The file that an error is about, with a colon; nothing if it names none."""
    name = getattr(error, "filename", None)
    return "" if name is None else f"{os.fsdecode(name) if isinstance(name, bytes) else name}: "
