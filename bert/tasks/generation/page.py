"""Outputs on a page: beside their sources and targets, the best, the worst and some that nobody picked."""

from collections.abc import Sequence
from typing import Any

from bert.tasks.generation.predict import CrossAttention, Written
from bert.tasks.generation.read import Pair
from bert.tasks.page import WIDE, Section, shown, table

UNPICKED = 10  # the first ones of the set
BEST_AND_WORST = 10  # of each
PIECES_SHOWN = 40  # of a source and of an output, in a picture of cross-attention


def unpicked_section(pairs: Sequence[Pair], predictions: Sequence[Written]) -> Section:
    """The first outputs of the set."""
    rows = [_row(pair, written) for pair, written in zip(pairs[:UNPICKED], predictions)]
    return Section("Outputs, the first ones", _side_by_side(["source", "target", "output"], rows), WIDE)


def compared_section(
    pairs: Sequence[Pair], predictions: Sequence[Written], scores: Sequence[float]
) -> tuple[Section, Section]:
    """The outputs that are most like their targets, and the least."""
    order = sorted(range(len(pairs)), key=lambda index: scores[index])  # of equals the first comes first
    best = sorted(order[-BEST_AND_WORST:], key=lambda index: -scores[index])
    sections = []
    for heading, chosen in (("Best outputs by ROUGE-L", best), ("Worst outputs", order[:BEST_AND_WORST])):
        rows = [[scores[index], *_row(pairs[index], predictions[index])] for index in chosen]
        header = ["ROUGE-L", "source", "target", "output"]
        sections.append(Section(heading, _side_by_side(header, rows, "scored"), WIDE))
    return sections[0], sections[1]


def _side_by_side(header: Sequence[str], rows: Sequence[Sequence[Any]], more: str = "") -> str:
    """A table whose columns of texts have one width. A narrow screen scrolls it."""
    return f'<div class="{f"beside {more}".strip()}">{table(header, rows)}</div>'


def _row(pair: Pair, written: Written) -> list[str]:
    return [" / ".join(pair.source), pair.target or "", written.text]


def cross_attention_section(predictions: Sequence[Written]) -> list[Section]:
    """How the decoder looked at the source, for the outputs of which that was kept."""
    kept = [written.attention for written in predictions if written.attention is not None]
    if not kept:
        return []
    note = (
        "<p>Each row is a piece of the output, and says at which pieces of the source the decoder's last layer looked "
        "to choose it, as the mean of its heads. The darkest cell of a table is its largest weight. Attention is not "
        "an explanation.</p>"
    )
    if any(max(len(each.source), len(each.written)) > PIECES_SHOWN for each in kept):
        note += f"<p>Of longer texts the first {PIECES_SHOWN} pieces are shown.</p>"
    return [Section("Cross-attention", note + "".join(map(attention_table, kept)), WIDE)]


def attention_table(attention: CrossAttention) -> str:
    """Cross-attention as an HTML table: the larger a weight, the darker its cell. In long sources all are small."""
    source, written = attention.source[:PIECES_SHOWN], attention.written[:PIECES_SHOWN]
    largest = attention.weights[: len(written), : len(source)].max()
    head = "".join(f'<th scope="col"><bdi>{shown(piece)}</bdi></th>' for piece in source)
    lines = [f"<tr><th></th>{head}</tr>\n"]
    for piece, weights in zip(written, attention.weights):
        cells = "".join(
            f'<td style="--share: {100 * weight / largest:.0f}" title="{weight:.2f}"></td>'
            for weight in weights[: len(source)]
        )
        lines.append(f'<tr><th scope="row"><bdi>{shown(piece)}</bdi></th>{cells}</tr>\n')
    return (
        '<div class="scroll" role="region" aria-label="cross-attention" tabindex="0">'
        f'<table class="looks">{"".join(lines)}</table></div>\n'
    )
