"""The message tf.train.Example, taken apart without TensorFlow or protobuf: features by name, as bytes or floats.

In the language of protobuf:

    Example { Features features = 1; }
    Features { map<string, Feature> feature = 1; }        an entry { string key = 1; Feature value = 2; }
    Feature { BytesList | FloatList | Int64List = 1 | 2 | 3; }
    BytesList { repeated bytes value = 1; }               FloatList { repeated float value = 1; }

A SequenceExample with all its features in the context looks the same.
"""

from collections.abc import Iterator

import numpy as np

_KINDS = {1: "bytes", 2: "floats", 3: "integers"}  # a feature's field, and what its list holds
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # how a field is stored
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def parse_example(data: bytes) -> dict[str, memoryview]:
    """Split an Example into its features by name; `bytes_feature` and `float_feature` read their values.

    Raises:
        ValueError: when `data` is no such message.
    """
    features: dict[str, memoryview] = {}
    for map_ in _messages(memoryview(data), 1):
        for entry in _messages(map_, 1):
            name = b"".join(_messages(entry, 1))
            features[name.decode(errors="replace")] = memoryview(b"".join(_messages(entry, 2)))
    return features


def bytes_feature(feature: memoryview) -> bytes:
    """Return the one byte string of a feature; ValueError when it holds something else."""
    values = [value for list_ in _lists(feature, 1) for value in _messages(list_, 1)]
    if len(values) != 1:
        raise ValueError(f"holds {len(values)} byte strings; 1 is wanted")
    return bytes(values[0])


def float_feature(feature: memoryview) -> np.ndarray:
    """Return all numbers of a feature, float32 (n,); ValueError when it holds something else."""
    parts = []
    for list_ in _lists(feature, 2):
        for number, kind, value in _fields(list_):
            if number == 1 and kind in (_LENGTH, _FOUR_BYTES):  # packed, or one by one
                parts.append(bytes(value))
    data = b"".join(parts)
    if len(data) % 4:
        raise ValueError(f"holds floats in {len(data)} bytes; a multiple of 4 is wanted")
    return np.frombuffer(data, "<f4").astype(np.float32)


def _lists(feature: memoryview, wanted: int) -> list[memoryview]:
    """The value lists of a feature, which must all be of the wanted kind."""
    for number, _, _ in _fields(feature):
        if number != wanted:
            raise ValueError(f"holds {_KINDS.get(number, 'something unknown')}; {_KINDS[wanted]} are wanted")
    return list(_messages(feature, wanted))


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """The contents of the fields of this number that have a length; others are passed over, as protobuf does."""
    return (value for number, kind, value in _fields(data) if number == wanted and kind == _LENGTH)


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The fields of a message: number, how it is stored, and its bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        start = place
        if kind == _VARINT:
            _, end = _varint(data, place)
        elif kind == _LENGTH:
            length, start = _varint(data, place)
            end = start + length
        elif kind in _FIXED:
            end = start + _FIXED[kind]
        else:
            raise ValueError(f"malformed protobuf: field {number} is stored in the unknown way {kind}")
        if end > len(data):
            raise ValueError(f"malformed protobuf: field {number} ends {end - len(data)} bytes after its message")
        yield number, kind, data[start:end]
        place = end


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of variable width, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("malformed protobuf: it ends within a number")
        octet = data[place]
        place += 1
        value |= (octet & 127) << shift
        if octet < 128:
            return value, place
    raise ValueError("malformed protobuf: a number of more than 10 bytes")
