"""MUG in its official layout: takes as folders of frames, the released lists, what is missing or damaged."""

from pathlib import Path

import pytest
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.layouts import check, read_layout
from vg_video.data.layouts.mug import SUBJECTS, TEST_SUBJECTS
from vg_video.data.stills import write_strip

TAKES = {  # name: frames
    "001/anger/take000": 12,
    "001/happiness/take001end": 12,
    "002/session0/fear/take002nsg": 12,
    "002/session1/fear/take000": 70,
    "017/anger/take003": 12,
    "017/disgust/take001": 66,
}
CONFIG = ClipConfig(frames=4, resolution=16, fit="resize")


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    for name, count in TAKES.items():
        tiny.jpegs(tmp_path / "subjects3" / name, count)
    tiny.jpegs(tmp_path / "subjects3/017/neutral/take000", 8)
    (tmp_path / "subjects3/001/readme.txt").write_text("text")
    return tmp_path


def write_lists(folder: Path, *rows: str) -> Path:
    folder.mkdir()
    (folder / "train_none_neutral.csv").write_text("\n".join(["video,id,category,nframes", *rows[:-1]]) + "\n")
    old = "video,id,category,category_code,nframes"  # absolute paths, as in the lists that are not split
    (folder / "val.csv").write_text(f"{old}\r\n{rows[-1]}\r\n/data/x/MUG/data/017/neutral/take000,17,neutral,4,28\r\n")
    return folder


def test_takes_have_expression_subject_and_the_split_of_the_released_lists(root):
    listing = read_layout("mug", root)
    assert {video.name: (video.source.label, video.subject, video.split) for video in listing.videos} == {
        "001/anger/take000": ("anger", "001", "train"),
        "001/happiness/take001end": ("happiness", "001", "train"),
        "002/session0/fear/take002nsg": ("fear", "002", "train"),
        "002/session1/fear/take000": ("fear", "002", "train"),
        "017/anger/take003": ("anger", "017", "test"),
        "017/disgust/take001": ("disgust", "017", "test"),
    }
    assert not any(video.damage for video in listing.videos)
    assert listing.expected == {
        "videos": 931, "subjects": 52, "classes": 6, "train subjects": 42, "test subjects": 10
    }  # fmt: skip
    assert {name for name, _ in listing.missing} == set(SUBJECTS) - {"001", "002", "017"}
    assert ("034", "test") in listing.missing and ("006", "train") in listing.missing


def test_there_are_42_and_10_subjects_in_all():
    assert len(set(SUBJECTS)) == 52 and len(TEST_SUBJECTS & set(SUBJECTS)) == 10


def test_chapter_4_leaves_out_videos_of_less_than_64_frames_of_any_kind(root, tiny):
    listing = read_layout("mug-chapter4", root)
    assert [video.name for video in listing.videos] == ["002/session1/fear/take000", "017/disgust/take001"]
    assert listing.expected["videos"] == 1254 and listing.expected["subjects"] == 86
    for name, count in (("006/fear/take000", 64), ("006/fear/take001", 63)):  # a cropped copy, as strips
        (root / f"cropped/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        write_strip(root / f"cropped/{name}.png", tiny.frames(count)[:, :, :16])
    assert [video.name for video in read_layout("mug-chapter4", root / "cropped").videos] == ["006/fear/take000"]


def test_a_split_is_a_data_set_whose_classes_are_those_of_both(root):
    train = ClipDataset(root, CONFIG, scan=read_layout("mug", root).scan("train", allow_missing=True))
    test = ClipDataset(root, CONFIG, scan=read_layout("mug", root).scan("test", allow_missing=True))
    assert train.classes == test.classes == ("anger", "disgust", "fear", "happiness")
    assert len(train) == 4 and len(test) == 2 and train.fingerprint != test.fingerprint
    labels = {int(label) for label in next(test.batches(2, seed=0)).label}
    assert labels == {0, 1}
    with pytest.raises(ValueError, match=r"9 missing from MUG, the first: 034; allow_missing goes on"):
        read_layout("mug", root).scan("test")


def test_a_missing_and_a_corrupt_frame_are_named_and_their_videos_left_out_on_request(root):
    (root / "subjects3/001/anger/take000/img_0005.jpg").unlink()
    (root / "subjects3/002/session0/fear/take002nsg/img_0003.jpg").write_bytes(b"not a picture")
    picture = root / "subjects3/017/anger/take003/img_0004.jpg"
    picture.write_bytes(picture.read_bytes()[:-20])
    listing = read_layout("mug", root)
    assert {video.name: video.damage for video in listing.videos if video.damage} == {
        "001/anger/take000": "frames are missing: 1, the first img_0005.jpg",
        "002/session0/fear/take002nsg": "img_0003.jpg: neither a video nor a picture",
    }
    with pytest.raises(ValueError, match=r"001/anger/take000: frames are missing: 1, the first img_0005\.jpg"):
        listing.scan("train", allow_missing=True)
    dataset = ClipDataset(root, CONFIG, scan=listing.scan("train", allow_missing=True, skip_corrupt=True))
    assert len(dataset) == 2 and [path.name for path, _ in dataset.skipped] == ["take000", "take002nsg"]
    report = check(listing)
    assert not report.complete and len(report.missing) == 49
    assert sorted((path.parent.parent.name, path.name) for path, _ in report.corrupt) == [
        ("001", "take000"),
        ("017", "take003"),
        ("session0", "take002nsg"),
    ]
    assert any(reason.startswith("img_0004.jpg: not a picture that can be read") for _, reason in report.corrupt)
    assert {what: found for what, _, found in report.counts}["videos"] == 6


def test_released_lists_name_what_is_used_what_is_missing_and_how_long_it_is(root, tmp_path):
    lists = write_lists(
        tmp_path / "annotation",
        "/001/anger/take000,1,anger,12",
        "/001/anger/take001,1,anger,40",
        "/002/session0/fear/take002nsg,2,fear,15",
        "/data/x/MUG/data/017/disgust/take001,17,disgust,1,66",
    )
    listing = read_layout("mug", root, lists=lists)
    assert [video.name for video in listing.videos] == [
        "001/anger/take000", "002/session0/fear/take002nsg", "017/disgust/take001"
    ]  # fmt: skip
    assert listing.missing == (("001/anger/take001", "train"),)
    assert listing.videos[1].damage == "frames are missing: 3, the first img_0012.jpg"
    assert listing.expected == {"videos": 4, "subjects": 3}
    assert len(read_layout("mug", root, lists=lists / "val.csv").videos) == 1
    with pytest.raises(ValueError, match="1 missing from MUG, the first: 001/anger/take001"):
        listing.scan()
    assert len(listing.scan("test").sources) == 1  # what is missing is in the other split


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"bad\.csv: columns a, b; video, id, category, nframes are wanted"),
        ("", r"bad\.csv: columns nothing"),
        ("video,id,category,nframes\n/001/anger,1,anger,5\n", r"bad\.csv: line 2 names no video of MUG: '/001/anger'"),
        ("video,id,category,nframes\n/001/anger/take000,1,anger,x\n", r"bad\.csv: line 2"),
    ],
)
def test_lists_that_are_none_are_refused_by_name(text, message, root, tmp_path):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_layout("mug", root, lists=tmp_path / "bad.csv")


def test_two_copies_of_a_video_below_one_folder_are_refused(root, tiny):
    tiny.jpegs(root / "copy/001/anger/take000", 5)
    with pytest.raises(ValueError, match=r"both are 001/anger/take000; one of the two is wanted"):
        read_layout("mug", root)
