"""BAIR robot pushing in its official layout: episodes as videos, by file and number."""

import struct
from pathlib import Path

import numpy as np
import pytest
from vg_video.data.bair import read_episode
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.layouts import bair, check, g3an_clips, read_layout
from vg_video.data.tfrecord import masked_crc32c

CONFIG = ClipConfig(frames=4, resolution=64)


def write(records, path: Path, *seeds: int) -> None:
    """A file of random episodes; with our checksums, which are quick."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for seed in seeds:
            data = records.example(records.episode(seed))
            length = struct.pack("<Q", len(data))
            for part in (length, data):
                file.write(part + struct.pack("<I", masked_crc32c(part)))


@pytest.fixture
def root(records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of 2 episodes instead of 256; the numbers of the third do not follow on those of the second."""
    monkeypatch.setattr(bair, "EPISODES", 2)
    folder = tmp_path / "softmotion30_44k"
    for seed, name in enumerate(
        ("train/traj_2_to_3", "train/traj_10_to_11", "train/traj_15_to_16", "test/traj_0_to_1")
    ):
        write(records, folder / f"{name}.tfrecords", 10 * seed, 10 * seed + 1)
    return tmp_path


def test_episodes_are_videos_by_file_and_number(root):
    listing = read_layout("bair", root)
    assert [(video.name, video.split, video.subject) for video in listing.videos[1:3]] == [
        ("train/traj_2_to_3/1", "train", None),
        ("train/traj_10_to_11/0", "train", None),
    ]
    assert len(listing.videos) == 8 and len(listing.scan("test", allow_missing=True).sources) == 2
    dataset = ClipDataset(root, CONFIG, scan=listing.scan("train", allow_missing=True))
    assert len(dataset) == 6 and dataset.classes == ()
    clip = dataset.clip_at(3, 2)[0]
    frames = read_episode(root / "softmotion30_44k/train/traj_10_to_11.tfrecords", 1)
    np.testing.assert_array_equal(clip.movedim(0, -1), frames[2:6])
    assert len(ClipDataset(root, g3an_clips("bair"), scan=listing.scan("train", allow_missing=True))) == 6


def test_numbers_are_those_of_the_release(tmp_path, records):
    write(records, tmp_path / "train/traj_1792_to_2047.tfrecords", 0)
    listing = read_layout("bair", tmp_path)
    assert listing.expected == {"videos": 43520, "train videos": 43264, "test videos": 256}
    assert listing.missing == (("train/traj_1792_to_2047.tfrecords: 255 of 256 episodes", "train"),)


def test_missing_files_are_named_where_whole_ones_fill_a_gap(root):
    names = [name for name, _ in read_layout("bair", root / "softmotion30_44k").missing]
    assert names == [f"train/traj_{n}_to_{n + 1}.tfrecords" for n in (4, 6, 8)]  # 12 to 14 is no whole number of files


def test_a_corrupt_file_and_a_corrupt_episode_are_named(root, tmp_path):
    train = root / "softmotion30_44k/train"
    data = bytearray((train / "traj_2_to_3.tfrecords").read_bytes())
    data[-1000] ^= 1
    (train / "traj_2_to_3.tfrecords").write_bytes(data)
    (train / "traj_15_to_16.tfrecords").write_bytes(b"no records at all")
    listing = read_layout("bair", root)
    report = check(listing)
    assert [path.name for path, _ in report.corrupt] == ["traj_15_to_16.tfrecords", "traj_2_to_3.tfrecords"]
    assert report.corrupt[1][1].startswith("record 1 is damaged")
    with pytest.raises(ValueError, match=r"traj_15_to_16\.tfrecords: record 0 is damaged"):
        listing.scan("train", allow_missing=True)
    scan = listing.scan("train", allow_missing=True, skip_corrupt=True)
    with pytest.raises(ValueError, match=r"traj_2_to_3\.tfrecords: record 1 is damaged"):
        ClipDataset(root, CONFIG, scan=scan)
    dataset = ClipDataset(root, CONFIG, scan=scan, skip_corrupt=True, cache=tmp_path / "cache")
    assert len(dataset) == 3 and len(dataset.skipped) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_a_folder_without_episodes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no episode in it; softmotion30_44k/train"):
        read_layout("bair", tmp_path)


def test_official_files_are_listed(realdata):
    listing = read_layout("bair", realdata / "bair_tfds")
    assert [(video.name, video.split) for video in listing.videos] == [
        ("train/traj_1792_to_2047/0", "train"), ("test/traj_0_to_255/0", "test")
    ]  # fmt: skip
    dataset = ClipDataset(realdata, ClipConfig(), scan=listing.scan("train", allow_missing=True))
    assert (dataset.clip_at(0, 0)[0].movedim(0, -1) == dataset.clip_at(0, 0)[0][:, 0, 0, 0]).all()
