"""The checksum is CRC-32C, of data of every length."""

import numpy as np
import pytest

from bert.checkpoints.google.crc32c import crc32c, masked_crc32c


def bit_after_bit(data: bytes) -> int:
    """The definition: division by the polynomial, whose coefficients stand in reverse."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(("data", "expected"), [  # RFC 3720, B.4; the first is the usual check value
    (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
    (bytes(reversed(range(32))), 0x113FDB5C),
])  # fmt: skip
def test_it_gives_the_published_checksums(data, expected):
    assert crc32c(data) == bit_after_bit(data) == expected


def test_long_data_have_the_checksum_of_their_definition():
    data = np.random.default_rng(0).bytes(20_000)
    for length in (0, 1, 1_672, 1_673, 1_679, 1_680, 13_377, 20_000):
        assert crc32c(data[:length]) == bit_after_bit(data[:length])
    assert crc32c(data[7_001:], crc32c(data[:7_001])) == crc32c(data)


def test_pieces_of_a_very_long_array_are_joined():
    data = np.random.default_rng(0).integers(0, 256, (1 << 22) + 4_321, np.uint8)
    assert crc32c(data) == crc32c(data[5:], crc32c(data[:5]))
    assert crc32c(data) != crc32c(data ^ (np.arange(len(data)) == 4_194_305))


def test_a_checksum_is_stored_rotated_and_shifted():
    assert masked_crc32c(b"1234", b"56789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32
