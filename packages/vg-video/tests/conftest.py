"""Writers of miniatures: TFRecord files in the official schema of BAIR robot pushing, tiny videos."""

import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

CAMERAS = ("image_main", "image_aux1")


def _octet_crc(octet: int) -> int:
    """What one byte does to the register of a CRC-32C, bit by bit."""
    for _ in range(8):
        octet = octet >> 1 ^ 0x82F63B78 * (octet & 1)
    return octet


class RecordWriter:
    """Bytes of records and of tf.train.Example messages, as TensorFlow writes them."""

    crcs = tuple(_octet_crc(octet) for octet in range(256))

    def crc(self, data: bytes) -> int:
        """CRC-32C, byte by byte."""
        register = 0xFFFFFFFF
        for octet in data:
            register = self.crcs[(register ^ octet) & 255] ^ register >> 8
        return register ^ 0xFFFFFFFF

    def checksum(self, data: bytes) -> bytes:
        """The masked CRC-32C as it is stored."""
        crc = self.crc(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)

    def record(self, data: bytes) -> bytes:
        """One record of a TFRecord file."""
        length = struct.pack("<Q", len(data))
        return length + self.checksum(length) + data + self.checksum(data)

    def number(self, value: int) -> bytes:
        """A protobuf number of variable width."""
        septets = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
        return bytes([septet | 128 for septet in septets[:-1]] + septets[-1:])

    def field(self, number: int, content: bytes) -> bytes:
        """A protobuf field that has a length."""
        return self.number(number << 3 | 2) + self.number(len(content)) + content

    def example(self, features: dict[str, bytes | Sequence[float]]) -> bytes:
        """A tf.train.Example: byte strings, or numbers as packed floats."""
        entries = b""
        for name, value in features.items():
            if isinstance(value, bytes):
                feature = self.field(1, self.field(1, value))
            else:
                feature = self.field(2, self.field(1, struct.pack(f"<{len(value)}f", *value)))
            entries += self.field(1, self.field(1, name.encode()) + self.field(2, feature))
        return self.field(1, entries)

    def episode(self, seed: int = 0) -> dict[str, bytes | Sequence[float]]:
        """The features of one random episode of 30 steps."""
        rng = np.random.default_rng(seed)
        features: dict[str, bytes | Sequence[float]] = {}
        for step in range(30):
            for camera in CAMERAS:
                features[f"{step}/{camera}/encoded"] = rng.bytes(64 * 64 * 3)
            features[f"{step}/action"] = rng.random(4, np.float32).tolist()
            features[f"{step}/endeffector_pos"] = rng.random(3, np.float32).tolist()
        return features

    def write_bair(self, path: Path, episodes: int, seed: int = 0) -> None:
        """Write a file of `episodes` random episodes."""
        records = (self.record(self.example(self.episode(seed + number))) for number in range(episodes))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(records))


@pytest.fixture(scope="session")
def records() -> RecordWriter:
    """A writer of TFRecord files."""
    return RecordWriter()


class TinyVideos:
    """Videos of a few frames; those of frame t are of brightness 20 + 8 t, twice as wide as high."""

    size = (16, 32)  # height, width

    def frames(self, count: int) -> np.ndarray:
        """uint8 (t, h, w, 3)."""
        light = 20 + 8 * np.arange(count, dtype=np.uint8)
        return np.broadcast_to(light[:, None, None, None], (count, *self.size, 3)).copy()

    def avi(self, path: Path, count: int = 12) -> None:
        """An .avi of MPEG-4 video, as DivX wrote it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format="avi") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = *self.size, "yuv420p"
            for frame in self.frames(count):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))

    def jpegs(self, folder: Path, count: int = 12) -> None:
        """A folder of img_0000.jpg, img_0001.jpg, ..."""
        folder.mkdir(parents=True)
        for number, frame in enumerate(self.frames(count)):
            Image.fromarray(frame).save(folder / f"img_{number:04}.jpg", quality=95)

    def break_off(self, path: Path) -> None:
        """Cut a file to two thirds of its length."""
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


@pytest.fixture(scope="session")
def tiny() -> TinyVideos:
    """A writer of tiny videos."""
    return TinyVideos()
