"""The cache of decoded videos: found again by content, made anew when damaged, never half written."""

import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from vg_video.data import decoded
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import write_video
from vg_video.data.stills import write_strip

CONFIG = ClipConfig(frames=4, resolution=16)
OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    write_strip(tmp_path / "data/a.png", rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8))
    write_video(tmp_path / "data/b.mp4", rng.integers(0, 256, (20, 32, 48, 3), dtype=np.uint8))
    return tmp_path / "data"


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the videos that were decoded, in order."""
    seen: list[str] = []
    original = decoded._scaled

    def counted(source, resolution, fit):
        seen.append(source.path.name)
        return original(source, resolution, fit)

    monkeypatch.setattr(decoded, "_scaled", counted)
    return seen


def first_clips(folder: Path, cache: Path | None, config: ClipConfig = CONFIG) -> torch.Tensor:
    dataset = ClipDataset(folder, config, cache=cache)
    return torch.cat([batch.video for batch in islice(dataset.batches(4, seed=0), 5)])


def test_second_run_decodes_nothing_and_draws_the_same(folder, tmp_path, decodings):
    plain = first_clips(folder, None)
    assert torch.equal(first_clips(folder, tmp_path / "new/cache"), plain)
    assert sorted(decodings) == ["a.png", "a.png", "b.mp4", "b.mp4"]
    decodings.clear()
    assert torch.equal(first_clips(folder, tmp_path / "new/cache"), plain)
    assert decodings == []
    entries = list((tmp_path / "new/cache").iterdir())
    assert len(entries) == 2 and {path.suffix for path in entries} == {".rgb"}
    assert {path.stat().st_size for path in entries} == {20 * 16 * 16 * 3 + 32}


def test_renamed_video_is_found_and_changed_content_or_settings_are_not(folder, tmp_path, decodings):
    first_clips(folder, tmp_path / "cache")
    decodings.clear()
    (folder / "a.png").rename(folder / "c.png")
    shutil.copy(folder / "b.mp4", folder / "copy.mp4")
    first_clips(folder, tmp_path / "cache")
    assert decodings == []
    first_clips(folder, tmp_path / "cache", ClipConfig(frames=5, resolution=16, steps=(2, 3), flip=True))
    assert decodings == []  # how clips are cut does not matter
    first_clips(folder, tmp_path / "cache", ClipConfig(frames=4, resolution=16, fit="resize"))
    first_clips(folder, tmp_path / "cache", ClipConfig(frames=4, resolution=8))
    assert decodings.count("c.png") == 2  # once for each of the two
    decodings.clear()
    write_strip(folder / "c.png", np.zeros((20, 16, 16, 3), np.uint8))
    first_clips(folder, tmp_path / "cache")
    assert decodings == ["c.png"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "header"])
def test_damaged_entry_is_noticed_and_made_anew(damage, folder, tmp_path, decodings):
    plain = first_clips(folder, tmp_path / "cache")
    entry = sorted((tmp_path / "cache").iterdir())[0]
    data = bytearray(entry.read_bytes())
    decodings.clear()
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    if damage == "header":
        data[0] ^= 255
    entry.write_bytes({"cut": data[:-100], "emptied": b""}.get(damage, data))
    assert torch.equal(first_clips(folder, tmp_path / "cache"), plain)
    assert len(decodings) == 1
    decodings.clear()
    assert torch.equal(first_clips(folder, tmp_path / "cache"), plain)
    assert decodings == []


def test_full_disk_leaves_no_half_entry(folder, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("vg_video.data.files.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            ClipDataset(folder, CONFIG, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="counts open files in /proc")
def test_thousands_of_cached_videos_need_no_open_files(folder, tmp_path):
    for number in range(40):
        write_strip(folder / f"{number}.png", np.full((5, 16, 16, 3), number, np.uint8))
    before = len(list(OPEN_FILES.iterdir()))
    dataset = ClipDataset(folder, CONFIG, cache=tmp_path / "cache")
    next(dataset.batches(42, seed=0))
    assert len(list(OPEN_FILES.iterdir())) - before < 10


def test_memory_without_a_cache_is_limited(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("vg_video.data.clips.MAX_BYTES", 20_000)
    with pytest.raises(ValueError, match="the decoded videos pass 20000 bytes: name a cache folder"):
        ClipDataset(folder, CONFIG)
    assert len(ClipDataset(folder, CONFIG, cache=tmp_path / "cache")) == 2
