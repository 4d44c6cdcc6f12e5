"""Draws the walk's figures, in English and in Chinese.

python -m docs.walk.draw
"""

import math
from collections.abc import Callable
from pathlib import Path

from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.schedule import linear_schedule
from docs.walk.chinese import WORDS
from docs.walk.svg import BLUE, BOX, DARK, GREEN, ORANGE, RED, Drawing

DOCS = Path(__file__).parents[1]
WIDTH = 860
VOCABULARY = (*SPECIAL_TOKENS, "una", "##ffa", "##ble", "doc", "##string", "##s", "!")
Words = Callable[[str], str]  # English -> the figure's language


def main() -> None:
    """Writes each figure in both languages."""
    for path, figure in figures().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(figure, encoding="utf-8")


def figures() -> dict[Path, str]:
    """Each figure as SVG, by its file."""
    parts = (tokens, embeddings, attention, encoder, pretraining, optimisation, fine_tuning)
    drawn = {}
    for folder, words in (("walk", str), ("zh", WORDS.__getitem__)):
        for number, part in enumerate(parts, start=1):
            name = f"{number}-{part.__name__.replace('_', '-')}.svg"
            drawn[DOCS / folder / "pictures" / name] = str(part(words))
    return drawn


def tokens(words: Words) -> Drawing:
    """From characters to ids; each piece stands below its characters, as the tokenizer's offsets say."""
    page = Drawing(WIDTH, 330, words("From characters to ids"))
    text, tokenizer = "Unaffable docstrings!", WordPieceTokenizer(VOCABULARY)
    left, cell = 118, 26
    rows = {"characters": 30, "words": 92, "pieces": 154, "input": 232, "ids": 280}
    for name, y in rows.items():
        page.text(14, y + 17, words(name), "strong", "start")
    for at, character in enumerate(text):
        page.box(left + at * cell, rows["characters"], cell, 34, character, "#fff", "shape")
    pieces = tokenizer.pieces(text)
    spans: dict[int, list[int]] = {}
    for word, (start, end) in zip(pieces.word_ids, pieces.offsets):
        spans[word] = [spans.get(word, [start])[0], end]
    for start, end in spans.values():
        page.arrow((left + (start + end) / 2 * cell, 64), (left + (start + end) / 2 * cell, 90))
        page.box(left + start * cell, rows["words"], (end - start) * cell, 34, text[start:end].lower(), ORANGE, "shape")
    for piece, (start, end) in zip(pieces.ids, pieces.offsets):
        page.arrow((left + (start + end) / 2 * cell, 126), (left + (start + end) / 2 * cell, 152))
        page.box(left + start * cell, rows["pieces"], (end - start) * cell, 34, VOCABULARY[piece], BLUE, "shape")
    page.text(left, 212, words("[CLS] before, [SEP] after"), "quiet", "start")
    encoding = tokenizer(text)
    for at, (token, token_id) in enumerate(zip(encoding.tokens, encoding.input_ids)):
        fill = GREEN if encoding.offsets[at] is None else BLUE
        page.box(left + at * 70, rows["input"], 66, 34, token, fill, "shape")
        page.box(left + at * 70, rows["ids"], 66, 34, str(token_id), fill, "shape")
    for y, file, shape in (
        (92, "normalization.py", ""), (154, "wordpiece.py", ""), (232, "encoding.py", ""), (280, "", "(seq,)"),
    ):  # fmt: skip
        page.text(WIDTH - 14, y + 17, file or shape, "shape", "end")
    return page


def embeddings(words: Words) -> Drawing:
    """Three vectors for each token, added up (the paper's figure 2)."""
    page = Drawing(WIDTH, 350, words("Three embeddings are added up"))
    input_tokens = "[CLS] it rain ##ed [SEP] we stay [SEP]".split()
    segments = "AAAAABBB"
    left, cell = 118, 64
    rows = {
        "token": (20, input_tokens, "", BLUE),
        "word": (88, [f"E({token})" for token in ("CLS", "it", "rain", "ed", "SEP", "we", "stay", "SEP")],
                 "(vocab_size, hidden_size)", BLUE),
        "position": (144, [f"E({position})" for position in range(8)], "(512, hidden_size)", ORANGE),
        "segment": (200, [f"E({segment})" for segment in segments], "(2, hidden_size)", GREEN),
    }  # fmt: skip
    for name, (y, cells, shape, fill) in rows.items():
        page.text(14, y + 17, words(name), "strong", "start")
        for at, token in enumerate(cells):
            page.box(left + at * cell, y, cell - 5, 34, token, "#fff" if name == "token" else fill, "quiet")
        page.text(WIDTH - 10, y + 17, shape, "shape", "end")
    for at in range(len(input_tokens)):
        middle = left + at * cell + (cell - 5) / 2
        page.arrow((middle, 54), (middle, 86))
        for y in (133, 189):
            page.text(middle, y, "+")
        page.arrow((middle, 234), (middle, 252))
    page.box(left, 254, 8 * cell - 5, 30, words("the sum, LayerNorm, dropout"))
    page.text(WIDTH - 10, 269, "embeddings.py", "shape", "end")
    for at in range(len(input_tokens)):
        middle = left + at * cell + (cell - 5) / 2
        page.arrow((middle, 284), (middle, 304))
        page.box(left + at * cell, 306, cell - 5, 28, "", RED)
    page.text(14, 320, words("state"), "strong", "start")
    page.text(WIDTH - 10, 320, "(tokens, hidden_size)", "shape", "end")
    return page


def attention(words: Words) -> Drawing:
    """One head: scores, weights, and what they bring."""
    page = Drawing(WIDTH, 446, words("Scaled dot-product attention of one head"))
    n, dim, cell = 6, 4, 20
    waves = [[math.sin(1.3 * row + 2.1 * column) for column in range(dim)] for row in range(n)]
    other = [[math.cos(1.1 * row + 1.7 * column) for column in range(dim)] for row in range(n)]
    scores = [[sum(a * b for a, b in zip(query, key)) / math.sqrt(dim) for key in other] for query in waves]
    weights = [[math.exp(2 * score) for score in row] for row in scores]
    weights = [[weight / sum(row) for weight in row] for row in weights]

    def shaded(rows: list[list[float]]) -> list[list[float]]:
        low, high = min(map(min, rows)), max(map(max, rows))
        return [[0.08 + 0.85 * (value - low) / (high - low) for value in row] for row in rows]

    def put(x: float, y: float, rows: list[list[float]], fill: str, name: str, shape: str) -> None:
        page.matrix(x, y, cell, shaded(rows), DARK[fill])
        page.text(x + cell * len(rows[0]) / 2, y - 14, name, "strong")
        page.text(x + cell * len(rows[0]) / 2, y + cell * len(rows) + 14, shape, "shape")

    transposed = [list(column) for column in zip(*other)]
    values = [[math.sin(0.9 * row - 1.9 * column) for column in range(dim)] for row in range(n)]
    brought = [[sum(w * value[column] for w, value in zip(row, values)) for column in range(dim)] for row in weights]
    put(60, 50, waves, BLUE, words("query"), "(queries, dim)")
    page.text(178, 110, "@")
    put(220, 70, transposed, ORANGE, words("key, transposed"), "(dim, keys)")
    page.text(378, 110, "/ √dim  =")
    put(440, 50, scores, RED, words("scores"), "(queries, keys)")
    page.arrow((568, 110), (640, 110), (640, 214), (150, 214), (150, 236))
    page.text(650, 162, words("softmax of each row"), "", "start")
    put(90, 262, weights, RED, words("weights: each row sums to 1"), "(queries, keys)")
    page.text(262, 322, "@")
    put(320, 262, values, GREEN, words("value"), "(keys, dim)")
    page.text(442, 322, "=")
    put(520, 262, brought, GREEN, words("what each query gets"), "(queries, dim)")
    page.text(WIDTH - 14, 32, "attention.py", "shape", "end")
    page.text(WIDTH - 14, 424, words("num_attention_heads of these, side by side"), "quiet", "end")
    return page


def encoder(words: Words) -> Drawing:
    """One layer, from the bottom to the top."""
    page = Drawing(WIDTH, 500, words("One layer of the encoder"))
    middle, left, width = 330, 190, 280
    page.line((60, 36), (560, 36), (560, 452), (60, 452), (60, 36), dashed=True)
    page.text(68, 52, "× num_hidden_layers", "quiet", "start")
    parts = (
        (404, 34, words("states"), "", BLUE, "(tokens, hidden_size)"),
        (318, 48, words("attention"), words("from each token to all of its sequence"), ORANGE, "(tokens, hidden_size)"),
        (252, 34, words("add, LayerNorm"), "", BOX, "(tokens, hidden_size)"),
        (146, 48, words("feed-forward"), words("each token alone: up, GELU, down"), GREEN,
         "(tokens, intermediate_size)"),
        (80, 34, words("add, LayerNorm"), "", BOX, "(tokens, hidden_size)"),
    )  # fmt: skip
    for y, height, name, what, fill, shape in parts:
        page.box(left, y, width, height, name, fill, "strong", what)
        page.text(572, y + height / 2, shape, "shape", "start")
    page.arrow((middle, 480), (middle, 440))
    page.arrow((middle, 404), (middle, 368))
    page.arrow((middle, 318), (middle, 288))
    page.arrow((middle, 252), (middle, 196))
    page.arrow((middle, 146), (middle, 116))
    page.arrow((middle, 80), (middle, 16))
    page.arrow((left, 421), (150, 421), (150, 269), (left - 2, 269))
    page.arrow((left, 260), (150, 260), (150, 97), (left - 2, 97))
    page.text(142, 350, words("residual"), "quiet", "end")
    page.text(142, 180, words("residual"), "quiet", "end")
    page.text(572, 480, "encoder.py", "shape", "start")
    return page


def pretraining(words: Words) -> Drawing:
    """The two tasks, side by side over one input."""
    page = Drawing(WIDTH, 440, words("Two pretraining tasks on one input"))
    input_tokens = "[CLS] the cat [MASK] there [SEP] it slept [SEP]".split()
    left, cell = 40, 66
    for at, token in enumerate(input_tokens):
        fill = {"[MASK]": RED, "[CLS]": GREEN}.get(token, "#fff")
        page.box(left + at * cell, 390, cell - 5, 32, token, fill, "quiet")
        page.arrow((left + at * cell + 30, 390), (left + at * cell + 30, 366))
        page.arrow((left + at * cell + 30, 326), (left + at * cell + 30, 302))
        page.box(left + at * cell, 272, cell - 5, 28, "", fill if fill != "#fff" else BLUE)
    page.box(left, 328, 9 * cell - 5, 36, words("embeddings and encoder"), BOX, "strong")
    page.text(650, 286, "(tokens, hidden_size)", "shape", "start")
    page.text(650, 406, words("A, then B"), "quiet", "start")
    page.arrow((left + 30, 272), (left + 30, 236), color=DARK[GREEN])
    page.box(left - 16, 182, 190, 52, words("pooler"), GREEN, "strong", words("dense layer, tanh"))
    page.arrow((left + 79, 182), (left + 79, 148))
    page.box(left - 16, 94, 190, 52, words("next sentence"), GREEN, "strong", words("0: B follows A, 1: random"))
    page.text(left + 79, 74, "(sequences, 2)", "shape")
    mask = left + 3 * cell + 30
    page.arrow((mask, 272), (mask, 236), color=DARK[RED])
    page.box(mask - 24, 182, 290, 52, words("dense layer, GELU, LayerNorm"), RED, "strong", "(selected, hidden_size)")
    page.arrow((mask + 121, 182), (mask + 121, 148))
    page.box(mask - 24, 94, 290, 52, words("times the word embeddings"), RED, "strong", words("and a bias per piece"))
    page.text(mask + 121, 74, "(selected, vocab_size)", "shape")
    for at, (guess, share) in enumerate((("sat", 0.8), ("was", 0.45), ("ran", 0.25))):
        page.box(mask - 4 + 86 * at, 60 - 40 * share, 78, 40 * share, "", RED)
        page.text(mask + 35 + 86 * at, 50 - 40 * share, guess, "quiet")
    page.text(570, 110, words("of the selected pieces"), "quiet", "start")
    for at, (share, words_of_it, fill) in enumerate((
        (80, "[MASK]", RED), (10, words("a random piece"), ORANGE), (10, words("left as it is"), BLUE),
    )):  # fmt: skip
        page.box(570, 126 + at * 30, 1.1 * share, 22, "", fill)
        page.text(570 + 1.1 * share + 8, 137 + at * 30, f"{share} %  {words_of_it}", "quiet", "start")
    return page


def optimisation(words: Words) -> Drawing:
    """The learning rate over a run, and the tensors of an update."""
    page = Drawing(WIDTH, 330, words("The learning rate over a run, and one update"))
    left, bottom, across, up, steps, warmup = 60, 280, 330, 210, 1_000, 100
    page.line((left, 50), (left, bottom), (left + across + 10, bottom))
    points = []
    for step in sorted({*range(0, steps + 1, 50), warmup - 1, warmup, steps}):
        rate = linear_schedule(step, 1.0, warmup, steps)
        points.append((left + across * step / steps, round(bottom - up * rate, 2)))
    page.line(*points, color=DARK[ORANGE])
    page.line((left + across * 0.1, bottom), (left + across * 0.1, bottom - up), dashed=True)
    page.text(left, 32, words("learning rate"), "strong", "start")
    page.text(left - 8, bottom - up, words("peak"), "shape", "end")
    page.text(left - 8, bottom, "0", "shape", "end")
    page.text(left + across * 0.1, bottom + 18, words("warm-up ends"), "quiet")
    page.text(left + across, bottom + 18, words("last update"), "quiet")
    page.text(430, 32, words("one update of one matrix"), "strong", "start")
    for at, (name, fill, what) in enumerate((
        ("g", ORANGE, words("its gradient, of length 1 at most with all others")),
        ("m", BLUE, "m ← 0.9 m + 0.1 g"),
        ("v", GREEN, "v ← 0.999 v + 0.001 g²"),
        ("θ", RED, "θ ← θ − lr · ( m / (√v + ε) + 0.01 θ )"),
    )):  # fmt: skip
        page.box(430, 52 + at * 58, 44, 44, name, fill, "strong")
        page.text(484, 74 + at * 58, what, "quiet" if at == 0 else "", "start")
    page.text(484, 296, words("all four have the same shape"), "quiet", "start")
    return page


def fine_tuning(words: Words) -> Drawing:
    """The same encoder under four heads (the paper's figure 4)."""
    page = Drawing(WIDTH, 320, words("One encoder, four heads"))
    panels = (
        ("a class", "[CLS] good film [SEP]", (0,), "(sequences, labels)", "classification.py", "positive"),
        ("a pair", "[CLS] A [SEP] B [SEP]", (0,), "(sequences, labels)", "classification.py", "entailment"),
        ("tags", "[CLS] Rio won [SEP]", (1, 2), "(tokens, tags)", "tagging.py", "B-LOC O"),
        ("an answer", "[CLS] Q [SEP] text [SEP]", (3,), "(tokens, 2)", "spans.py", "start, end"),
    )
    for panel, (name, line, used, shape, file, answer) in enumerate(panels):
        left, input_tokens = 14 + panel * 210, line.split()
        cell = 201 / len(input_tokens)
        page.text(left + 99, 22, words(name), "strong")
        page.box(left, 60, 198, 34, answer, ORANGE, "quiet")
        page.text(left + 99, 112, shape, "shape")
        for at, token in enumerate(input_tokens):
            middle = left + (at + 0.5) * cell
            page.box(left + at * cell, 262, cell - 3, 30, token, "#fff", "quiet")
            page.arrow((middle, 262), (middle, 242))
            page.box(left + at * cell, 164, cell - 3, 24, "", GREEN if at in used else BLUE)
            if at in used:
                page.arrow((middle, 164), (middle, 126), color=DARK[GREEN])
        page.box(left, 204, 198, 36, words("pretrained encoder"))
        page.text(left + 99, 306, file, "shape")
        page.text(left + 99, 44, words("a new dense layer"), "quiet")
    return page


if __name__ == "__main__":
    main()
