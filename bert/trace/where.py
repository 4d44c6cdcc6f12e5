"""Which expression of this project makes a tensor: read from the Python stack, not written down a second time.

    scores = query @ key.mT / math.sqrt(query.shape[-1])
             ^^^^^^^^^^^^^^                                  the expression that runs now

Python knows the columns of each instruction (PEP 657, since 3.11). So a trace shows the code as it stands.
"""

import linecache
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType

import bert

PACKAGE = Path(bert.__file__).parent
# The first only passes calls on to the plain forms; the second watches.
UNSEEN = (str(PACKAGE / "fast" / "__init__.py"), str(PACKAGE / "trace") + os.sep)


@dataclass(frozen=True)
class Where:
    """An expression in a file of this project.

    Attributes:
        path: from the folder above the package: ``bert/model/attention.py``.
        line: where the expression begins.
        function: that it stands in.
        code: the expression.
    """

    path: str
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def own_frames(frame: FrameType | None) -> Iterator[tuple[FrameType, FrameType | None]]:
    """Each frame of this project from the innermost outwards, with the frame of a library that it has called."""
    called = None
    while frame is not None:
        name = frame.f_code.co_filename
        is_own = name.startswith(str(PACKAGE) + os.sep) and not name.startswith(UNSEEN)
        if is_own:
            yield frame, called
        called = None if is_own else frame
        frame = frame.f_back


def where_is(frame: FrameType) -> Where:
    """The expression that a frame runs now."""
    code = frame.f_code
    path = Path(code.co_filename)
    position = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    line, last_line, start, end = position
    lines = linecache.getlines(code.co_filename)
    if line is None or last_line is None or start is None or end is None:  # python -X no_debug_ranges
        line = frame.f_lineno
        text = lines[line - 1] if line <= len(lines) else ""
    else:
        # Columns count bytes of UTF-8.
        parts = [each.encode() for each in lines[line - 1 : last_line]]
        if parts:
            parts[-1] = parts[-1][:end]
            parts[0] = parts[0][start:]
        text = b"".join(parts).decode(errors="replace")
    return Where(path.relative_to(PACKAGE.parent).as_posix(), line, code.co_qualname, " ".join(text.split()))
