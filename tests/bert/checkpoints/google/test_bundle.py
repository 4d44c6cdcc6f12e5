"""Variables of a TensorFlow checkpoint are read exactly, or refused in a sentence."""

import os
import random
import re

import numpy as np
import pytest
import torch

from bert.checkpoints.google.bundle import Bundle
from bert.checkpoints.google.crc32c import masked_crc32c
from bert.checkpoints.google.protos import Entry, write_entry, write_field
from bert.checkpoints.google.table import write_table
from bert.errors import InputError
from tests.bert.checkpoints.google.frozen_files import BERT, FORMATS, copied, recorded

HEADER = write_field(1, 1)  # one data file


def values_of(bundle: Bundle, name: str) -> np.ndarray:
    value = bundle.read(name)
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


@pytest.mark.parametrize("prefix", [BERT, FORMATS], ids=["bert", "formats"])
def test_every_variable_has_the_values_that_tensorflow_reads(prefix):
    bundle, expected = Bundle(prefix), recorded(prefix)
    assert {name for name in bundle.entries if "adam" not in name} - {"texts"} == expected.keys()
    for name, value in expected.items():
        read = values_of(bundle, name)
        assert read.dtype == value.dtype and np.array_equal(read, value), name


def test_what_is_not_asked_for_is_not_read(tmp_path):
    """The optimizer's variables are two thirds of a pretraining checkpoint."""
    prefix = copied(BERT, tmp_path / "copy")
    entry = Bundle(prefix).entries["bert/pooler/dense/kernel/adam_v"]
    data = tmp_path / "copy" / "bert_model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[entry.offset] ^= 1
    data.write_bytes(content)
    bundle = Bundle(prefix)
    for name, value in recorded(BERT).items():
        assert np.array_equal(bundle.read(name), value)
    with pytest.raises(InputError, match="the checksum is another one"):
        bundle.read("bert/pooler/dense/kernel/adam_v")


def read_all(prefix) -> dict[str, np.ndarray] | None:
    """All variables but the optimizer's and texts. None: refused, in one sentence."""
    try:
        bundle = Bundle(prefix)
        names = [name for name in bundle.entries if "adam" not in name and name != "texts"]
        return {name: values_of(bundle, name) for name in names}
    except InputError as error:
        assert re.fullmatch(r"[^\n]+: [^\n]+", str(error))
        return None


def same(read, expected) -> bool:
    return read.keys() == expected.keys() and all(np.array_equal(read[name], expected[name]) for name in expected)


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    prefix, expected = copied(FORMATS, tmp_path / "copy"), recorded(FORMATS)
    for path in sorted(prefix.parent.glob("model.ckpt*")):
        whole = path.read_bytes()
        for length in reversed(range(0, len(whole), 7 if path.suffix == ".index" else 97)):
            os.truncate(path, length)
            assert read_all(prefix) is None
        path.write_bytes(whole)
    assert same(read_all(prefix), expected)


def test_a_flipped_bit_is_found_or_changes_nothing_that_is_read(tmp_path):
    prefix, expected = copied(FORMATS, tmp_path / "copy"), recorded(FORMATS)
    generator, found = random.Random(0), 0
    paths = sorted(prefix.parent.glob("model.ckpt*"))
    for number in range(48):
        path = paths[number % len(paths)]
        whole = path.read_bytes()
        place = generator.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << generator.randrange(8)]) + whole[place + 1 :])
        read = read_all(prefix)
        assert read is None or same(read, expected)  # texts are not read
        found += read is None
        path.write_bytes(whole)
    assert found > 42


def test_a_missing_data_file_is_named(tmp_path):
    prefix = copied(FORMATS, tmp_path / "copy")
    missing = prefix.parent / "model.ckpt-7.data-00001-of-00003"
    missing.unlink()
    with pytest.raises(InputError, match=re.escape(f"{missing}: no such file")):
        Bundle(prefix).read("columns")


# ---- files made to do harm: their checksums are right --------------------------------------------------------------


def write(directory, entry: Entry | bytes, data: bytes = bytes(4096), header: bytes = HEADER, **more: bytes):
    """A checkpoint with one variable, w; its prefix."""
    content = entry if isinstance(entry, bytes) else write_entry(entry)
    others = {name.encode(): value for name, value in more.items()}
    (directory / "bad.ckpt.index").write_bytes(write_table({b"": header, b"w": content} | others))
    (directory / "bad.ckpt.data-00000-of-00001").write_bytes(data)
    return directory / "bad.ckpt"


def entry_of(shape=(2, 3), dtype=1, offset=0, size=24) -> Entry:
    """A variable of zeros."""
    return Entry(dtype, shape, shard=0, offset=offset, size=size, crc=masked_crc32c(bytes(size % 4096)))


def test_the_made_file_is_read_if_nothing_is_wrong_with_it(tmp_path):
    assert Bundle(write(tmp_path, entry_of())).read("w").equal(torch.zeros(2, 3))


@pytest.mark.parametrize(("entry", "message"), [
    (entry_of(size=20), "has 20 bytes, not what its shape needs"),
    (entry_of(shape=(2**31, 2**31), size=4), "not what its shape needs"),
    (entry_of(shape=(2**62,), size=4), "no weight has such a shape"),
    (entry_of(shape=(2**64 - 1, 0), size=0), "no weight has such a shape"),
    (entry_of(shape=(1,) * 70), "no weight has such a shape"),
    (entry_of(shape=(2**31, 2**10), size=2**43), "is too short for"),
    (entry_of(offset=4_090), "is too short for"),
    (entry_of(offset=2**63), "is too short for"),
    (entry_of(dtype=7), "of TensorFlow's format 7"),
    (entry_of(dtype=0), "of TensorFlow's format 0"),
    (write_entry(entry_of()) + write_field(3, 1), "in file 1 of 1"),
    (write_entry(entry_of()) + write_field(3, 2**60), "in file 1152921504606846976 of 1"),
    (write_field(1, b"float"), "a message stands for a number"),
    (write_field(2, 5), "a number stands for a message"),
    (write_field(2, write_field(2, write_field(1, 2)))[:-1], "longer than its message"),
    (b"\x0f", "a field is of type 7"),
    (b"\x08" + b"\xff" * 11, "does not end"),
    (write_entry(entry_of(size=0)) + write_field(7, write_field(1, write_field(1, 1) + write_field(2, 2)) * 2),
     "a slice that is not there"),
    (write_entry(entry_of(size=0)) + write_field(7, write_field(1, b"")), "a slice does not fit into it"),
    (write_entry(entry_of(size=0)) + write_field(7, write_field(1, write_field(1, 2**63)) * 2), "does not fit"),
])  # fmt: skip
def test_an_impossible_variable_is_refused_before_memory_is_asked_for(tmp_path, entry, message):
    with pytest.raises(InputError, match=message):
        Bundle(write(tmp_path, entry)).read("w")


@pytest.mark.parametrize(("parts", "message"), [
    ([((0, 1), (0, 3))], "its slices are not the whole"),
    ([((0, 1), (0, 3)), ((0, 1), (0, 3))], "its slices overlap"),
    ([((0, 1), (0, 3)), ((2, 1), (0, 3))], "a slice does not fit into it"),
])  # fmt: skip
def test_slices_that_are_not_the_whole_are_refused(tmp_path, parts, message):
    from bert.checkpoints.google.partitions import slice_key

    whole = write_entry(entry_of(size=0))
    for part in parts:
        axes = b"".join(write_field(1, write_field(1, start) + write_field(2, length)) for start, length in part)
        whole += write_field(7, axes)
    piece = write_entry(entry_of(shape=(1, 3), size=12))
    prefix = tmp_path / "bad.ckpt"
    write(tmp_path, whole)
    table = {b"": HEADER, b"w": whole} | {slice_key("w", part): piece for part in parts}
    prefix.with_name("bad.ckpt.index").write_bytes(write_table(table))
    with pytest.raises(InputError, match=message):
        Bundle(prefix).read("w")


@pytest.mark.parametrize(("header", "message"), [
    (HEADER + write_field(2, 1), "its numbers are big-endian"),
    (HEADER + write_field(3, write_field(2, 9)), "its version is 9"),
    (write_field(1, b""), "a message stands for a number"),
])  # fmt: skip
def test_a_header_of_another_format_is_refused(tmp_path, header, message):
    with pytest.raises(InputError, match=message):
        Bundle(write(tmp_path, entry_of(), header=header))
