"""Weizmann, as the archives unpack and as strips."""

from pathlib import Path

import pytest
from PIL import Image
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.layouts import check, read_layout
from vg_video.data.layouts.weizmann import ACTIONS, PERSONS

CONFIG = ClipConfig(frames=4, resolution=16, fit="resize")
LENA = {"run", "skip", "walk"}


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    """All 93 files of the download; links to one video, so that it is quick."""
    tiny.avi(tmp_path / "one.avi", 6)
    for action in ACTIONS:
        (tmp_path / "data" / action).mkdir(parents=True)
        for person in PERSONS:
            for take in ("1", "2") if person == "lena" and action in LENA else ("",):
                (tmp_path / "data" / action / f"{person}_{action}{take}.avi").symlink_to(tmp_path / "one.avi")
    (tmp_path / "data/bg_015.avi").symlink_to(tmp_path / "one.avi")  # the backgrounds that come with it
    return tmp_path / "data"


def test_90_of_the_93_files_are_one_of_each_action_by_each_person(root):
    assert len(list(root.rglob("*_*.avi"))) == 94
    listing = read_layout("weizmann", root)
    assert len(listing.videos) == 90 and not listing.missing
    assert {(video.source.label, video.subject) for video in listing.videos} == {
        (action, person) for action in ACTIONS for person in PERSONS
    }
    lena = [video.source.path.name for video in listing.videos if video.subject == "lena"]
    assert sorted(name for name in lena if "2" in name) == ["lena_wave2.avi"]
    report = check(listing)
    assert report.complete, report
    assert {what: found for what, _, found in report.counts} == {
        "videos": 90, "subjects": 9, "classes": 10, "train subjects": 6, "test subjects": 3
    }  # fmt: skip


def test_six_persons_train_and_three_others_test(root):
    listing = read_layout("weizmann", root)
    train, test = ({v.subject for v in listing.videos if v.split == split} for split in ("train", "test"))
    assert (len(train), len(test)) == (6, 3) and not train & test
    assert len(listing.scan("train").sources) == 60 and len(listing.scan("test").sources) == 30
    assert listing.scan("test").classes == tuple(sorted(ACTIONS))
    others = [
        {v.subject for v in read_layout("weizmann", root, seed=seed).videos if v.split == "test"} for seed in range(5)
    ]
    assert others[0] == test and len({tuple(sorted(side)) for side in others}) > 2


def test_a_missing_and_a_corrupt_file_are_named(root, tiny):
    (root / "walk/lena_walk1.avi").unlink()
    path = root / "jack/denis_jack.avi"
    path.unlink()
    tiny.avi(path)
    tiny.break_off(path)
    (root / "bend/eli_bend.avi").unlink()
    (root / "bend/eli_bend.avi").write_text("no video")
    listing = read_layout("weizmann", root)
    report = check(listing)
    assert report.missing == ("lena_walk1.avi",)
    assert sorted(path.name for path, _ in report.corrupt) == ["denis_jack.avi", "eli_bend.avi"]
    assert sorted(path.name for path, _ in check(listing, decode=False).corrupt) == ["denis_jack.avi", "eli_bend.avi"]
    with pytest.raises(ValueError, match=r"eli_bend\.avi: neither a video nor a picture"):
        listing.scan(allow_missing=True)
    dataset = ClipDataset(root, CONFIG, scan=listing.scan(allow_missing=True, skip_corrupt=True), skip_corrupt=True)
    assert len(dataset) == 87 and {path.name for path, _ in dataset.skipped} == {"eli_bend.avi", "denis_jack.avi"}


def test_files_without_a_folder_for_each_action_are_found_too(tiny, tmp_path):
    tiny.avi(tmp_path / "daria_wave1.avi")
    tiny.avi(tmp_path / "lena_run2.avi")  # the second of Lena's pair is not the one that counts
    listing = read_layout("weizmann", tmp_path)
    assert [(video.name, video.source.label) for video in listing.videos] == [("daria_wave1", "wave1")]
    assert ("lena_run1.avi", listing.missing[0].split) in listing.missing or len(listing.missing) == 89


@pytest.fixture
def strips(tmp_path: Path) -> Path:
    for folder, offset in (("1", 0), ("0", 2), ("3", 4), ("4", 6)):
        (tmp_path / folder).mkdir()
        for person in range(9):
            for second in (0, 1):
                name = f"{folder}/{8 * person + offset + second:08}.jpg"  # PNG with alpha, whatever the name
                Image.new("RGBA", (16 * 5, 16), (person, offset, 0, 255)).save(tmp_path / name, "png")
    return tmp_path


def test_strips_are_36_videos_of_9_persons_with_the_names_of_their_actions(strips):
    listing = read_layout("weizmann-strips", strips)
    assert {(v.name.split("/")[0], v.source.label) for v in listing.videos} == {
        ("0", "wave1"), ("1", "wave2"), ("3", "jack"), ("4", "bend")
    }  # fmt: skip
    assert all(int(video.subject) == int(video.name.split("/")[1]) // 8 for video in listing.videos)
    assert check(listing).complete and len(listing.scan("train").sources) == 24
    (strips / "3/00000012.jpg").unlink()
    (strips / "4/00000014.jpg").write_bytes(b"")
    report = check(read_layout("weizmann-strips", strips))
    assert report.missing == ("3/00000012.jpg",)
    assert [(path.name, reason) for path, reason in report.corrupt] == [("00000014.jpg", "empty")]
