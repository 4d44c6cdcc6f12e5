"""CRC-32C, the checksum in TensorFlow's files.

A CRC reads a message as a polynomial over GF(2): its bits are the coefficients. The checksum is the remainder after
division by a fixed polynomial of degree 32. A loop in Python over the bytes takes a second for 5 MB. So a long message
is made short first, by exclusive-ors of long arrays that keep its remainder: 1,200 MB a second. Modulo the polynomial

    x^209 = x^144 + x^54 + x^39 + x^14 + 1

It is the shortest such equation of six powers. Squaring has no mixed terms in GF(2), so the equation also holds with
x^64 in place of x, or x^128, x^256 and so on. There the powers are whole words of 64 bits. So a word can be taken away
if it is added to the words that stand 65, 155, 170, 195 and 209 places later. With x^128 it is twice as far, and so on.

Sources: RFC 3720, section 12.1 (the polynomial); Castagnoli et al. 1993; Russell 2024, "Chorba: A novel CRC32
implementation" (sparse multiples). google-crc32c computes the same.
"""

import numpy as np

_REVERSED = 0x82F63B78  # the polynomial's 32 lower coefficients, the highest of them in bit 0
_PLACES = 65, 155, 170, 195, 209  # 209 - 144, 209 - 54, ...
_PIECE = 1 << 22  # bytes that are folded at a time: a copy of them fits the cache


def masked_crc32c(*parts: bytes | np.ndarray) -> int:
    """The checksum of ``parts``, one after another, as TensorFlow stores it: rotated, and a constant added.

    Why: a checksum of data that contain their own checksum would be a weak one.
    Source: tensorflow ``core/lib/hash/crc32c.h``.
    """
    crc = 0
    for part in parts:
        crc = crc32c(part, crc)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes | np.ndarray, crc: int = 0) -> int:
    """The checksum of ``data``, which follow data of the checksum ``crc``.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    values = np.frombuffer(data, np.uint8)
    state = crc ^ 0xFFFFFFFF
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        if len(piece) > 8 * _PLACES[-1]:
            piece, state = _folded(piece, state), 0
        for byte in piece.tobytes():
            state = _TABLE[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ 0xFFFFFFFF


def _folded(values: np.ndarray, state: int) -> np.ndarray:
    """At most 209 words, as bytes, with the remainder that ``values`` have after ``state``."""
    padding = -len(values) % 8  # zeros in front are no terms of the polynomial
    padded = np.concatenate([np.zeros(padding, np.uint8), values])
    padded[padding : padding + 4] ^= np.frombuffer(state.to_bytes(4, "little"), np.uint8)
    words = padded.view(np.uint64)
    start, end = 0, len(words)
    for scale in (64, 8, 1):
        reach = _PLACES[-1] * scale
        while start < end - reach:
            count = min(_PLACES[0] * scale, end - reach - start)  # they reach none of themselves
            for place in _PLACES:
                target = start + place * scale
                words[target : target + count] ^= words[start : start + count]
            start += count
    return words[start:].view(np.uint8)


def _table() -> list[int]:
    """What each byte leaves."""
    values = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ _REVERSED * (value & 1)
        values.append(value)
    return values


_TABLE = _table()
