"""Video files to frames and back; the only file that imports PyAV."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from vg_video.data.containers import Container, cut_off, video_container
from vg_video.data.files import write_atomically
from vg_video.data.limits import MAX_PIXELS, check_pixels, stack_frames
from vg_video.data.stills import encode_strip

BT709 = 1  # primaries and transfer, as H.264 and Matroska number them


class Codec(NamedTuple):
    """How frames become a file: container, encoder, pixel format and the encoder's quality settings."""

    container: str
    encoder: str
    pixels: str
    options: dict[str, str]


CODECS = {
    ".mp4": Codec("mp4", "libx264", "yuv420p", {"crf": "16", "preset": "medium"}),
    ".webm": Codec("webm", "libvpx-vp9", "yuv420p", {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4"}),
    ".gif": Codec("gif", "gif", "pal8", {}),
}


def read_video(path: Path | str, *, skip_corrupt: bool = False) -> tuple[np.ndarray, float]:
    """Read a whole video file: mp4, mov, avi, mkv, webm or gif, told apart by content.

    Rotation and mirror flags are applied, colors follow the file's matrix and range (BT.601 when it names none), alpha
    and sound are dropped, pixels stay as stored (non-square ones are not stretched).

    Args:
        path: the file.
        skip_corrupt: return the good frames at the start of a damaged file, rather than raise.
    Returns:
        Frames, uint8 RGB (t, h, w, 3), and frames per second.
    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it is no video, is damaged (with the last good frame), or is too large.
    """
    path = Path(path)
    with _opened(path) as video:
        frames = stack_frames(path, _good_frames(path, video, skip_corrupt))
        return frames, _rate(video)


def stream_video(path: Path | str, *, skip_corrupt: bool = False) -> Iterator[np.ndarray]:
    """Yield the frames (h, w, 3) that `read_video` returns, one by one; the same errors come when they are met."""
    path = Path(path)
    with _opened(path) as video:
        yield from _good_frames(path, video, skip_corrupt)


def frame_rate(path: Path | str) -> float:
    """Tell the frames per second of a video file without decoding it; errors as `read_video`."""
    with _opened(Path(path)) as video:
        return _rate(video)


def write_video(path: Path | str, frames: np.ndarray, fps: float = 25.0) -> None:
    """Write frames as .mp4 (H.264), .webm (VP9), .gif or .png (a horizontal strip, lossless), atomically.

    Args:
        path: the file; its suffix decides.
        frames: uint8 RGB, (t, h, w, 3). In mp4 and webm an odd height or width grows by one repeated row or column.
        fps: frames per second; a gif rounds to 1/100 s a frame, a strip has none.
    Raises:
        ValueError: for another suffix, shape or dtype.
    """
    write_atomically(path, encode_video(frames, Path(path).suffix, fps))


def encode_video(frames: np.ndarray, suffix: str, fps: float = 25.0) -> bytes:
    """Encode frames as `write_video` does, into memory; `suffix` is ".mp4", ".webm", ".gif" or ".png"."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"frames {frames.dtype} {frames.shape}; uint8 (t, h, w, 3) is wanted")
    if not fps > 0:
        raise ValueError(f"fps={fps}; more than 0 is wanted")
    if suffix == ".png":
        return encode_strip(frames)
    if suffix not in CODECS:
        raise ValueError(f"suffix {suffix!r}; one of {', '.join(CODECS)}, .png is wanted")
    codec, buffer = CODECS[suffix], io.BytesIO()
    if codec.pixels == "yuv420p":
        frames = np.pad(frames, [(0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)], mode="edge")
    with av.open(buffer, "w", format=codec.container) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast(av.VideoStream, container.add_stream(codec.encoder, rate, options=codec.options))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], codec.pixels
        if codec.pixels == "yuv420p":  # named in the file, so that no player guesses
            context = stream.codec_context
            context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
            context.color_primaries = context.color_trc = BT709
        for frame in frames:
            container.mux(stream.encode(_picture(frame, codec)))
        container.mux(stream.encode(None))
    return buffer.getvalue()


class _DamageError(Exception):
    """Damage in the middle of a file."""


class _Video(NamedTuple):
    """An open file and its first video stream."""

    kind: Container
    container: av.container.InputContainer
    stream: av.VideoStream


@contextmanager
def _opened(path: Path) -> Iterator[_Video]:
    """The file's first video stream, checked before anything is decoded."""
    kind = video_container(path)
    if kind is None:
        raise ValueError(f"{path}: not a video; mp4, mov, avi, mkv, webm or gif is wanted")
    try:  # "file:" keeps a name like `a:b.mp4` from being taken for a protocol
        container = av.open(f"file:{path}", format=kind, metadata_errors="replace")
    except av.FFmpegError as error:
        reason = cut_off(path, kind) or error.strerror
        raise ValueError(f"{path}: {reason}; no good frame") from error
    with container:
        if not container.streams.video:
            raise ValueError(f"{path}: no video stream in it")
        stream = container.streams.video[0]
        check_pixels(path, stream.codec_context.width, stream.codec_context.height)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # a size may also change on the way
        yield _Video(kind, container, stream)


def _rate(video: _Video) -> float:
    """Frames per second; 25 when the file does not tell."""
    return float(video.stream.average_rate or video.stream.guessed_rate or 25)


def _good_frames(path: Path, video: _Video, skip_corrupt: bool) -> Iterator[np.ndarray]:
    """Upright RGB frames up to the first damage; then ValueError, or the end when damage may be skipped."""
    damage = cut_off(path, video.kind)
    good, first = 0, None
    try:
        for packet in _whole_packets(video, damage is not None):
            for frame in video.stream.decode(packet):
                if frame.is_corrupt:
                    raise _DamageError(f"frame {good} is corrupt")
                first = first or frame
                yield _upright(frame, first)
                good += 1
    except (av.FFmpegError, _DamageError) as error:
        damage = damage or (error.strerror if isinstance(error, av.FFmpegError) else str(error))
    if good == 0 or (damage and not skip_corrupt):
        last = f"last good frame: {good - 1}" if good else "no good frame"
        raise ValueError(f"{path}: {damage or 'it ends before the first frame'}; {last}")


def _whole_packets(video: _Video, cut: bool) -> Iterator[av.Packet]:
    """The packets before the first corrupt one; at a sound end also the one that makes the decoder empty its buffer.

    The last packet of a cut file may itself be cut, and decoders draw what there is of it, so it is left out. Nor is
    the buffer emptied after damage: its frames may not follow on those before.
    """
    held = None
    for packet in video.container.demux(video.stream):
        if cut and packet.size == 0 and packet.dts is None:  # the end
            return
        if held:
            yield held
        if packet.is_corrupt:
            raise _DamageError("a packet is corrupt")
        held = packet
    if held:
        yield held


def _upright(frame: av.VideoFrame, first: av.VideoFrame) -> np.ndarray:
    """A decoded frame as RGB (h, w, 3), in the first one's size, turned and mirrored as its display matrix says."""
    pixels = frame.to_ndarray(format="rgb24", width=first.width, height=first.height)
    matrix = first.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    # x' = a x + c y and y' = b x + d y, y down; only quarter turns and mirrors are in use
    a, b, _, c, d = np.frombuffer(cast(bytes, matrix), np.int32, count=5)
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _picture(frame: np.ndarray, codec: Codec) -> av.VideoFrame:
    """A frame (h, w, 3) in the encoder's pixel format: BT.709, or 256 colors chosen for this frame."""
    if codec.pixels == "pal8":
        image = Image.fromarray(frame).quantize(256)
        palette = np.full((256, 4), 255, np.uint8)
        colors = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette[: len(colors), 1:] = colors  # alpha, red, green, blue
        return av.VideoFrame.from_ndarray((np.asarray(image), palette), format="pal8")  # type: ignore[arg-type]
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
    return picture.reformat(format=codec.pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
