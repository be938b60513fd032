"""UvA-NEMO in its official layout: the file of details, both selections, what is missing or damaged."""

from pathlib import Path

import pytest
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import write_video
from vg_video.data.layouts import check, read_layout
from vg_video.data.layouts.uva_nemo import DETAILS

NAMES = [
    f"{subject:03}_{kind}_smile_{1 + subject % 3}.mp4"
    for subject in range(1, 11)
    for kind in ("deliberate", "spontaneous")
]
CONFIG = ClipConfig(frames=4, resolution=16, fit="resize")


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    for name in NAMES:
        write_video(tmp_path / "videos" / name, tiny.frames(12), 50)
    rows = "".join(f"{name}\t{name[:3]}\tfemale\t30\t{name.split('_')[1]}\r\n" for name in NAMES)
    (tmp_path / DETAILS).write_text("UvA-NEMO\r\n\r\n\r\nFilename\tSubject\r\n----\r\n" + rows)
    return tmp_path


def test_chapter_3_has_the_spontaneous_smiles_chapter_4_all_and_subjects_keep_their_side(root):
    spontaneous, both = read_layout("uva-nemo", root), read_layout("uva-nemo-chapter4", root)
    assert [video.name for video in spontaneous.videos] == [Path(name).stem for name in NAMES if "spontaneous" in name]
    assert len(both.videos) == 20 and not spontaneous.missing and spontaneous.classes == ()
    assert (spontaneous.expected["videos"], both.expected["videos"]) == (597, 1240)
    assert both.counts()["train subjects"] == 8 and both.counts()["test subjects"] == 2  # as 320 to 80
    sides = {video.subject: video.split for video in both.videos}
    assert len(sides) == 10 and all(sides[video.subject] == video.split for video in spontaneous.videos)
    assert len(spontaneous.scan("test").sources) == 2 and len(both.scan("test").sources) == 4


def test_the_split_depends_on_the_seed_and_not_on_what_is_missing(root):
    sides = [{v.subject: v.split for v in read_layout("uva-nemo", root, seed=seed).videos} for seed in (0, 0, 1, 2, 3)]
    assert sides[0] == sides[1] and len({tuple(side.items()) for side in sides}) > 1
    for name in NAMES[:2]:
        (root / "videos" / name).unlink()
    fewer = read_layout("uva-nemo", root)
    assert {video.subject: video.split for video in fewer.videos} == {k: v for k, v in sides[0].items() if k != "001"}
    assert fewer.counts()["subjects"] == 9 and [name for name, _ in fewer.missing] == ["001_spontaneous_smile_2.mp4"]


def test_a_missing_and_a_corrupt_video_are_named(root, tiny):
    (root / "videos/003_spontaneous_smile_1.mp4").unlink()
    tiny.break_off(root / "videos/004_spontaneous_smile_2.mp4")
    (root / "videos/005_spontaneous_smile_3.mp4").write_bytes(b"")
    listing = read_layout("uva-nemo", root)
    report = check(listing)
    assert report.missing == ("003_spontaneous_smile_1.mp4",) and not report.complete
    assert sorted(path.name for path, _ in report.corrupt) == [
        "004_spontaneous_smile_2.mp4",
        "005_spontaneous_smile_3.mp4",
    ]
    with pytest.raises(ValueError, match=r"1 missing from UvA-NEMO, the first: 003_spontaneous_smile_1\.mp4"):
        listing.scan()
    with pytest.raises(ValueError, match=r"005_spontaneous_smile_3\.mp4: .*empty"):
        listing.scan(allow_missing=True)
    scan = listing.scan(allow_missing=True, skip_corrupt=True)
    with pytest.raises(ValueError, match=r"004_spontaneous_smile_2\.mp4: (cut off|no video stream)"):
        ClipDataset(root, CONFIG, scan=scan)
    dataset = ClipDataset(root, CONFIG, scan=scan, skip_corrupt=True)
    assert len(dataset) == 7 and {path.name[:3] for path, _ in dataset.skipped} == {"004", "005"}
    assert dataset.classes == () and next(dataset.batches(2, seed=0)).label is None


def test_a_cropped_copy_without_details_is_read_by_its_names(tiny, tmp_path):
    tiny.jpegs(tmp_path / "001_spontaneous_smile_1.mp4")  # as the released code of G3AN has them
    tiny.jpegs(tmp_path / "002_spontaneous_smile_1")
    tiny.avi(tmp_path / "003_spontaneous_smile_1.avi")
    listing = read_layout("uva-nemo", tmp_path)
    assert {(video.subject, video.source.kind) for video in listing.videos} == {
        ("001", "frames"), ("002", "frames"), ("003", "file")
    }  # fmt: skip
    assert check(listing).missing == ()


def test_a_file_of_details_without_a_video_is_refused(root):
    (root / DETAILS).write_text("nothing\n")
    with pytest.raises(ValueError, match=r"File_Details\.txt: names no video"):
        read_layout("uva-nemo", root)
