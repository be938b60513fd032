"""NATOPS in its official layout: 20 repetitions in each file, cut by segmentation.txt."""

from pathlib import Path

import numpy as np
import pytest
from vg_video.data import decoded
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.layouts import check, read_layout
from vg_video.data.layouts.natops import GESTURES, SUBJECTS

CONFIG = ClipConfig(frames=4, resolution=16, fit="resize", steps=(1, 1))
FILES = [(1, 1), (1, 2), (24, 1)]  # gesture, subject
PER_FILE = 25  # frames


def segmentation() -> str:
    """The text of all 480 files: repetition r is frames r .. r + 4, from 1."""
    lines = ["// NATOPS", ""]
    for subject in range(1, 21):
        lines.append(f"// Subject {subject}")
        for gesture in range(1, 25):
            lines.append(f"{subject},{gesture},20")
            lines += [f"{repetition}: {repetition},{repetition + 4}" for repetition in range(1, 21)]
            lines.append("")
    return "\r\n".join([*lines, "<eof>"])


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    for more, (gesture, subject) in enumerate(FILES):
        for kind in ("", "m", "d"):  # colors, mask, depth
            tiny.avi(tmp_path / f"data/gesture{gesture:02}/g{gesture:02}s{subject:02}{kind}.avi", PER_FILE + more)
    (tmp_path / "data/segmentation.txt").write_text(segmentation())
    return tmp_path


def test_a_video_is_one_repetition_of_one_gesture(root):
    listing = read_layout("natops", root)
    assert len(listing.videos) == 60 and listing.expected["videos"] == 9600
    first = listing.videos[0]
    assert (first.name, first.subject, first.source.label) == ("g01s01r01", "01", "i_have_command")
    assert (first.source.path.name, first.source.span) == ("g01s01.avi", (0, 5))
    assert [video.name for video in listing.videos[:4]] == ["g01s01r01", "g01s02r01", "g24s01r01", "g01s01r02"]
    assert {video.source.label for video in listing.videos} == {"i_have_command", "cut_engine"}
    assert len(GESTURES) == len(set(GESTURES)) == 24 and {"all_clear", "hot_brakes", "brakes_on"} <= set(GESTURES)
    assert len(listing.missing) == 477 and listing.missing[0].name == "gesture01/g01s03.avi"
    assert read_layout("natops", root / "data").videos == listing.videos


def test_15_subjects_train_and_5_test():
    from vg_video.data.layouts import split_subjects

    sides = split_subjects(SUBJECTS, 15, 5, seed=4)
    assert sorted(sides) == sorted(SUBJECTS) and list(sides.values()).count("train") == 15


def test_frames_are_those_of_the_segment_with_and_without_a_cache(root, tiny, tmp_path, monkeypatch):
    scan = read_layout("natops", root).scan(allow_missing=True)
    decodings: list[str] = []
    original = decoded._scaled
    monkeypatch.setattr(decoded, "_scaled", lambda *args: decodings.append(args[0].path.name) or original(*args))
    plain = ClipDataset(root, CONFIG, scan=scan)
    assert len(decodings) == 60
    decodings.clear()
    cached = ClipDataset(root, CONFIG, scan=scan, cache=tmp_path / "cache")
    assert set(decodings) == {"g01s01.avi", "g01s02.avi", "g24s01.avi"} and len(decodings) < 60
    assert len(list((tmp_path / "cache").iterdir())) == 3
    assert plain.fingerprint == cached.fingerprint
    light = tiny.frames(PER_FILE)[:, 0, 0, 0].astype(int)
    for dataset in (plain, cached):
        assert len(dataset) == 60
        for index in (0, 30, 59):
            repetition = int(index / 3) + 1
            assert dataset.starts(index) == 2
            clip = dataset.clip_at(index, 1)[0][0, :, 8, 8].numpy().astype(int)
            assert np.abs(clip - light[repetition : repetition + 4]).max() < 4  # the codec's loss; frames are 8 apart
    batches = [next(dataset.batches(12, seed=0)) for dataset in (plain, cached)]
    assert np.array_equal(batches[0].video, batches[1].video)


def test_a_missing_and_a_corrupt_file_are_named(root, tiny, tmp_path):
    (root / "data/gesture01/g01s02.avi").unlink()
    tiny.avi(root / "data/gesture24/g24s01.avi", 10)  # ends within the segments
    listing = read_layout("natops", root)
    assert any(name == "gesture01/g01s02.avi" for name, _ in listing.missing) and len(listing.missing) == 478
    report = check(listing)
    assert [(path.name, reason) for path, reason in report.corrupt] == [
        ("g24s01.avi", "10 frames; frames 0 to 23 are wanted")
    ]
    for cache in (None, tmp_path / "cache"):
        with pytest.raises(ValueError, match=r"g24s01\.avi: 10 frames; frames \d+ to \d+ are wanted"):
            ClipDataset(root, CONFIG, scan=listing.scan(allow_missing=True), cache=cache)
    dataset = ClipDataset(root, CONFIG, scan=listing.scan(allow_missing=True), skip_corrupt=True)
    assert len(dataset) == 26 and len(dataset.skipped) == 14
    with pytest.raises(ValueError, match=r"missing from NATOPS, the first: gesture01/g01s02\.avi"):
        listing.scan()


def test_segments_that_the_text_lacks_are_named(root):
    path = root / "data/segmentation.txt"
    path.write_text(path.read_text().replace("1,1,20\n1: 1,5\n", "1,1,19\n", 1))
    listing = read_layout("natops", root)
    assert len(listing.videos) == 59 and listing.missing[0].name == "g01s01r01 in segmentation.txt"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,20\n1:5,3\n", r"segmentation\.txt: line 2: frames 5 to 3; 1 <= first <= last is wanted"),
        ("1,25,20\n", r"segmentation\.txt: line 1: '1,25,20'; subject,gesture,n or n:first,last is wanted"),
        ("1:1,5\n", r"segmentation\.txt: line 1: '1:1,5'"),
        ("1,1,20\nwords\n", r"segmentation\.txt: line 2: 'words'"),
    ],
)
def test_a_text_that_is_none_is_refused_with_its_line(text, message, root):
    (root / "data/segmentation.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_layout("natops", root)


def test_a_folder_without_the_text_is_refused(root):
    (root / "data/segmentation.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"segmentation\.txt"):
        read_layout("natops", root)
