"""A text with its pieces, ids and offsets aligned below it.

text      | Una     ffa     ble   | !
pieces    | una     ##ffa   ##ble | !
ids       | 14477   20961   3468  | 999
offsets   | 0:3     3:6     6:9   | 9:10
"""

import unicodedata

from bert.tokenization.tokenizer import Tokenizer

_ROWS = ("text", "pieces", "ids", "offsets")
_LABEL_WIDTH = max(map(len, _ROWS)) + 3


def aligned_pieces(tokenizer: Tokenizer, text: str, width: int = 100) -> str:
    """Four rows for as many pieces as fit into ``width`` columns. The next pieces get four more rows.

    A bar stands before the first piece of each word. The text's row shows the source of each piece. It leaves out
    white space and whatever else was dropped between pieces. Offsets are start:end.
    """
    pieces = tokenizer.pieces(text)
    blocks: list[list[str]] = []
    previous_word = None
    for token_id, (start, end), word_id in zip(*pieces):
        source, piece = text[start:end], tokenizer.vocabulary[token_id]
        cells = [_printable(source), _printable(piece), str(token_id), f"{start}:{end}"]
        column_width = max(map(_columns, cells))
        mark = "  " if word_id == previous_word else "| "
        column = [mark + cell + " " * (column_width - _columns(cell) + 1) for cell in cells]
        if not blocks or _columns(blocks[-1][0] + column[0]) > width:
            blocks.append([row.ljust(_LABEL_WIDTH) for row in _ROWS])
        blocks[-1] = [row + cell for row, cell in zip(blocks[-1], column)]
        previous_word = word_id
    if not blocks:
        return "(no pieces: the text holds nothing but white space and control characters)"
    return "\n\n".join("\n".join(row.rstrip() for row in block) for block in blocks)


def _printable(text: str) -> str:
    """``text`` with escapes for characters that a terminal would obey or cannot show."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes. East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
