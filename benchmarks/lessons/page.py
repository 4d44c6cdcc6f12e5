"""The page of the lessons: each with its curves, its figures and its verdict. One file, light and dark."""

import html
import math
import statistics
from collections.abc import Sequence

from benchmarks.lessons.lesson import MINUTES
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import Found, Row
from benchmarks.lessons.tables import cells_of, commands, how_long, in_sentences, rates_in_words, summary
from bert.tasks.page import WIDE, Section, page, shown, table

WIDTH, HEIGHT = 640, 320  # of a picture
LEFT, RIGHT, TOP, BOTTOM = 50, 615, 12, 275  # of its axes
COLORS = ("var(--ink)", "var(--true)", "var(--predicted)", "var(--right)", "var(--warning)", "var(--quiet)")
DASHES = ("", "", "7 4", "2 4", "12 4 2 4", "4 8")  # besides the colors, for eyes and printers that see none
SHOWN_FROM = 0.15  # of a run: before that all losses fall steeply, and the end would be flat


def page_of(rows: Sequence[Row]) -> str:
    """The whole page, as HTML."""
    overview = table(
        ["lesson", "question", "beside the first"],
        [[f"{row.lesson}, {row.size}", LESSONS[row.lesson].question, "; ".join(summary(row))] for row in rows],
    )
    sections = [Section("All lessons", overview, WIDE)]
    sections += [
        Section(f"{LESSONS[row.lesson].question} ({row.lesson}, {row.size})", lesson(row), WIDE) for row in rows
    ]
    verdict = (
        "Small BERTs, trained on the same texts with the same seeds. A band is one standard deviation over the seeds. "
        "If an interval of 95 % holds 0, the verdict is: no difference."
    )
    return page("Lessons: what in BERT's recipe pays", sections, verdict)


def lesson(row: Row) -> str:
    """A lesson: its curves beside what they show, and the figures below."""
    asked = LESSONS[row.lesson]
    header, cells = cells_of(row)
    figures = table(header, [[text.replace("**", "") for text in line] for line in cells])
    said = [f"{asked.published} ({asked.source})", *in_sentences(row), f"{how_long(row)}. {asked.fair}"]
    said += [f"Learning rates of {found.name}: {rates_in_words(found)}." for found in row.contestants if found.tried]
    paragraphs = "".join(f"<p>{shown(line)}</p>" for line in said)
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:0 3rem"><div style="flex:1 1 24rem">{curves(row)}</div>'
        f'<div style="flex:1 1 24rem">{paragraphs}</div></div><div style="white-space:nowrap">{figures}</div>'
        f'<pre style="white-space:pre-wrap">{shown(chr(10).join(commands(row)))}</pre>'
    )


def curves(row: Row) -> str:
    """The held-out losses of a row on their way, as SVG. Curves of other examples than the first one's are left out."""
    drawn = [found for found in row.contestants if found.curve and found.heard == row.first.heard]
    if not drawn or drawn[0] is not row.first:
        return ""
    lines = {found.name: _points(row, found) for found in drawn}
    end = max(points[-1][0] for points in lines.values())
    visible = [point for points in lines.values() for point in points if point[0] >= SHOWN_FROM * end]
    low = min(mean - spread for _, mean, spread in visible)
    high = max(mean + spread for _, mean, spread in visible)
    ticks_of_loss, ticks_of_time = ticks(low, high), ticks(0, end)

    def x(time: float) -> float:
        return LEFT + (RIGHT - LEFT) * time / end

    def y(loss: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (loss - low) / ((high - low) or 1)

    parts = []
    for tick in ticks_of_loss:
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="var(--line)"/>')
        parts.append(_text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end"))
    parts += [_text(x(tick), BOTTOM + 18, f"{tick:,g}", "middle") for tick in ticks_of_time]
    unit = "minutes" if row.same == MINUTES else "updates"
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 38, unit, "middle"))
    for index, (name, points) in enumerate(lines.items()):
        color, dash = COLORS[index % len(COLORS)], DASHES[index % len(DASHES)]
        points = [point for point in points if point[0] >= SHOWN_FROM * end] or points
        upper = [f"{x(time):.1f},{y(mean + spread):.1f}" for time, mean, spread in points]
        lower = [f"{x(time):.1f},{y(mean - spread):.1f}" for time, mean, spread in reversed(points)]
        line = " ".join(f"{x(time):.1f},{y(mean):.1f}" for time, mean, _ in points)
        parts.append(f'<polygon points="{" ".join(upper + lower)}" style="fill:{color};opacity:0.15"/>')
        parts.append(
            f'<polyline points="{line}" style="fill:none;stroke:{color};stroke-width:2;'
            f'stroke-dasharray:{dash or "none"}">'
            f"<title>{shown(name)}: {points[-1][1]:.3f} at the end</title></polyline>"
        )
    left_out = [found.name for found in row.contestants if found.name not in lines]
    note = f"<p>Not drawn, since measured on other examples: {shown(', '.join(left_out))}.</p>" if left_out else ""
    legend = "".join(
        f'<div><dt><svg width="36" height="10"><line x1="0" x2="36" y1="5" y2="5" style="stroke:{COLORS[index]};'
        f'stroke-width:2;stroke-dasharray:{DASHES[index] or "none"}"/></svg></dt><dd>{shown(name)}</dd></div>'
        for index, name in enumerate(list(lines)[: len(COLORS)])
    )
    caption = f"Held-out loss of {in_words(row.first.heard)}, in nats"
    label = html.escape(f"{caption}: {', '.join(lines)}")
    return (
        f'<figure style="margin:0"><svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'style="max-width:{WIDTH}px;width:100%;font:13px system-ui,sans-serif">{"".join(parts)}</svg>'
        f'<dl class="facts">{legend}</dl><figcaption>{shown(caption)}.</figcaption>'
        f"</figure>{note}"
    )


def in_words(heard: str) -> str:
    """Which loss a curve has, for a caption.

    >>> in_words("masked_lm, pairs of 64 tokens, vocabulary tiny")
    'masked tokens on pairs of 64 tokens'
    """
    name, examples, *_ = heard.split(", ")
    kinds = {"masked_lm": "masked tokens", "next_token": "next tokens"}
    return f"{kinds[name]} on {examples}"


def _points(row: Row, found: Found) -> list[tuple[float, float, float]]:
    """(time, mean, standard deviation) of a curve. The time is minutes, or updates."""
    minutes = (row.seconds(found) or 0.0) / 60 / found.updates
    return [
        (
            update * minutes if row.same == MINUTES else update,
            statistics.mean(losses),
            statistics.stdev(losses) if len(losses) > 1 else 0.0,
        )
        for update, losses in found.curve
    ]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--quiet)">{shown(text)}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two others, about five.

    >>> ticks(3.62, 4.5)
    [3.8, 4.0, 4.2, 4.4]
    """
    if high <= low:
        return [low]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda factor: abs(factor * unit - rough))
    return [round(index * step, 10) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
