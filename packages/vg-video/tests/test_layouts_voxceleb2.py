"""VoxCeleb2-mini out of VoxCeleb2 in its official layout."""

from collections import Counter
from pathlib import Path

import pytest
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import encode_video
from vg_video.data.layouts import Listing, check, read_layout

CONFIG = ClipConfig(frames=4, resolution=16)


@pytest.fixture
def root(tiny, tmp_path: Path) -> Path:
    data = encode_video(tiny.frames(8)[:, :, :16], ".mp4")
    for part, subjects in (("dev", range(12, 16)), ("test", range(17, 19))):
        for subject in subjects:
            for source in range(2 + subject % 3):
                for utterance in range(1, 4):
                    path = tmp_path / f"{part}/mp4/id{subject:05}/source-{source}_/{utterance:05}.mp4"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
    (tmp_path / "dev/mp4/id00012/notes.txt").write_text("text")
    return tmp_path


def chosen(listing: Listing) -> list[str]:
    return [video.name for video in listing.videos]


def test_two_utterances_of_two_sources_are_chosen_of_each_subject(root):
    listing = read_layout("voxceleb2-mini", root)
    assert Counter(video.subject for video in listing.videos) == dict.fromkeys(
        ("id00012", "id00013", "id00014", "id00015", "id00017", "id00018"), 2
    )
    assert len({(video.subject, video.source.path.parent.name) for video in listing.videos}) == 12
    assert {video.subject for video in listing.videos if video.split == "test"} == {"id00017", "id00018"}
    assert listing.expected == {"train videos": 11988, "train subjects": 5994} and not listing.missing
    assert listing.classes == () and len(ClipDataset(root, CONFIG, scan=listing.scan("train"))) == 8


def test_the_choice_depends_on_the_seed_and_not_on_other_subjects(root):
    first = chosen(read_layout("voxceleb2-mini", root))
    assert chosen(read_layout("voxceleb2-mini", root)) == first
    assert len({tuple(chosen(read_layout("voxceleb2-mini", root, seed=seed))) for seed in range(5)}) == 5
    (root / "dev/mp4/id00012").rename(root / "id00012")
    assert chosen(read_layout("voxceleb2-mini", root)) == first[2:]


def test_a_missing_and_a_corrupt_video_are_named(root, tiny):
    (root / "vox2_meta.csv").write_text(
        "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"
        + "".join(f"id{n:05} ,n{n:06} ,m ,{'dev' if n < 17 else 'test'} \n" for n in range(12, 19))
    )
    for path in sorted((root / "dev/mp4/id00015").rglob("*.mp4"))[1:]:
        path.unlink()
    listing = read_layout("voxceleb2-mini", root)
    tiny.break_off(listing.videos[0].source.path)
    assert [name for name, _ in listing.missing] == ["dev/mp4/id00015/*/*.mp4", "dev/mp4/id00016"]
    report = check(listing)
    assert report.missing == ("dev/mp4/id00015/*/*.mp4", "dev/mp4/id00016")
    assert [path for path, _ in report.corrupt] == [listing.videos[0].source.path]
    assert report.counts[1] == ("train subjects", 5994, 4)
    with pytest.raises(ValueError, match=r"2 missing from VoxCeleb2-mini, the first: dev/mp4/id00015"):
        listing.scan("train")
    scan = listing.scan("train", allow_missing=True)
    with pytest.raises(ValueError, match=r"0000\d\.mp4: (cut off|no video stream)"):
        ClipDataset(root, CONFIG, scan=scan)
    assert len(ClipDataset(root, CONFIG, scan=scan, skip_corrupt=True)) == 6


def test_one_source_gives_two_of_its_utterances(root):
    for source in (root / "dev/mp4/id00012").iterdir():
        if source.name != "source-1_" and source.is_dir():
            source.rename(root / f"{source.name}-elsewhere")
    videos = [video for video in read_layout("voxceleb2-mini", root).videos if video.subject == "id00012"]
    assert len({video.name for video in videos}) == 2


def test_a_folder_without_dev_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no video in it; dev/mp4/<subject>"):
        read_layout("voxceleb2-mini", tmp_path)
    (tmp_path / "dev/mp4/id00012/a").mkdir(parents=True)
    (tmp_path / "dev/mp4/id00012/a/00001.mp4").write_bytes(b"")
    (tmp_path / "vox2_meta.csv").write_text("nothing\n")
    with pytest.raises(ValueError, match=r"vox2_meta\.csv: names no subject of dev"):
        read_layout("voxceleb2-mini", tmp_path)
