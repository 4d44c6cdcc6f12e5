"""vocab.txt: a line is an id whatever it holds, as in the Rust library and in Google's code."""

from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tokenization import vocabulary_file
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.vocabulary_file import read_vocabulary
from bert.tokenization.wordpiece import WordPieceTokenizer

SPECIAL = "\n".join(SPECIAL_TOKENS)
# As in Google's Chinese vocabulary: U+2028 is a piece, and so is ## with it. In some copies a line is empty.
CHINESE = f"{SPECIAL}\n我\n在\n\u2028\n北\n京\n##\u2028\n\n好"
# Equal lines, lines that are equal without their ends, and other ends of lines than Python knows.
ODD = f"{SPECIAL}\na\r\n##b\n a\na \n\nc\rd\n\x85\n\u3000\nb\x0b\n##b\n\x0c\ne\x1cf\n[unused1]\n[unused1]\ng"


def write(directory: Path, content: bytes) -> Path:
    path = directory / "vocab.txt"
    path.write_bytes(content)
    return path


def test_a_line_ends_with_a_line_feed_and_loses_the_white_space_at_its_end(tmp_path):
    content = f"\ufeff{SPECIAL}\na\r\nb\u3000\nc\rd\n e\n\x85f\x85\n\u2028g".encode()
    expected = [*SPECIAL_TOKENS, "a", "b", "c\rd", " e", "\x85f", "\u2028g"]
    for end in (b"", b"\n", b"\r\n", b"\n\n\n"):
        assert read_vocabulary(write(tmp_path, content + end)) == expected


def test_a_line_is_an_id_whatever_it_holds(tmp_path):
    path = write(tmp_path, CHINESE.encode())
    assert read_vocabulary(path)[5:] == ["我", "在", "\u2028", "北", "京", "##", "", "好"]
    tokenizer = WordPieceTokenizer.from_file(path)
    assert tokenizer.encode("我在\u2028北京## 好") == [5, 6, 8, 9, 1, 1, 12]


@pytest.mark.peers
@pytest.mark.parametrize("content", [CHINESE, ODD])
def test_texts_have_rusts_ids_and_googles(tmp_path, content):
    path = write(tmp_path, content.encode())
    tokenizers = pytest.importorskip("tokenizers")
    rust = tokenizers.BertWordPieceTokenizer(tokenizers.models.WordPiece.read_file(str(path)), lowercase=False)
    google = {line.strip(): number for number, line in enumerate(content.split("\n"))}
    ours = WordPieceTokenizer.from_file(path, lowercase=False)
    for text in ("a ab\u2028b  a", "c d cd e f ef g \x85 \u3000", "我在北京\u2028好 ## [unused1]", " ".join(google)):
        ids = ours.encode(text)
        assert ids == rust.encode(text, add_special_tokens=False).ids
    for word in ("a", "g", "好"):
        assert ours.encode(word) == [google.get(word, 1)]


def test_what_a_tokenizer_writes_of_it_has_the_same_ids(tmp_path):
    for content in (CHINESE, ODD):
        pieces = read_vocabulary(write(tmp_path, content.encode()))
        assert read_vocabulary(write(tmp_path, "".join(f"{piece}\n" for piece in pieces).encode())) == pieces


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "vocab.txt: is empty"),
        (b"\n\r\n", "vocab.txt: is empty"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n", r"vocab.txt: its 5 lines lack \[MASK\]"),
        (b"[PAD]\n[UNK]\n\xff\xfe\n", "vocab.txt, line 3: byte 12 is not UTF-8"),
        ("[PAD]\n[UNK]\n".encode("utf-16"), "vocab.txt, line 1: byte 0 is not UTF-8"),
    ],
)
def test_a_bad_vocabulary_file_is_an_input_error_with_the_line(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint):
        read_vocabulary(write(tmp_path, content))


def test_a_file_that_is_far_too_large_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary_file, "LARGEST_VOCABULARY", 100)
    with pytest.raises(InputError, match=r"vocab\.txt: holds more than 100 bytes"):
        read_vocabulary(write(tmp_path, SPECIAL.encode() + b"\n" * 100))


def test_a_vocabulary_file_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.txt: no such file"):
        read_vocabulary(tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_vocabulary(tmp_path)
