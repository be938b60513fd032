"""TFRecord files without TensorFlow: records found by their lengths, read one at a time, checksums verified.

A record is its length (8 bytes), the checksum of those, its data and the checksum of the data, all little-endian.
Nothing else is in the file: no header, no table of contents.
"""

import struct
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed
_START = b"\x54\x64\x1f\x64"  # bytes that bring the register of a CRC-32C from 0 to its usual start, 2^32 - 1
_HEADER = struct.Struct("<QI")  # length of the data, checksum of the length
_CHECKSUM = struct.Struct("<I")


class RecordSpan(NamedTuple):
    """Where the data of one record lies in its file, in bytes."""

    start: int
    length: int


def crc32c(data: bytes | memoryview) -> int:
    """Compute the CRC-32C (Castagnoli) of `data`, 0 .. 2^32 - 1.

    The data are words of 32 bits. A word that lies n words before another can be moved onto it when it is multiplied
    by x^(32 n), so the first half is folded onto the second until one word is left; numpy folds all words at once.
    """
    words = np.frombuffer(b"".join((bytes(-len(data) % 4), _START, data)), "<u4")
    while len(words) > 1:
        level = (len(words) - 1).bit_length() - 1
        moved = len(words) - 2**level
        folded = words[moved:].copy()
        folded[-moved:] ^= _multiplied(words[:moved], _tables(level))
        words = folded
    return int(_multiplied(words, _tables(0))[0]) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes | memoryview) -> int:
    """Compute the checksum that TFRecord stores: `crc32c`, rotated right by 15 bits, plus 0xA282EAD8 modulo 2^32."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def find_records(path: Path | str) -> tuple[RecordSpan, ...]:
    """Find the records of a file by their lengths alone; the data between are skipped, so this is fast.

    The answer is kept for as long as size and time of the file stay the same.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and record (from 0), when the checksum of a length is wrong or the file is cut off.
    """
    path = Path(path)
    state = path.stat()
    return _find_records(path, state.st_size, state.st_mtime_ns)


def read_record(path: Path | str, number: int) -> bytes:
    """Read the data of record `number`, from 0, and verify their checksum.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and record, as `find_records`, and when there is no such record or it is damaged.
    """
    spans = find_records(path)
    if not 0 <= number < len(spans):
        raise ValueError(f"{path}: no record {number}; it holds {len(spans)}, numbered from 0")
    start, length = spans[number]
    with Path(path).open("rb") as file:
        file.seek(start)
        block = file.read(length + _CHECKSUM.size)
    data = block[:length]
    if block[length:] != _CHECKSUM.pack(masked_crc32c(data)):
        raise ValueError(f"{path}: record {number} is damaged (wrong checksum of its {length} bytes)")
    return data


@lru_cache(maxsize=1024)
def _find_records(path: Path, size: int, time: int) -> tuple[RecordSpan, ...]:
    """The records of a file in the state that size and time stand for."""
    spans: list[RecordSpan] = []
    end = 0
    with path.open("rb") as file:
        while end < size:
            file.seek(end)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise ValueError(f"{path}: cut off after {size} bytes, in the length of record {len(spans)}")
            length, checksum = _HEADER.unpack(header)
            if checksum != masked_crc32c(header[:8]):
                where = f"record {len(spans)} is damaged (wrong checksum of its length)"
                raise ValueError(f"{path}: {where}" + ("" if spans else "; perhaps no TFRecord file"))
            spans.append(RecordSpan(end + _HEADER.size, length))
            end += _HEADER.size + length + _CHECKSUM.size
    if end > size:
        raise ValueError(f"{path}: cut off after {size} of {end} bytes, in record {len(spans) - 1}")
    return tuple(spans)


@cache
def _tables(level: int) -> np.ndarray:
    """For each of the 4 bytes of a word, its 256 values times x^(32 * 2^level) modulo the polynomial: (4, 256)."""
    if level:
        half = _tables(level - 1)
        return _multiplied(half.reshape(-1), half).reshape(4, 256)
    words: np.ndarray = np.arange(256, dtype=np.uint32) << np.array([[0], [8], [16], [24]], np.uint32)
    for _ in range(32):
        words = (words >> 1) ^ (words & 1) * np.uint32(_CASTAGNOLI)
    return words


def _multiplied(words: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Every word times the power of x that the tables stand for."""
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 4)
    first, second, third, fourth = (table[octets[:, place]] for place, table in enumerate(tables))
    return first ^ second ^ third ^ fourth
