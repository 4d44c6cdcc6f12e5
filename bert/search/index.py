"""An index, opened: vectors, their texts, and what made them.

index = Index("mails.index")
for found in index.nearest(queries, top=10):
    print(found.scores[0], index.texts[found.numbers[0]].text)
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bert.errors import InputError
from bert.search.approximate import Graph, graph_name
from bert.search.description import REMEDY, read_description
from bert.search.exact import Found, nearest
from bert.search.texts import NAME as TEXTS
from bert.search.texts import Texts
from bert.search.vectors import NAME as VECTORS
from bert.search.vectors import open_vectors


class Index:
    """The files of an index. Vectors and texts are mapped: memory holds what is used of them.

    Args:
        approximate: whether the nearest are looked for in the graph.

    Raises:
        InputError: if there is no index, or a file is damaged. Also if there is no graph, but one is asked for.
    """

    def __init__(self, directory: str | Path, approximate: bool = False):
        self.directory = Path(directory)
        self.description = read_description(directory)
        said, remedy = self.description, REMEDY
        self.texts = Texts(self.directory / TEXTS, said.texts, said.texts_bytes, said.texts_crc32, remedy)
        self.vectors = open_vectors(self.directory / VECTORS, said.texts, said.vector_size, said.vectors_crc32, remedy)
        self.graph = None
        if approximate:
            if said.graph_crc32 is None:
                raise InputError(
                    f"{directory}: has no graph for approximate search; make the index again with --approximate, or "
                    f"leave --approximate out"
                )
            path = self.directory / graph_name(said.texts)
            self.graph = Graph(path, self.vectors, said.graph_crc32, remedy)

    def nearest(self, queries: np.ndarray, top: int, left_out: Iterable[int] = ()) -> list[Found]:
        """The nearest vectors of each query: see ``exact.nearest``. With a graph, most of them.

        Args:
            queries: (queries, vector_size) float32 of length 1.
        """
        if self.graph is not None:
            return self.graph.nearest(queries, top)
        return nearest(self.vectors, queries, top, left_out)

    def recall_in_words(self) -> str:
        """How much of the exact search's findings the graph finds, as a sentence."""
        return f"approximate search finds {self.graph.recall():.1%} of the 10 nearest texts" if self.graph else "exact"
