"""Draws the README's picture: the model's parts with their shapes, and, of a log, the curve of a run.

python docs/pictures/draw.py docs/pictures/bert.png runs/pretrain/log.jsonl

The README's other picture, attention.png, is from the command that stands above it there.
"""

import json
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

TOKENS = "[CLS] good [SEP] [CLS] not bad [SEP] [CLS] [MASK] [SEP]".split()
SEQUENCE = (0, 0, 0, 1, 1, 1, 1, 2, 2, 2)  # which of three sequences each token is of
FILLS, LINES = ("#cfe3f7", "#fde3c3", "#d5ecd0"), ("#3b7dbd", "#d9822b", "#4c9a48")
INK, PALE, BOX, EDGE = "#22303c", "#6b7a88", "#f6f8fa", "#b8c2cc"
LEFT, WIDTH = 0.3, 6.2  # of the drawing, in tenths of its height
CELL = WIDTH / len(TOKENS)


def main(arguments: list[str] | None = None) -> None:
    """Writes the picture; the log of a pretraining run is optional."""
    picture, *logs = map(Path, sys.argv[1:] if arguments is None else arguments)
    width = 10 if logs else 6.6  # inches
    figure = Figure(figsize=(width, 6.2))
    draw_model(figure.add_axes((0.0, 0.0, 6.2 / width, 1.0)))
    for log in logs:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        draw_curve(figure.add_axes((0.69, 0.47, 0.29, 0.44)), lines, "masked_lm_loss", "Masked pieces: loss in nats")
        draw_curve(figure.add_axes((0.69, 0.09, 0.29, 0.26)), lines, "next_sentence_accuracy", "Next sentence: % right")
    figure.savefig(picture, dpi=160, facecolor="white")


# ---- the model ----


def draw_model(axes: Axes) -> None:
    """From the tokens, at the bottom, to the two pretraining heads, at the top."""
    axes.set(xlim=(0, 10), ylim=(0, 10))
    axes.axis("off")
    token_row(axes, 0.55, 0.55, words=True)
    note(axes, 0.55, 0.55, "input_ids", "(tokens,)")
    axes.text(LEFT + WIDTH + 0.4, 0.43, "boundaries", va="top", size=8.5, color=PALE, family="monospace")
    arrow(axes, LEFT + WIDTH / 2, 1.12, 1.5)
    box(axes, 1.5, 0.75, "Embeddings", "word + position + segment")
    note(axes, 1.5, 0.75, "embeddings.py", "(tokens, hidden_size)")
    arrow(axes, LEFT + WIDTH / 2, 2.25, 2.95)

    axes.add_patch(rounded(LEFT - 0.2, 2.6, WIDTH + 0.4, 3.65, "white", EDGE, dashed=True))
    axes.text(LEFT, 5.95, "× num_hidden_layers", ha="left", va="center", size=8.5, color=PALE)
    box(axes, 2.95, 1.45, "MultiHeadAttention", "from each token to all\ntokens of its sequence", text_at=0.36)
    attention_matrix(axes, LEFT + 0.71 * WIDTH, 3.03, 1.29)
    note(axes, 2.95, 1.45, "attention.py", "inside: (heads, queries, keys)")
    arrow(axes, LEFT + WIDTH / 2, 4.4, 4.85, "add, LayerNorm")
    box(axes, 4.85, 0.75, "FeedForward", "each token alone, with GELU")
    note(axes, 4.85, 0.75, "feed_forward.py", "inside: (tokens, intermediate_size)")
    arrow(axes, LEFT + WIDTH / 2, 5.6, 6.7, "add, LayerNorm")

    token_row(axes, 6.7, 0.4, words=False)
    note(axes, 6.7, 0.4, "encoder.py", "(tokens, hidden_size)")
    half = (WIDTH - 0.16) / 2
    box(axes, 8.1, 0.95, "Pooler, NextSentenceHead", "does B follow A?", LEFT, half, size=7.8)
    box(axes, 8.1, 0.95, "MaskedLanguageModelHead", "which piece was it?", LEFT + half + 0.16, half, size=7.8)
    for token, sequence in enumerate(SEQUENCE):
        middle = LEFT + (token + 0.5) * CELL
        if TOKENS[token] == "[CLS]":
            arrow(axes, middle, 7.1, 8.1, to_x=LEFT + half * (0.25 + 0.25 * sequence), color=LINES[sequence])
        if TOKENS[token] == "[MASK]":
            arrow(axes, middle, 7.1, 8.1, to_x=LEFT + half + 0.16 + half / 2, color=LINES[sequence])
    note(axes, 8.1, 0.95, "pretraining.py", "(sequences, 2)\n(selected, vocab_size)")
    axes.text(
        LEFT - 0.2, 9.6, "BERT: a batch is one list of tokens, without padding", size=11, color=INK, weight="bold"
    )


def rounded(x: float, y: float, width: float, height: float, fill: str, edge: str, dashed: bool = False):
    return FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.12", facecolor=fill, edgecolor=edge,
        linewidth=1.1, linestyle=(0, (4, 3)) if dashed else "-", zorder=0.5 if dashed else 1,
    )  # fmt: skip


def token_row(axes: Axes, y: float, height: float, words: bool) -> None:
    """One cell per token, in its sequence's colour."""
    for token, sequence in enumerate(SEQUENCE):
        x = LEFT + token * CELL
        axes.add_patch(Rectangle((x, y), CELL, height, facecolor=FILLS[sequence], edgecolor="white", linewidth=1.5))
        if words:
            axes.text(x + CELL / 2, y + height / 2, TOKENS[token], ha="center", va="center", size=8, color=INK)
    if words:
        for boundary in (0, 3, 7, 10):
            axes.text(LEFT + boundary * CELL, y - 0.12, str(boundary), ha="center", va="top", size=8, color=PALE)


def box(
    axes: Axes, y: float, height: float, name: str, what: str, x: float = LEFT, width: float = WIDTH,
    text_at: float = 0.5, size: float = 10,
) -> None:  # fmt: skip
    """A part of the model: its name, and what it does."""
    axes.add_patch(rounded(x, y, width, height, BOX, EDGE))
    centre, top = x + text_at * width, y + height / 2 + 0.02
    axes.text(centre, top, name, ha="center", va="bottom", size=size, color=INK, weight="bold")
    axes.text(centre, top - 0.05, what, ha="center", va="top", size=8.5, color=INK, linespacing=1.15)


def note(axes: Axes, y: float, height: float, file: str, shape: str) -> None:
    """To the right of a part: its file, and the shape of its result."""
    x, centre = LEFT + WIDTH + 0.4, y + height / 2
    axes.text(x, centre + 0.03, file, va="bottom", size=8.5, color=PALE, family="monospace")
    axes.text(x, centre - 0.05, shape, va="top", size=8.5, color=INK, linespacing=1.2)


def arrow(
    axes: Axes, x: float, bottom: float, top: float, label: str = "", to_x: float | None = None, color: str = PALE
) -> None:
    ends = (x, bottom + 0.02), (x if to_x is None else to_x, top - 0.02)
    axes.add_patch(
        FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=9, color=color, linewidth=1.2, shrinkA=0, shrinkB=0)
    )
    if label:
        axes.text(x + 0.2, bottom + 0.2, label, va="center", size=8.5, color=PALE)


def attention_matrix(axes: Axes, x: float, y: float, size: float) -> None:
    """Which token takes from which: a block for each sequence."""
    cell = size / len(SEQUENCE)
    for row, query in enumerate(SEQUENCE):
        for column, key in enumerate(SEQUENCE):
            fill = LINES[query] if query == key else "#e6eaee"
            corner = (x + column * cell, y + size - (row + 1) * cell)
            axes.add_patch(Rectangle(corner, cell, cell, facecolor=fill, edgecolor=BOX, linewidth=0.8))


# ---- the curve ----


def draw_curve(axes: Axes, log: list[dict], measure: str, title: str) -> None:
    """A measure by step, in training and held out, over what guessing gives."""
    scale = 100 if measure.endswith("accuracy") else 1
    for key, label, style in ((measure, "training", "-"), (f"heldout_{measure}", "held out", "o-")):
        points = [(line["step"], scale * line[key]) for line in log if line.get(key) is not None]
        color = LINES[0] if style == "-" else LINES[1]
        axes.plot(*zip(*points), style, label=label, color=color, linewidth=1.3, markersize=3.5)
    names = {"unigram": "guessing by frequency", "five_gram": "5-grams", "majority": "always guessing 'random'"}
    for guess, name in names.items():
        baseline = next((scale * line[key] for line in log if (key := f"{guess}_{measure}") in line), None)
        if baseline is not None:
            axes.axhline(baseline, linestyle=(0, (1, 2)), color=INK, linewidth=1)
            below = scale == 100 and points[-1][1] > baseline  # away from the curve
            axes.annotate(name, (0.97, baseline), (0, -3 if below else 2), axes.get_yaxis_transform(), "offset points",
                          ha="right", va="top" if below else "bottom", size=8, color=PALE)  # fmt: skip
    if scale == 100:
        axes.set_ylim(0, 100)
    axes.set_title(title, size=9.5, color=INK, loc="left", weight="bold")
    axes.tick_params(labelsize=8, colors=PALE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(EDGE)
    axes.locator_params("x", nbins=5)  # more would touch
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("step", size=8, color=PALE)
    if scale == 1:
        axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper right")


if __name__ == "__main__":
    main()
