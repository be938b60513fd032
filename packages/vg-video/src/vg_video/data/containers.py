"""What a file is, told from its bytes and never from its name, and whether it ends before its headers say."""

from pathlib import Path
from typing import BinaryIO, Literal

Container = Literal["mov", "avi", "matroska", "gif"]  # as the demuxers of FFmpeg are called; mp4 is mov, webm matroska

_BOXES = frozenset(b"ftyp moov mdat moof mfra sidx ssix styp emsg prft free skip wide uuid meta udta pnot PICT".split())
_FIRST_BOXES = frozenset(b"ftyp moov mdat moof sidx styp free skip wide pnot".split())
_STILL_BRANDS = frozenset((b"heic", b"heix", b"mif1", b"avif"))  # photographs in an mp4 box
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def video_container(path: Path) -> Container | None:
    """Tell which video container a file is, if any of the four that are read: mp4/mov, avi, mkv/webm, gif."""
    head = _head(path)
    if head[4:8] in _FIRST_BOXES and head[8:12] not in _STILL_BRANDS:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == _EBML:
        return "matroska"
    return "gif" if head[:6] in (b"GIF87a", b"GIF89a") else None


def is_image(path: Path) -> bool:
    """Tell whether a file is a picture that can be a frame or a strip: PNG, JPEG, BMP, TIFF or WebP."""
    head = _head(path)
    return head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def cut_off(path: Path, container: Container) -> str | None:
    """Say where a file was cut off, or None when it is as long as its own headers promise.

    Decoders mostly stop at the end of a cut file as if all were well, so the container's own sizes are asked.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if container == "gif":
            file.seek(max(0, size - 64))
            return None if file.read().rstrip(b"\0").endswith(b";") else f"cut off after {size} bytes (no GIF trailer)"
        promised = {"mov": _mov_size, "avi": _avi_size, "matroska": _matroska_size}[container](file, size)
    return f"cut off after {size} of {promised} bytes" if promised > size else None


def _head(path: Path) -> bytes:
    """The first bytes of a file: enough for every signature above."""
    with path.open("rb") as file:
        return file.read(16)


def _mov_size(file: BinaryIO, size: int) -> int:
    """Where the last top-level box ends; what follows the last known box is not judged."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if kind not in _BOXES or length < 8:  # length 0: the box goes on to the end of the file
            break
        end += length
    return end


def _avi_size(file: BinaryIO, size: int) -> int:
    """The end of the first RIFF chunk, or `size` when a live recording left it open."""
    length = int.from_bytes(file.read(8)[4:], "little")
    return size if length == 0xFFFFFFFF else 8 + length


def _matroska_size(file: BinaryIO, size: int) -> int:
    """The end of the segment, or `size` when a live stream left it open."""
    file.seek(4)
    header = _vint(file)
    file.seek(header or 0, 1)
    if file.read(4) != _SEGMENT:
        return size
    length = _vint(file)
    return size if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """An EBML number of variable width; None for the reserved `unknown`."""
    first = (file.read(1) or b"\0")[0]
    width = 9 - first.bit_length()  # of the number, in bytes; 9 when the file has ended
    value = int.from_bytes(bytes([first & (0xFF >> width)]) + file.read(width - 1), "big")
    return None if value == (1 << 7 * width) - 1 or width > 8 else value
