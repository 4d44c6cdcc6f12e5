"""Writes an index, or adds to one. Texts and vectors are streamed: memory never holds all of them.

A crash leaves the old index. Each file appears whole, ``index.json`` last: it says how much of the others counts. Until
then the old one is true, because the new files begin as the old files did.
"""

import contextlib
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bert.errors import InputError
from bert.files.npy import npy_file
from bert.files.whole import atomic_file, sweep, write_atomically
from bert.search.approximate import graph_name, write_graph
from bert.search.description import NAME, REMEDY, Description, Maker
from bert.search.index import Index
from bert.search.texts import NAME as TEXTS
from bert.search.texts import Record
from bert.search.vectors import NAME as VECTORS
from bert.search.vectors import normalized, open_vectors

BLOCK = 1 << 12  # vectors that are copied at once


def write_index(
    directory: str | Path,
    maker: Maker,
    vector_size: int,
    items: Iterable[tuple[Record, np.ndarray]],
    old: Index | None = None,
    graph: bool = False,
) -> Description:
    """Writes an index of texts with their vectors, which get length 1.

    Args:
        items: each text and its vector, (vector_size,).
        old: the index in the same directory, to which they are added.
        graph: whether a graph for approximate search is made.

    Returns:
        What the index holds now.

    Raises:
        InputError: if there is no text at all, a vector is not finite, or a file cannot be written.
    """
    directory = Path(directory)
    sweep(directory, (NAME, TEXTS, VECTORS))
    count = size = vectors_crc = texts_crc = 0
    with npy_file(directory / VECTORS, (vector_size,)) as write_rows, atomic_file(directory / TEXTS) as file:
        if old is not None:
            for start in range(0, len(old.vectors), BLOCK):
                write_rows(old.vectors[start : start + BLOCK])
                line, end = old.texts.ends[start], old.texts.ends[min(start + BLOCK, len(old.texts))]
                file.write(old.texts.bytes[line:end].data)
            said = old.description
            count, size, vectors_crc, texts_crc = said.texts, said.texts_bytes, said.vectors_crc32, said.texts_crc32
        for record, vector in items:
            vector = normalized(vector)
            if not np.isfinite(vector).all():
                raise InputError(f"{record.place}: its vector is not of finite numbers; use another model")
            line = record.as_line()
            write_rows(vector)
            file.write(line)
            vectors_crc, texts_crc = zlib.crc32(vector.tobytes(), vectors_crc), zlib.crc32(line, texts_crc)
            count, size = count + 1, size + len(line)
        if not count:
            raise InputError("there are no texts; an index has at least one")
    graph_crc = None
    if graph:
        sweep(directory, [graph_name(count)])
        vectors = open_vectors(directory / VECTORS, count, vector_size, vectors_crc, REMEDY)
        graph_crc = write_graph(directory / graph_name(count), vectors)
    said = Description(
        **vars(maker), texts=count, vector_size=vector_size, vectors_crc32=vectors_crc, texts_bytes=size,
        texts_crc32=texts_crc, graph_crc32=graph_crc,
    )  # fmt: skip
    write_atomically(directory / NAME, said.as_json())
    for path in directory.glob("graph-*.usearch"):  # older ones
        if not graph or path.name != graph_name(count):
            with contextlib.suppress(OSError):  # it does no harm
                os.remove(path)
    return said
