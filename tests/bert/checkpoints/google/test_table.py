"""A table has its keys in order, blocks with checksums, and bounds on what it may take."""

import pytest

from bert.checkpoints.google.crc32c import masked_crc32c
from bert.checkpoints.google.protos import write_varint
from bert.checkpoints.google.table import read_table, write_table
from bert.errors import InputError


def block_of(content: bytes, kind: int = 0) -> bytes:
    block = content + bytes(4) + (1).to_bytes(4, "little")
    return block + bytes([kind]) + masked_crc32c(block, bytes([kind])).to_bytes(4, "little")


def entry(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return write_varint(shared) + write_varint(len(key)) + write_varint(len(value)) + key + value


def table_of(blocks: list[bytes], magic: bytes = 0xDB4775248B80FB57.to_bytes(8, "little")) -> bytes:
    content, index = b"", b""
    for number, block in enumerate([*blocks, block_of(b"")]):
        handle = write_varint(len(content)) + write_varint(len(block) - 5)
        index += entry(b"%05d" % number, handle) if number < len(blocks) else b""
        content += block
    last = block_of(index)
    footer = handle + write_varint(len(content)) + write_varint(len(last) - 5)
    return content + last + footer.ljust(40, b"\0") + magic


def test_what_is_written_is_read(tmp_path):
    values = {b"": b"header", b"a/b": b"", b"a": bytes(300), "ä".encode(): b"1"}
    (tmp_path / "x").write_bytes(write_table(values))
    assert read_table(tmp_path / "x") == values


def test_keys_share_their_beginnings_within_a_block_and_not_across(tmp_path):
    (tmp_path / "x").write_bytes(
        table_of([block_of(entry(b"bert", b"1") + entry(b"x", b"2", shared=2)), block_of(entry(b"cls", b"3"))])
    )
    assert read_table(tmp_path / "x") == {b"bert": b"1", b"bex": b"2", b"cls": b"3"}


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is cut short, or is no index"),
    (b"x" * 100, "is cut short, or is no index"),
    (table_of([block_of(entry(b"a", b""))], magic=b"12345678"), "is cut short, or is no index"),
    (table_of([block_of(entry(b"a", b""), kind=1)]), "is compressed"),
    (table_of([block_of(entry(b"b", b"") + entry(b"a", b""))]), "keys are not in order"),
    (table_of([block_of(entry(b"a", b""))] * 2), "keys are not in order"),
    (table_of([block_of(entry(b"a", b"", shared=1))]), "longer than its block"),
    (table_of([block_of(entry(b"a" * 1025, b""))]), "longer than its block"),
    (table_of([block_of(entry(b"a", b"")[:-1])]), "longer than its block"),
    (table_of([block_of(b"\xff" * 9 + b"\x7f")]), "does not end"),
    (table_of([bytes(2) + masked_crc32c(bytes(2)).to_bytes(4, "little")]), "shorter than its restart points"),
    (table_of([block_of(entry(b"%d" % number, b"")) for number in range(8)]), "more than 7 keys"),
    (table_of([block_of(b"".join(entry(b"%d" % number, b"") for number in range(8)))]), "more than 7 keys"),
])  # fmt: skip
def test_a_table_that_tensorflow_never_writes_is_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.setattr("bert.checkpoints.google.table._MOST_KEYS", 7)
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "x")


def test_a_block_that_is_named_twice_is_refused(tmp_path):
    """A small file must not cost hours."""
    block = block_of(b"")
    handle = write_varint(0) + write_varint(len(block) - 5)
    index = block_of(entry(b"a", handle) + entry(b"b", handle))
    footer = handle + write_varint(len(block)) + write_varint(len(index) - 5)
    (tmp_path / "x").write_bytes(block + index + footer.ljust(40, b"\0") + 0xDB4775248B80FB57.to_bytes(8, "little"))
    with pytest.raises(InputError, match="its blocks overlap"):
        read_table(tmp_path / "x")
