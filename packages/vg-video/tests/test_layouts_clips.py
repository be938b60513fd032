"""What layouts need of clips: doubled sets, parts of videos, the fit of UCF101, initial frames."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.folder import Scan, VideoSource, scan_folder
from vg_video.data.initial import initial_frames
from vg_video.data.stills import write_strip
from vg_video.data.transforms import fit_frame, to_float

SIZE = 16
LENGTHS = (9, 30, 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Strips; frame t of video n has n in the first channel, t in the second, and a bright left half in the third."""
    for number, length in enumerate(LENGTHS):
        frames = np.zeros((length, SIZE, SIZE, 3), np.uint8)
        frames[..., 0] = number
        frames[..., 1] = np.arange(length)[:, None, None]
        frames[..., : SIZE // 2, 2] = 255
        (tmp_path / f"data/label{number % 2}").mkdir(parents=True, exist_ok=True)
        write_strip(tmp_path / f"data/label{number % 2}/{number}.png", frames)
    return tmp_path / "data"


def config(**changes: object) -> ClipConfig:
    return ClipConfig(**{"frames": 4, "resolution": SIZE, "steps": (2, 2), **changes})


def test_a_doubled_set_shows_each_video_and_its_mirror_image_once_an_epoch(folder):
    dataset, single = ClipDataset(folder, config(double=True)), ClipDataset(folder, config())
    assert len(dataset) == 6 and len(single) == 3 and dataset.fingerprint == single.fingerprint
    for epoch in islice(dataset.batches(6, seed=0), 5):
        pixels = ((epoch.video + 1) * 127.5).round().long()
        shown = {(int(clip[0, 0, 0, 0]), bool(clip[2, 0, 0, 0])) for clip in pixels}
        assert shown == {(number, left) for number in range(3) for left in (True, False)}
    for index in range(3):
        plain, mirrored = dataset.clip_at(index, 1), dataset.clip_at(index + 3, 1)
        assert torch.equal(plain[0].flip(-1), mirrored[0]) and plain[1] == mirrored[1]
        assert torch.equal(plain[0], single.clip_at(index, 1)[0])
    with pytest.raises(IndexError, match="video 6 of 6"):
        dataset.clip_at(6, 0)
    with pytest.raises(ValueError, match="flip=True, double=True"):
        config(flip=True, double=True)


def test_clips_begin_where_they_are_asked_to_at_the_least_step(folder):
    dataset = ClipDataset(folder, config(steps=(2, 4)))
    assert [dataset.starts(index) for index in range(3)] == [3, 6, 24]  # natural order of labels: 0, 2, 1
    assert dataset.clip_at(1, 5)[0][1, :, 0, 0].tolist() == [5, 7, 9, 11]
    for start in (-1, 6):
        with pytest.raises(ValueError, match=rf"start={start}; 0 to 5 is wanted for video 1"):
            dataset.clip_at(1, start)
    looped = ClipDataset(folder, config(frames=8, short="loop"))
    assert looped.starts(0) == 9 and looped.clip_at(0, 8)[0][1, :, 0, 0].tolist() == [8, 1, 3, 5, 7, 0, 2, 4]


def test_initial_frames_are_ten_of_each_video_with_what_follows_them(folder):
    dataset = ClipDataset(folder, config())
    drawn = list(initial_frames(dataset))
    assert [item.video for item in drawn] == [0] * 3 + [1] * 6 + [2] * 10  # all there are, up to 10
    for video in range(3):
        starts = [item.start for item in drawn if item.video == video]
        assert starts == sorted(set(starts)) and max(starts) < dataset.starts(video)
    for item in drawn:
        clip, label = dataset.clip_at(item.video, item.start)
        assert (
            torch.equal(item.clip, to_float(clip)) and torch.equal(item.image, item.clip[:, 0]) and item.label == label
        )
        assert item.image.shape == (3, SIZE, SIZE) and item.clip.shape == (3, 4, SIZE, SIZE)
    again = list(initial_frames(dataset))
    assert [item.start for item in again] == [item.start for item in drawn]
    other = [item.start for item in initial_frames(dataset, seed=1)]
    assert other != [item.start for item in drawn] and len(other) == 19
    assert len(list(initial_frames(dataset, count=2))) == 6
    with pytest.raises(ValueError, match="count=0"):
        next(initial_frames(dataset, count=0))


def test_a_scan_chooses_the_videos_and_its_classes_count(folder):
    sources = tuple(source for source in scan_folder(folder).sources if source.label == "label1")
    dataset = ClipDataset(folder, config(), scan=Scan(sources, (), ("label0", "label1", "label2")))
    assert len(dataset) == 1 and dataset.classes == ("label0", "label1", "label2") and dataset.clip_at(0, 0)[1] == 1
    assert ClipDataset(folder, config(), scan=Scan(sources, ())).classes == ("label1",)
    with pytest.raises(ValueError, match="none of its 0 videos can be used"):
        ClipDataset(folder, config(), scan=Scan((), ()))


def test_parts_of_a_video_are_its_frames_and_tell_where_they_end(folder):
    path = folder / "label1/1.png"
    whole, part = VideoSource(path, "strip"), VideoSource(path, "strip", span=(10, 14))
    np.testing.assert_array_equal(list(part.frames()), list(whole.frames())[10:14])
    assert (whole.part, part.part) == ("", "[10:14]") and part.digest() == whole.digest()
    with pytest.raises(ValueError, match=r"1\.png: 30 frames; frames 28 to 32 are wanted"):
        list(VideoSource(path, "strip", span=(28, 33)).frames())
    parts = [
        ClipDataset(folder, config(), scan=Scan((VideoSource(path, "strip", span=span),), ()))
        for span in ((0, 9), (9, 18))
    ]
    assert parts[0].fingerprint != parts[1].fingerprint


@pytest.mark.parametrize(("resolution", "wide"), [(64, 85), (128, 170)])
def test_ucf101_is_scaled_to_85_by_64_and_its_center_kept(resolution, wide):
    frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    scaled = np.asarray(Image.fromarray(frame).resize((wide, resolution), Image.Resampling.BICUBIC))
    first = 10 * resolution // 64 + (resolution == 128)
    np.testing.assert_array_equal(fit_frame(frame, resolution, "85x64"), scaled[:, first : first + resolution])
    square = fit_frame(frame[:, 40:280], resolution, "85x64")
    assert square.shape == (resolution, resolution, 3)
