from bert.commands.alignment import aligned_pieces
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, "una", "##ffa", "##ble", "!", "東", "cafe", "a"])


def test_pieces_ids_and_offsets_stand_under_what_they_were_made_from():
    assert aligned_pieces(TOKENIZER, "Unaffable café!") == (
        "text      | Una   ffa     ble   | café  | !\n"
        "pieces    | una   ##ffa   ##ble | cafe  | !\n"
        "ids       | 5     6       7     | 10    | 8\n"
        "offsets   | 0:3   3:6     6:9   | 10:14 | 14:15"
    )


def test_what_does_not_fit_goes_on_below():
    lines = aligned_pieces(TOKENIZER, "a " * 50, width=40).split("\n")
    assert max(map(len, lines)) <= 40
    assert lines[4] == "" and lines[5].startswith("text")
    assert sum(line.count(" a") for line in lines if line.startswith("text")) == 50


def test_wide_characters_take_two_columns_and_what_a_terminal_would_obey_is_escaped():
    assert aligned_pieces(TOKENIZER, "東 a\x1ba").split("\n")[:2] == [
        "text      | 東  | a\\x1ba",
        "pieces    | 東  | [UNK]",
    ]


def test_a_text_without_pieces_says_so():
    assert aligned_pieces(TOKENIZER, " \n").startswith("(no pieces")
