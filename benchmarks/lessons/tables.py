"""The table of what lessons found, as Markdown: figures, verdicts, and the commands to repeat them."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.lessons.lesson import MINUTES
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import Found, Row
from benchmarks.lessons.verdicts import NO_DIFFERENCE, ONE_SEED


class Measure(NamedTuple):
    """A column of the table."""

    heading: str
    words: str  # in a sentence
    scale: float
    digits: int


MEASURES = {
    "pairs_loss": Measure("loss, pairs", "the loss on pairs", 1, 3),
    "single_loss": Measure("loss, single", "the loss on single segments", 1, 3),
    "pairs_accuracy": Measure("right (%)", "the blanks that are right", 100, 1),
    "single_accuracy": Measure("right (%)", "the blanks that are right", 100, 1),
    "longer_loss": Measure("loss, longer", "the loss on longer texts", 1, 3),
    "byte_loss": Measure("loss, byte", "the loss by byte", 1, 4),
    "next_token_loss": Measure("loss, next token", "the loss of the next token", 1, 3),
    "next_sentence_accuracy": Measure("NSP (%)", "next sentence prediction", 100, 1),
    "task_accuracy": Measure("task (%)", "the task", 100, 1),
}


def columns_of(row: Row) -> list[str]:
    """The measures that a row shows. With two vocabularies a piece is not a piece, so that only bytes compare."""
    flags = " ".join(flag for found in row.contestants for flag in found.flags)
    vocabularies = "--vocab-size" in flags
    left_out = {
        "byte_loss": not vocabularies,
        "longer_loss": not LESSONS[row.lesson].reads_longer,
        "task_accuracy": not LESSONS[row.lesson].task,
        "pairs_loss": vocabularies,
        "single_loss": vocabularies,
        "pairs_accuracy": vocabularies or not trained_on_pairs(row),
        "single_accuracy": vocabularies or trained_on_pairs(row),
    }
    return [
        name
        for name in MEASURES
        if not left_out.get(name) and any(found.values(name) is not None for found in row.contestants)
    ]


def trained_on_pairs(row: Row) -> bool:
    """Whether all contestants were trained on sentence pairs."""
    return all(found.values("next_sentence_accuracy") for found in row.contestants if not found.failures)


def deciding(row: Row) -> tuple[str, ...]:
    """The measures that a row's summary is about: what its lesson names, or what all contestants were trained to do."""
    if "byte_loss" in columns_of(row):
        return ("byte_loss",)
    return LESSONS[row.lesson].judged_by or ("pairs_loss" if trained_on_pairs(row) else "single_loss",)


def mean_of(values: Sequence[float], measure: Measure) -> str:
    """The mean, and the standard deviation if there are several."""
    spread = f" ± {measure.scale * statistics.stdev(values):.{measure.digits}f}" if len(values) > 1 else ""
    return f"{measure.scale * statistics.mean(values):.{measure.digits}f}{spread}"


def cell(row: Row, found: Found, name: str) -> str:
    """A measure of a contestant, in bold if it clearly differs from the first one's."""
    values = found.values(name)
    if values is None:
        return f"failed ({missing} of {row.seeds})" if (missing := found.missing(name)) else ""
    beside = row.difference(found, name)
    text = mean_of(values, MEASURES[name])
    return f"**{text}**" if found is not row.first and beside is not None and beside.is_clear else text


def updates_to_the_first(row: Row, found: Found) -> str:
    """How soon a contestant has the first one's last loss: a share of its updates."""
    shares = row.share_to_the_first(found)
    if shares is None:
        return ""
    reached = [share for share in shares if share is not None]
    if len(reached) < len(shares):
        return "not reached" if not reached else f"in {len(reached)} of {len(shares)}"
    return f"{statistics.mean(reached):.2f}" + (f" ± {statistics.stdev(reached):.2f}" if len(reached) > 1 else "")


def seconds_to_the_first(row: Row, found: Found) -> str:
    """The same in seconds of training."""
    shares, seconds = row.share_to_the_first(found), row.seconds(found)
    if shares is None or seconds is None or any(share is None for share in shares):
        return ""
    updates = statistics.mean(share for share in shares if share is not None) * row.first.updates
    return f"{seconds * updates / found.updates:,.0f}"


def cells_of(row: Row) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a row's table."""
    columns, has_seconds = columns_of(row), row.same != MINUTES
    header = ["", "updates", *(["seconds"] if has_seconds else []), *(MEASURES[name].heading for name in columns),
              "to the first's loss", "in seconds"]  # fmt: skip
    lines = []
    for found in row.contestants:
        seconds = row.seconds(found)
        lines.append([
            found.name, f"{found.updates:,}", *([f"{seconds:,.0f}" if seconds else ""] if has_seconds else []),
            *(cell(row, found, name) for name in columns), updates_to_the_first(row, found),
            seconds_to_the_first(row, found),
        ])  # fmt: skip
    return header, lines


def in_sentences(row: Row) -> list[str]:
    """What the row shows, a sentence for each contestant but the first; and which trainings failed.

    A contestant of which a training failed is not compared: the mean of the others would be too good.
    """
    said = [
        f"{found.name}: {found.failures} of {row.seeds} trainings failed, their loss was not finite."
        for found in row.contestants
        if found.failures
    ]
    if row.seeds < 2:
        return [*said, f"{ONE_SEED[0].upper()}{ONE_SEED[1:]}."]
    for found in row.contestants[1:]:
        if found.failures or row.first.failures:
            continue
        said.append(f"{found.name} beside {row.first.name}: {_differences(row, found, columns_of(row))}.")
    return said


def summary(row: Row) -> list[str]:
    """The verdict of a row in a few words for each contestant but the first."""
    return [f"{found.name}: {_in_short(row, found)}" for found in row.contestants[1:]]


def _in_short(row: Row, found: Found) -> str:
    """The measures that decide, and the task."""
    if found.failures:
        return f"failed ({found.failures} of {row.seeds})"
    if row.first.failures:
        return f"no comparison, {row.first.name} failed ({row.first.failures} of {row.seeds})"
    if row.seeds < 2:
        return ONE_SEED
    deciding_and_task = [name for name in (*deciding(row), "task_accuracy") if name in columns_of(row)]
    return _differences(row, found, deciding_and_task, with_intervals=False)


def _differences(row: Row, found: Found, names: Sequence[str], with_intervals: bool = True) -> str:
    """By how much a contestant differs from the first one, and then in what it does not."""
    parts, equal = [], []
    for name in names:
        beside, measure = row.difference(found, name), MEASURES[name]
        if beside is not None and beside.is_clear:
            interval = beside.in_words(measure.scale, measure.digits)
            parts.append(f"{measure.words} {interval if with_intervals else interval.partition(' (')[0]}")
        elif beside is not None:
            equal.append(measure.words)
    if equal:
        parts.append(f"{NO_DIFFERENCE} in {' and '.join(filter(None, (', '.join(equal[:-1]), equal[-1])))}")
    return "; ".join(parts) or "no measure in common"


def how_long(row: Row) -> str:
    """What the contestants have the same of, and how often they were trained."""
    amount = f"{row.amount:g} minutes" if row.same == MINUTES else f"{row.amount:,g} updates"
    seeds = "one seed" if row.seeds == 1 else f"{row.seeds} seeds"
    return f"The same {amount} each, {seeds}, size {row.size}"


def commands(row: Row) -> list[str]:
    """The flags of each contestant, as lines of code."""
    return [f"{found.name}: {', then '.join(flags or '(none)' for flags in found.flags)}" for found in row.contestants]


def hours(rows: Sequence[Row]) -> float:
    """The hours of all trainings of the rows, one after another, without what is measured afterwards."""
    seconds = {}
    for row in rows:
        for found in row.contestants:
            for seed, result in enumerate(found.results):
                seconds[row.size, tuple(found.flags), found.updates, seed] = result.seconds or 0.0
    return sum(seconds.values()) / 3600


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table_of(rows: Sequence[Row]) -> str:
    """All rows, with a summary before them."""
    lines = [[f"`{row.lesson}`, {row.size}", LESSONS[row.lesson].question, "<br>".join(summary(row))] for row in rows]
    parts = [markdown(["lesson", "question", "beside the first"], lines)]
    for row in rows:
        lesson = LESSONS[row.lesson]
        header, cells = cells_of(row)
        tried = [f"{found.name}: {rates_in_words(found)}" for found in row.contestants if found.tried]
        parts.append("\n".join([
            f"### {lesson.question} (`{row.lesson}`, {row.size})", "",
            f"{lesson.published} ({lesson.source})" + (f" {lesson.fair}" if lesson.fair else ""), "",
            markdown(header, cells), "",
            f"{how_long(row)}.", "", *(f"- {line}" for line in in_sentences(row)), "",
            *([f"Learning rates: {'; '.join(tried)}.", ""] if tried else []),
            "```", *commands(row), "```",
        ]))  # fmt: skip
    return "\n\n".join(parts)


def rates_in_words(found: Found) -> str:
    """The learning rates that were tried on another seed, and the one that was chosen."""
    tried = ", ".join(
        f"{rate} ({'failed' if loss is None else f'{loss:.3f}'})" for rate, loss in (found.tried or {}).items()
    )
    return f"{found.rate:g}, of {tried}"
