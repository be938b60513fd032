"""Layouts on real data (VG_REALDATA)."""

from pathlib import Path

import numpy as np
from vg_video.data.clips import ClipDataset
from vg_video.data.initial import initial_frames
from vg_video.data.layouts import check, g3an_clips, imaginator_clips, read_layout


def test_real_weizmann_strips_are_complete_and_split_by_person(realdata):
    root = realdata / "weizmann"
    listing = read_layout("weizmann-strips", root)
    report = check(listing)
    assert report.complete, report
    train, test = (
        ClipDataset(root, imaginator_clips("weizmann-strips"), scan=listing.scan(s)) for s in ("train", "test")
    )
    assert (len(train), len(test)) == (48, 24) and train.classes == test.classes == ("bend", "jack", "wave1", "wave2")
    assert not train.skipped and train.fingerprint != test.fingerprint
    assert next(train.batches(4, seed=0)).video.shape == (4, 3, 32, 64, 64)
    drawn = list(initial_frames(test))
    assert len(drawn) == 240 and {item.video for item in drawn} == set(range(24))


def test_real_ucf101_lists_have_the_official_numbers(realdata, tmp_path):
    lists = realdata / "ucf101_splits/ucfTrainTestlist"
    for name, train, test in (("ucf101", 9537, 3783), ("ucf101-02", 9586, 3734), ("ucf101-03", 9624, 3696)):
        listing = read_layout(name, tmp_path, lists=lists)
        assert not listing.videos and len(listing.missing) == 13320
        assert sum(side == "train" for _, side in listing.missing) == train == listing.expected["train videos"]
        assert sum(side == "test" for _, side in listing.missing) == test == listing.expected["test videos"]
        assert len({name.split("/")[0] for name, _ in listing.missing}) == 101


def test_real_ucf101_videos_are_found_by_the_lists(realdata, tmp_path):
    folder = tmp_path / "UCF-101/SoccerJuggling"
    folder.mkdir(parents=True)
    for path in (realdata / "clips/torchvision").glob("v_SoccerJuggling_*.avi"):
        (folder / path.name).symlink_to(path)
    listing = read_layout("ucf101", tmp_path, lists=realdata / "ucf101_splits/ucfTrainTestlist")
    assert [(video.subject, video.split) for video in listing.videos] == [
        ("SoccerJuggling_g23", "train"), ("SoccerJuggling_g24", "train")
    ]  # fmt: skip
    dataset = ClipDataset(tmp_path, g3an_clips("ucf101"), scan=listing.scan("train", allow_missing=True))
    assert len(dataset) == 2 and dataset.classes == ("SoccerJuggling",)
    assert next(dataset.batches(2, seed=0)).video.shape == (2, 3, 16, 64, 64)


def test_real_frames_of_ucf101_are_cropped_as_4_4_2_says(realdata: Path):
    crop, scaled = (ClipDataset(realdata / "ucf101_frames", g3an_clips(name)) for name in ("ucf101", "bair"))
    assert len(crop) == 17
    middle, whole = (dataset.clip_at(0, 0)[0].float() for dataset in (crop, scaled))
    columns = np.linspace(10, 73, 64) * 63 / 84  # of the frame squeezed to 64 columns
    squeezed = whole[..., columns.round().astype(int)]
    assert (middle - squeezed).abs().mean() < 8 < (middle - whole).abs().mean()
