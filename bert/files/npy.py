"""NumPy's ``.npy`` files of float32, written row by row."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from bert.files.whole import atomic_file


@contextlib.contextmanager
def npy_file(path: str | Path, shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """A file that takes rows and appears only when the block has ended well. Memory never holds all of them.

    Args:
        shape: of a row.

    Yields a function that writes one row or several.
    """
    count = 0
    with atomic_file(path, may_be_pipe=True) as file:
        _write_header(file, (0, *shape))
        begin = file.tell()

        def write(rows: np.ndarray) -> None:
            nonlocal count
            rows = np.ascontiguousarray(rows, np.float32)
            file.write(rows.data)
            count += rows.size // int(np.prod(shape))

        yield write
        file.seek(0)  # only now the count is known; numpy leaves room for it in the header
        _write_header(file, (count, *shape))
        if file.tell() != begin:
            raise RuntimeError("the header of an .npy file grew with the number of rows")


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
