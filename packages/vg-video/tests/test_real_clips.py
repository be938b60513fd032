"""Real videos of other people's making (VG_REALDATA); the first test prints a table of them."""

import sys
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import read_video
from vg_video.data.folder import scan_folder
from vg_video.data.stills import read_strip


def decoded_by_hand(path: Path) -> tuple[int, np.ndarray]:
    """The number of frames that the decoder yields, and the first in RGB, converted from its planes in float64."""
    with av.open(str(path), metadata_errors="replace") as container:
        frames = list(container.decode(video=0))
    first = frames[0]
    if not first.format.name.startswith("yuv"):
        return len(frames), np.asarray(Image.open(path).convert("RGB"), np.float64)
    planes = []
    for plane in first.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        planes.append(rows.repeat(first.height // plane.height, 0).repeat(first.width // plane.width, 1).astype(float))
    assert int(first.color_range) in (0, 1) and int(first.colorspace) in (2, 5)  # limited range, BT.601
    y, u, v = (planes[0] - 16) * 255 / 219, (planes[1] - 128) * 255 / 224, (planes[2] - 128) * 255 / 224
    red, blue = y + 1.402 * v, y + 1.772 * u
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return len(frames), np.stack([red, green, blue], -1).clip(0, 255)


def test_every_real_clip_is_read_with_the_decoders_frames_and_the_right_colors(realdata, capsys):
    table = []
    for path in sorted(path for path in (realdata / "clips").rglob("*") if path.is_file()):
        try:
            frames, fps = read_video(path)
        except ValueError as error:
            assert path.name == "README" and str(error).startswith(f"{path}: not a video")
            table.append((path.relative_to(realdata), "refused", str(error).removeprefix(f"{path}: ")))
            continue
        count, first = decoded_by_hand(path)
        assert len(frames) == count > 0 and frames.shape[1:] == first.shape and 1 <= fps <= 60
        difference = np.abs(frames[0] - first).mean()
        assert difference < 2.5, path  # gray levels; a swapped channel, wrong matrix or turned frame costs 5 and more
        size = f"{count:4} frames {frames.shape[2]:4}x{frames.shape[1]:<4} {fps:6.2f} fps"
        table.append((path.relative_to(realdata), "read", f"{size}, colors off by {difference:.2f}"))
    assert len(table) == 26
    lines = [f"{path!s:95} {verdict:8} {what}" for path, verdict, what in table]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def test_real_clips_become_batches_and_the_one_pixel_videos_are_refused_by_name(realdata):
    root, config = realdata / "clips", ClipConfig(resolution=32)
    with pytest.raises(ValueError, match=r"moviepy/.*\.mp4: 1x1 pixels; at least 8 a side are wanted"):
        ClipDataset(root / "moviepy", config)
    dataset = ClipDataset(root / "moviepy", config, skip_corrupt=True)
    assert [path.name for path, _ in dataset.skipped] == ["-video-with-dash-.mp4", "bitmap.mp4"]
    assert next(dataset.batches(2, seed=0)).video.shape == (2, 3, 16, 32, 32)


def test_strips_named_jpg_that_hold_png_with_alpha_are_36_labeled_videos(realdata):
    scan = scan_folder(realdata / "weizmann")
    assert len(scan.sources) == 36 and {source.kind for source in scan.sources} == {"strip"}
    widths = [Image.open(source.path).width for source in scan.sources]
    assert (min(widths), max(widths)) == (51 * 64, 146 * 64)
    first = np.asarray(Image.open(scan.sources[0].path))
    assert first.shape == (64, widths[0], 4)
    np.testing.assert_array_equal(read_strip(scan.sources[0].path)[2], first[:, 128:192, :3])
    dataset = ClipDataset(realdata / "weizmann", ClipConfig())
    assert len(dataset) == 36 and dataset.classes == ("0", "1", "3", "4") and not dataset.skipped
    one, two = (list(islice(dataset.batches(16, seed=0, workers=workers), 4)) for workers in (0, 2))
    assert all(torch.equal(a.video, b.video) and torch.equal(a.label, b.label) for a, b in zip(one, two, strict=True))


def test_folders_of_frames_are_17_videos_and_their_lists_are_told(realdata):
    dataset = ClipDataset(realdata / "ucf101_frames", ClipConfig())
    assert len(dataset) == 17 and dataset.classes == ()
    assert [path.name for path, _ in dataset.skipped] == ["actions.txt", "videos_labels_subsets.txt"]
    batch = next(dataset.batches(4, seed=0))
    assert batch.video.shape == (4, 3, 16, 64, 64) and batch.label is None
