"""TFRecord files and tf.train.Example: records come back, every kind of damage is told with file and record."""

import os
import struct

import numpy as np
import pytest
from vg_video.data.tf_example import bytes_feature, float_feature, parse_example
from vg_video.data.tfrecord import RecordSpan, crc32c, find_records, masked_crc32c, read_record

CONTENTS = (b"first", b"", b"the third record", bytes(range(256)) * 5)


@pytest.fixture
def path(records, tmp_path):
    """A file of four records."""
    file = tmp_path / "four.tfrecords"
    file.write_bytes(b"".join(map(records.record, CONTENTS)))
    return file


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),  # the check value of the algorithm
        (bytes(32), 0x8A9136AA),  # the four examples of RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_checksum_has_its_published_values(data, crc):
    assert crc32c(data) == crc
    assert crc32c(memoryview(data)) == crc


@pytest.mark.parametrize("length", [*range(1, 38), 63, 64, 65, 127, 1000, 4095, 4096, 4097, 70001])
def test_the_checksum_of_any_length_is_that_of_the_loop_over_bytes(length, records):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == records.crc(data)
    assert struct.pack("<I", masked_crc32c(data)) == records.checksum(data)


def test_records_come_back_in_any_order(path):
    assert find_records(path) == (
        RecordSpan(12, 5),
        RecordSpan(33, 0),
        RecordSpan(49, 16),
        RecordSpan(81, 1280),
    )
    assert [read_record(path, number) for number in (3, 0, 2, 1)] == [CONTENTS[number] for number in (3, 0, 2, 1)]


def test_a_file_that_has_changed_is_looked_at_anew(path, records):
    assert len(find_records(path)) == 4
    path.write_bytes(records.record(b"only one"))
    assert [read_record(path, number) for number in range(len(find_records(path)))] == [b"only one"]


def test_every_flipped_byte_is_found_and_its_record_named(path):
    good = path.read_bytes()
    starts = [0, 21, 37, 69, 1365]
    for place in [*range(80), 200, len(good) - 4, len(good) - 1]:
        bad = bytearray(good)
        bad[place] ^= 0x10
        path.write_bytes(bad)
        os.utime(path, ns=(place + 1, place + 1))  # the clock may not tick between two writes
        number = next(n for n in range(4) if place < starts[n + 1])
        part = "length" if place < starts[number] + 12 else "bytes"
        with pytest.raises(ValueError, match=rf"four.tfrecords: record {number} is damaged .*checksum of its.*{part}"):
            read_record(path, number)


def test_damage_in_one_record_leaves_the_others_readable(path):
    data = bytearray(path.read_bytes())
    data[12] ^= 1  # in the first record's data
    path.write_bytes(data)
    assert [read_record(path, number) for number in (1, 2, 3)] == list(CONTENTS[1:])


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (3, "cut off after 3 bytes, in the length of record 0"),
        (15, "cut off after 15 of 21 bytes, in record 0"),
        (40, "cut off after 40 bytes, in the length of record 2"),
        (68, "cut off after 68 of 69 bytes, in record 2"),
        (1364, "cut off after 1364 of 1365 bytes, in record 3"),
    ],
)
def test_a_cut_file_is_told_with_its_record_before_any_is_read(size, message, path):
    path.write_bytes(path.read_bytes()[:size])
    for call in (find_records, lambda path: read_record(path, 0)):
        with pytest.raises(ValueError, match=f"four.tfrecords: {message}"):
            call(path)


def test_other_files_and_numbers_are_refused(path, tmp_path):
    (tmp_path / "text").write_text("this is no TFRecord file")
    with pytest.raises(ValueError, match=r"text: record 0 is damaged .* perhaps no TFRecord file"):
        find_records(tmp_path / "text")
    for number in (-1, 4):
        with pytest.raises(ValueError, match=f"four.tfrecords: no record {number}; it holds 4"):
            read_record(path, number)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_records(tmp_path / "nowhere")
    (tmp_path / "empty").touch()
    assert find_records(tmp_path / "empty") == ()


def test_an_example_gives_its_features_back(records):
    features = parse_example(records.example({"picture": b"\0\1\2" * 200, "none": b"", "place": [1.5, -2, 0.25]}))
    assert set(features) == {"picture", "none", "place"}
    assert bytes_feature(features["picture"]) == b"\0\1\2" * 200
    assert bytes_feature(features["none"]) == b""
    np.testing.assert_array_equal(float_feature(features["place"]), np.array([1.5, -2, 0.25], np.float32))


def test_floats_may_be_stored_one_by_one_and_in_several_lists(records):
    single = b"".join(b"\x0d" + struct.pack("<f", value) for value in (1, 2))
    packed = records.field(1, struct.pack("<2f", 3, 4))
    feature = records.field(2, single + packed) + records.field(2, b"\x0d" + struct.pack("<f", 5))
    assert float_feature(memoryview(feature)).tolist() == [1, 2, 3, 4, 5]


def test_fields_that_an_example_does_not_know_are_passed_over(records):
    number, eight, four = b"\x28\x96\x01", b"\x31" + bytes(8), b"\x3d" + bytes(4)  # fields 5, 6 and 7
    known = records.example({"a": b"value"})
    assert bytes_feature(parse_example(number + eight + known + four + records.field(2, b"lists"))["a"]) == b"value"


def test_features_of_another_kind_are_refused(records):
    features = parse_example(records.example({"bytes": b"1234", "floats": [1.0]}))
    integers = memoryview(records.field(3, records.field(1, b"\x07")))
    two = memoryview(records.field(1, records.field(1, b"a") + records.field(1, b"b")))
    for read, feature, message in [
        (bytes_feature, features["floats"], "holds floats; bytes are wanted"),
        (float_feature, features["bytes"], "holds bytes; floats are wanted"),
        (float_feature, integers, "holds integers; floats are wanted"),
        (bytes_feature, memoryview(records.field(9, b"")), "holds something unknown; bytes are wanted"),
        (bytes_feature, two, "holds 2 byte strings; 1 is wanted"),
        (bytes_feature, memoryview(b""), "holds 0 byte strings"),
        (float_feature, memoryview(records.field(2, records.field(1, b"12345"))), "5 bytes; a multiple of 4"),
    ]:
        with pytest.raises(ValueError, match=message):
            read(feature)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x05ab", "field 1 ends 3 bytes after its message"),
        (b"\x0a", "ends within a number"),
        (b"\x0a\x80", "ends within a number"),
        (b"\x0a" + b"\xff" * 11, "a number of more than 10 bytes"),
        (b"\x0b\x0c", "stored in the unknown way 3"),
        (b"\x0a\x04\x0a\x08ab", "field 1 ends 6 bytes after its message"),
        (b"\x09\x00\x00", "field 1 ends 6 bytes after its message"),
    ],
)
def test_malformed_messages_are_refused(data, message):
    with pytest.raises(ValueError, match=f"malformed protobuf: .*{message}"):
        parse_example(data)


def test_no_random_bytes_raise_anything_else():
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        try:
            for feature in parse_example(rng.bytes(int(rng.integers(40)))).values():
                bytes_feature(feature)
        except ValueError:
            refused += 1
    assert 1000 < refused < 2000
