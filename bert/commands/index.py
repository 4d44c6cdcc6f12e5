"""``python -m bert index``: a directory of texts and their vectors, in which ``search`` and ``recommend`` look."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from bert.commands.embed import Embedder, recipe_of
from bert.commands.reading import first_checked, reading_of
from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.tables import read_rows
from bert.files.whole import lock_directory
from bert.search.approximate import library
from bert.search.description import NAME, Description, Maker, read_description
from bert.search.index import Index
from bert.search.texts import NAME as TEXTS
from bert.search.texts import Record
from bert.search.vectors import NAME as VECTORS
from bert.search.write import write_index
from bert.tasks.classification.read import Example

PROMPTS = ("document", "passage", "corpus")  # of models with different prompts for queries and texts


def index_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    given: dict[str, Any],
    pooling: str | None = None,
    columns: tuple[str, ...] = (),
    add: bool = False,
    approximate: bool | None = None,
    device: str | torch.device = "cpu",
    log: Callable[[str], None] = lambda sentence: None,
) -> Description:
    """Writes an index of the texts of a file. Texts are streamed, in order; blank ones are left out.

    Args:
        given: the reading settings; None for each that was not given. The column of the texts is "text" without one.
        pooling: see ``recipe_of``.
        columns: further columns of the file, to be kept beside each text.
        add: whether the texts are added to an index that is there already, made by the same model.
        approximate: whether a graph for approximate search is made; None: if the old index had one.
        log: takes notes.

    Raises:
        InputError: if the texts cannot be read, an index is there or is missing, or another model made it. Also if
            other files of its names are there.
    """
    if add:
        read_description(output)  # before a directory is made
    with lock_directory(output):
        old = Index(output) if add else None
        if old is None and (Path(output) / NAME).exists():
            raise InputError(
                f"{output}: holds an index already; add to it with --add, name another directory with -o, or remove it"
            )
        if old is None:
            _refuse_to_replace_files(Path(output))
        if approximate is None:
            approximate = old is not None and old.description.graph_crc32 is not None
        if approximate:
            library()  # before the work
        if old is not None:
            given, pooling = _as_before(old, given, pooling)
        recipe = recipe_of(run, given, pooling, log=log if old is None else lambda sentence: None)
        options = reading_of(recipe.source, "", recipe.given).options
        records = first_checked(_records(path, given, columns, log))
        embedder = recipe.load(options, device)
        maker = Maker(str(run), embedder.fingerprint(), pooling, options.max_length, options.long_texts)
        if old is not None:
            check_made_by(old, embedder, str(run))
        cut: list[int] = []
        items = _with_vectors(records, embedder, cut)
        said = write_index(output, maker, embedder.width, items, old, approximate)
        note_cut(sum(cut), "texts", embedder, log)
        return said


def _refuse_to_replace_files(output: Path) -> None:
    """Raises an InputError if files of an index's names are there without an index: they may be somebody's own."""
    for name in (TEXTS, VECTORS):
        if (output / name).exists():
            raise InputError(
                f"{output}: holds {name} and no {NAME}; name another directory with -o, or, if making an index was cut "
                f"off there, remove the file"
            )


def check_made_by(index: Index, embedder: Embedder, run: str) -> None:
    """Raises an InputError unless this model made the index's vectors."""
    said = index.description
    if embedder.fingerprint() != said.fingerprint or embedder.width != said.vector_size:
        raise InputError(
            f"{run}: is not the model that made {index.directory} ({said.model}, as it was then): its weights, its "
            f"tokenizer or its pooling differ; name that model, or make the index again with this one"
        )


def note_cut(count: int, what: str, embedder: Embedder, log: Callable[[str], None]) -> None:
    """Says how many texts were cut."""
    if count and embedder.options.long_texts != "windows":
        of_it = {"head": "their beginnings", "tail": "their ends"}.get(embedder.options.long_texts, "both ends")
        log(f"Note: {what} of more than {embedder.options.max_length} tokens: {count:,}; only {of_it} were read.")


def _as_before(old: Index, given: dict[str, Any], pooling: str | None) -> tuple[dict[str, Any], str | None]:
    """The settings of an index, for texts that are added. Raises an InputError if a flag contradicts one."""
    said = old.description
    asked = {"pooling": pooling, "max_length": given.get("max_length"), "long_texts": given.get("long_texts")}
    for name, value in asked.items():
        if value not in (None, getattr(said, name)):
            raise InputError(
                f"--{name.replace('_', '-')} {value}: {old.directory} was made with {getattr(said, name)}; leave it "
                f"out, or make the index again"
            )
    return given | {"max_length": said.max_length, "long_texts": said.long_texts}, said.pooling


def _records(
    path: str | Path, given: dict[str, Any], columns: tuple[str, ...], log: Callable[[str], None]
) -> Iterator[Record]:
    """The texts of a file that are not blank. Raises an InputError if there is none, or one is no text."""
    asked = {"--text-column": given.get("text_column") or "text"} | {f"--columns {name}": name for name in columns}
    header = given.get("header")
    bad = BadRows(path, can_skip=False)

    def read(place: str, line: int, values: tuple[Any, ...]) -> Record | None:
        text, *others = values
        if not isinstance(text, str):
            raise InputError(f"{place}: the text is {str(text)[:80]} (--text-column); a text was expected")
        return Record(str(path), line, text, dict(zip(columns, others))) if text.strip() else None

    blank = count = 0
    rows = read_rows(path, asked, True if header is None else header, bad)
    for record in bad.good(rows, read, "holds no texts; rows of texts were expected"):
        count += 1
        if record is None:
            blank += 1
        else:
            yield record
    if blank == count:
        raise InputError(f"{path}: all its texts are blank; rows of texts were expected")
    if blank:
        log(f"Note: {path}: {blank:,} of {count:,} texts are blank, and left out.")


def _with_vectors(records: Iterator[Record], embedder: Embedder, cut: list[int]) -> Iterator[tuple[Record, Any]]:
    """Each text with its vector. Vectors come some time after their texts were read."""
    waiting: deque[Record] = deque()

    def examples() -> Iterator[Example]:
        for record in records:
            waiting.append(record)
            yield Example(record.line, record.text, None, None)

    for vector in embedder(examples(), prompts=PROMPTS, cut=cut.append):
        yield waiting.popleft(), vector
