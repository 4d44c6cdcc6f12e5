"""The vectors of an index: a NumPy array of float32, mapped into memory, of which nothing is believed unchecked."""

import re
import zlib
from pathlib import Path

import numpy as np

from bert.errors import InputError
from bert.files.reading import open_to_read, require_file

NAME = "vectors.npy"
BLOCK = 1 << 24  # bytes
HEADER = 128  # bytes
# As NumPy writes it. Its own function also reads other forms; some hold pickles, and a damaged one may end it anyhow.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00v\x00\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,18}), (\d{1,18})\), \} +\n"
)


def open_vectors(path: Path, count: int, size: int, checksum: int, remedy: str) -> np.ndarray:
    """(count, size) float32, read-only and mapped: the first rows of a file that may have more.

    Args:
        checksum: the CRC-32 of these rows' bytes.
        remedy: what to do if the file is damaged, for the message.

    Raises:
        InputError: if the file is no such array, is shorter than it says, or has another checksum.
    """
    require_file(path)
    with open_to_read(path) as file:
        header = file.read(HEADER)
    match = _HEADER.fullmatch(header)
    if match is None:
        raise InputError(f"{path}: does not begin as an index's array of float32; {remedy}")
    rows, width = map(int, match.groups())
    found, needed = path.stat().st_size, HEADER + count * size * 4
    if rows < count or width != size or found < needed:
        raise InputError(
            f"{path}: says that it holds ({rows}, {width}) numbers, and has {found:,} bytes; ({count}, {size}) numbers "
            f"in {needed:,} bytes were expected, as index.json says; {remedy}"
        )
    vectors = np.memmap(path, "<f4", "r", offset=HEADER, shape=(count, size))
    if crc32_of(vectors) != checksum:
        raise InputError(f"{path}: is damaged (it does not have the checksum in index.json); {remedy}")
    return vectors


def crc32_of(vectors: np.ndarray) -> int:
    """The checksum of an array's bytes, block by block."""
    crc, content = 0, vectors.reshape(-1).view(np.uint8)
    for start in range(0, len(content), BLOCK):
        crc = zlib.crc32(content[start : start + BLOCK].data, crc)
    return crc


def normalized(vectors: np.ndarray) -> np.ndarray:
    """The same directions with length 1, in float32; a vector of zeros stays. Lengths are computed in float64."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
