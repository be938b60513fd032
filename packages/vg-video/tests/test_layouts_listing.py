"""What all layouts share: splits by subject, names, bad input, clips as the thesis cuts them."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from vg_video.data.clips import ClipConfig
from vg_video.data.folder import VideoSource
from vg_video.data.layouts import (
    LayoutName,
    Listing,
    Missing,
    Video,
    check,
    g3an_clips,
    imaginator_clips,
    mintgan_clips,
    read_layout,
    split_subjects,
)
from vg_video.data.stills import write_strip


@pytest.mark.parametrize(("train", "test"), [(42, 10), (15, 5), (6, 3), (320, 80)])
def test_splits_are_of_the_asked_size_disjoint_and_drawn_by_the_seed(train, test):
    subjects = [f"{n:03}" for n in range(train + test)]
    sides = split_subjects(subjects, train, test)
    assert sorted(sides) == subjects and list(sides.values()).count("train") == train
    assert split_subjects(reversed(subjects), train, test) == sides
    assert split_subjects(subjects, train, test, seed=1) != sides
    moved = split_subjects(subjects[1:], train, test)
    assert sum(moved[subject] != sides[subject] for subject in moved) <= 1


def listing(tmp_path: Path, **changes: object) -> Listing:
    """Two strips of each of three persons; one of Ann is damaged, one of Cat missing."""
    videos = []
    for number, subject in enumerate(("ann", "ben", "cat", "ann", "ben")):
        path = tmp_path / f"{number}.png"
        write_strip(path, np.full((5, 16, 16, 3), number, np.uint8))
        source = VideoSource(path, "strip", f"class{number % 2}")
        split = "test" if subject == "ben" else "train"
        videos.append(Video(path.stem, source, subject, split, "torn" if number == 3 else None))
    fields = {"missing": (Missing("cat/5", "train"),), "expected": {"videos": 6, "train subjects": 2, "classes": 2}}
    return Listing("THREE", tmp_path, tuple(videos), **{**fields, **changes})


def test_counts_are_by_split_and_a_report_compares_them(tmp_path):
    three = listing(tmp_path)
    assert three.counts() == {
        "videos": 5, "subjects": 3, "classes": 2,
        "train videos": 3, "test videos": 2, "train subjects": 2, "test subjects": 1,
    }  # fmt: skip
    seen: list[tuple[int, int]] = []
    report = check(three, progress=lambda done, total: seen.append((done, total)))
    assert report.counts == (("videos", 6, 5), ("train subjects", 2, 2), ("classes", 2, 2))
    assert report.missing == ("cat/5",) and report.corrupt == ((tmp_path / "3.png", "torn"),)
    assert seen == [(done, 4) for done in range(1, 5)] and not report.complete


@pytest.mark.parametrize("lack", ["count", "missing", "corrupt", "nothing"])
def test_complete_is_what_lacks_nothing(lack, tmp_path):
    three = listing(tmp_path)
    videos = three.videos if lack == "corrupt" else tuple(video for video in three.videos if not video.damage)
    missing = three.missing if lack == "missing" else ()
    expected = {"videos": len(videos) + (lack == "count")}
    assert check(Listing("THREE", tmp_path, videos, missing, expected)).complete == (lack == "nothing")


def test_missing_and_damaged_videos_stop_a_scan_unless_allowed(tmp_path):
    three = listing(tmp_path)
    with pytest.raises(ValueError, match=r"1 missing from THREE, the first: cat/5; allow_missing"):
        three.scan("train")
    with pytest.raises(ValueError, match=r"3\.png: torn"):
        three.scan("train", allow_missing=True)
    scan = three.scan("train", allow_missing=True, skip_corrupt=True)
    assert [source.path.stem for source in scan.sources] == ["0", "2"]
    assert scan.ignored == ((tmp_path / "3.png", "torn"),) and scan.classes == ("class0", "class1")
    assert [source.path.stem for source in three.scan("test").sources] == ["1", "4"]
    assert len(three.scan(allow_missing=True, skip_corrupt=True).sources) == 4


@pytest.mark.parametrize("name", get_args(LayoutName))
def test_a_folder_that_is_none_is_told_by_every_layout(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        read_layout(name, tmp_path / "nowhere")
    (tmp_path / "file").write_text("text")
    with pytest.raises(NotADirectoryError, match="file: is a file; the folder of a dataset is wanted"):
        read_layout(name, tmp_path / "file")
    with pytest.raises((ValueError, FileNotFoundError)):
        read_layout(name, tmp_path)


def test_lists_are_for_layouts_that_have_some(tmp_path):
    with pytest.raises(ValueError, match=r"lists=.*: weizmann is read without lists; mug and ucf101 have some"):
        read_layout("weizmann", tmp_path, lists=tmp_path)


@pytest.mark.parametrize(
    ("name", "step", "double"),
    [
        ("mug", 2, False),
        ("uva-nemo", 2, False),
        ("natops", 1, False),
        ("weizmann", 1, True),
        ("weizmann-strips", 1, True),
    ],
)
def test_clips_of_section_3_4_1(name, step, double):
    assert imaginator_clips(name) == ClipConfig(frames=32, steps=(step, step), fit="resize", double=double)
    assert imaginator_clips(name).span == 31 * step + 1


@pytest.mark.parametrize(
    ("name", "fit", "flip"),
    [("mug-chapter4", "resize", False), ("weizmann", "resize", True), ("ucf101", "85x64", False)],
)
def test_clips_of_section_4_4_2(name, fit, flip):
    assert g3an_clips(name) == ClipConfig(frames=16, steps=(1, 4), fit=fit, flip=flip)


def test_clips_of_section_5_3_1():
    assert mintgan_clips("voxceleb2-mini") == ClipConfig(frames=16, resolution=64, steps=(1, 1))
    assert mintgan_clips("ucf101", 128).resolution == 128
    assert imaginator_clips("bair").short == "loop"  # 30 frames are 2 too few
