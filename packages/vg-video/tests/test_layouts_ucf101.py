"""UCF101 in its official layout: avi files by class, lists that end their lines in CR LF."""

from pathlib import Path

import pytest
from vg_video.data.clips import ClipDataset
from vg_video.data.layouts import check, g3an_clips, read_layout

TRAIN = [
    "Archery/v_Archery_g08_c01.avi",
    "Archery/v_Archery_g08_c02.avi",
    "HandstandPushups/v_HandStandPushups_g09_c01.avi",
]
TEST = ["Archery/v_Archery_g01_c01.avi", "HandstandPushups/v_HandStandPushups_g01_c01.avi"]


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    for name in TRAIN + TEST:
        tiny.avi(tmp_path / "UCF-101" / name, 20)
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    classes = {"Archery": 3, "HandstandPushups": 37}
    for number in (1, 2):
        train, test = (TRAIN, TEST) if number == 1 else (TEST, TRAIN)
        lines = "".join(f"{name} {classes[name.split('/')[0]]}\r\n" for name in train)
        (lists / f"trainlist0{number}.txt").write_bytes(lines.encode())
        (lists / f"testlist0{number}.txt").write_bytes("".join(f"{name}\r\n" for name in test).encode())
    return tmp_path


def test_videos_are_those_of_the_lists_with_class_and_group(root):
    listing = read_layout("ucf101", root)
    assert [(v.name, v.source.label, v.subject, v.split) for v in listing.videos[1:4]] == [
        ("Archery/v_Archery_g08_c02.avi", "Archery", "Archery_g08", "train"),
        ("HandstandPushups/v_HandStandPushups_g09_c01.avi", "HandstandPushups", "HandstandPushups_g09", "train"),
        ("Archery/v_Archery_g01_c01.avi", "Archery", "Archery_g01", "test"),
    ]
    assert listing.expected == {"videos": 13320, "classes": 101, "train videos": 9537, "test videos": 3783}
    second = read_layout("ucf101-02", root / "UCF-101", lists=root / "ucfTrainTestlist")
    assert [video.name for video in second.videos if video.split == "test"] == TRAIN
    assert (
        second.expected["test videos"] == 3734
        and sum(second.expected[f"{s} videos"] for s in ("train", "test")) == 13320
    )
    with pytest.raises(FileNotFoundError, match=r"trainlist03\.txt"):
        read_layout("ucf101-03", root)
    train = ClipDataset(root, g3an_clips("ucf101"), scan=listing.scan("train"))
    assert train.classes == ("Archery", "HandstandPushups") and len(train) == 3
    assert next(train.batches(2, seed=0)).video.shape == (2, 3, 16, 64, 64)


def test_listed_files_that_are_missing_are_counted_and_stop_unless_allowed(root, tiny):
    (root / "UCF-101" / TRAIN[0]).unlink()
    (root / "UCF-101" / TRAIN[1]).unlink()
    tiny.break_off(root / "UCF-101" / TEST[0])
    listing = read_layout("ucf101", root)
    with pytest.raises(ValueError, match=f"2 missing from UCF101, the first: {TRAIN[0]}"):
        listing.scan("train")
    assert len(listing.scan("train", allow_missing=True).sources) == 1
    with pytest.raises(ValueError, match=r"v_Archery_g01_c01\.avi: cut off after"):
        ClipDataset(root, g3an_clips("ucf101"), scan=listing.scan("test"))
    dataset = ClipDataset(root, g3an_clips("ucf101"), scan=listing.scan("test"), skip_corrupt=True)
    assert len(dataset) == 1 and [path.name for path, _ in dataset.skipped] == ["v_Archery_g01_c01.avi"]
    assert dataset.classes == ("Archery", "HandstandPushups")  # as if the class had been there
    report = check(listing, decode=False)
    assert report.missing == tuple(TRAIN[:2]) and [path.name for path, _ in report.corrupt] == ["v_Archery_g01_c01.avi"]
    assert report.counts[0] == ("videos", 13320, 3)


def test_a_line_that_names_no_video_is_refused_with_its_number(root):
    path = root / "ucfTrainTestlist/testlist01.txt"
    path.write_text(f"{TEST[0]}\n\nArchery v_Archery.avi\n")
    with pytest.raises(ValueError, match=r"testlist01\.txt: line 3: 'Archery v_Archery\.avi'; <class>/v_"):
        read_layout("ucf101", root)


def test_a_folder_with_none_of_the_videos_is_refused(root):
    (root / "UCF-101").rename(root / "elsewhere")
    with pytest.raises(ValueError, match="3 missing from UCF101"):
        read_layout("ucf101", root).scan("train")
    with pytest.raises(ValueError, match="no video of UCF101 in it for split 'train'"):
        read_layout("ucf101", root).scan("train", allow_missing=True)
