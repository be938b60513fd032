"""Clips and batches: a pure function of seed and number, whatever the workers, ranks, pauses and the cache."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_video.data.clips import Batch, ClipConfig, ClipDataset
from vg_video.data.stills import write_strip
from vg_video.data.transforms import fit_frame, to_float, to_uint8

SIZE = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five labeled strips; frame t of video n is all of brightness t, with n in the first channel."""
    for number, (label, length) in enumerate([("run", 9), ("run", 30), ("wave", 12), ("wave", 61), ("jump", 17)]):
        frames = np.zeros((length, SIZE, SIZE, 3), np.uint8)
        frames[..., 0] = number
        frames[..., 1] = np.arange(length)[:, None, None]
        frames[..., : SIZE // 2, 2] = 255  # the left half, to see mirroring
        (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
        write_strip(tmp_path / "data" / label / f"{number}.png", frames)
    return tmp_path / "data"


def config(**changes: object) -> ClipConfig:
    return ClipConfig(**{"frames": 4, "resolution": SIZE, **changes})


def take(dataset: ClipDataset, count: int, batch_size: int = 6, **options: int) -> list[Batch]:
    return list(islice(dataset.batches(batch_size, seed=options.pop("seed", 3), **options), count))


def same(a: Batch, b: Batch) -> bool:
    return a.index == b.index and torch.equal(a.video, b.video) and torch.equal(a.label, b.label)


def test_batches_are_labeled_clips_in_minus_one_to_one(folder):
    dataset = ClipDataset(folder, config())
    assert dataset.classes == ("jump", "run", "wave") and len(dataset) == 5
    first, second = take(dataset, 2)
    assert (first.index, second.index) == (0, 1)
    assert first.video.shape == (6, 3, 4, SIZE, SIZE) and first.video.dtype == torch.float32
    assert first.video.min() == -1 and first.video.max() == 1
    number = ((first.video[:, 0, 0, 0, 0] + 1) * 127.5).round().long()
    assert [dataset.classes[label] for label in first.label] == [
        ("run", "run", "wave", "wave", "jump")[n] for n in number
    ]
    assert not same(first, second)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_batches_do_not_depend_on_workers_cache_or_pauses(workers, cached, folder, tmp_path):
    plain = take(ClipDataset(folder, config(flip=True)), 9)
    dataset = ClipDataset(folder, config(flip=True), cache=tmp_path / "cache" if cached else None)
    assert all(map(same, take(dataset, 9, workers=workers), plain))
    assert all(map(same, take(dataset, 4, workers=workers, start=5), plain[5:]))
    assert not any(map(same, take(dataset, 9, workers=workers, seed=4), plain))


def test_ranks_share_the_batch_of_one_process(folder):
    dataset = ClipDataset(folder, config())
    whole = take(dataset, 3)
    parts = [take(dataset, 3, rank=rank, world_size=3) for rank in range(3)]
    for index, batch in enumerate(whole):
        assert torch.equal(batch.video, torch.cat([part[index].video for part in parts]))
        assert torch.equal(batch.label, torch.cat([part[index].label for part in parts]))


def test_every_epoch_shows_each_video_once_in_another_order(folder):
    batches = take(ClipDataset(folder, config()), 10, batch_size=4)  # 40 clips: 8 epochs of 5, not aligned with batches
    numbers = torch.cat([((b.video[:, 0, 0, 0, 0] + 1) * 127.5).round().long() for b in batches]).view(8, 5)
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in numbers.tolist())
    assert len({tuple(epoch) for epoch in numbers.tolist()}) > 1


def frame_numbers(dataset: ClipDataset, index: int, count: int) -> np.ndarray:
    """The frame numbers of many clips of one video, (count, frames)."""
    generator = torch.Generator().manual_seed(0)
    return np.stack([dataset.clip(index, generator)[0][1, :, 0, 0].numpy() for _ in range(count)]).astype(int)


def test_time_steps_of_1_to_4_and_all_starts_that_fit_are_drawn(folder):
    dataset = ClipDataset(folder, config())
    for index, length in enumerate((17, 9, 30, 12, 61)):  # natural order: jump, run, run, wave, wave
        numbers = frame_numbers(dataset, index, 600)
        steps = np.diff(numbers, axis=1)
        assert (steps == steps[:, :1]).all()  # one step in a clip
        fitting = [step for step in (1, 2, 3, 4) if 3 * step < length]
        counts = [(steps[:, 0] == step).sum() for step in fitting]
        assert sum(counts) == 600 and min(counts) > 0.6 * 600 / len(fitting)  # 4.4.2: a random step between 1 and 4
        assert numbers.min() == 0 and numbers.max() == length - 1
        if length == 9:
            assert fitting == [1, 2]
            assert set(numbers[steps[:, 0] == 2, 0]) == {0, 1, 2}


def test_flip_mirrors_about_half_of_the_clips(folder):
    generator = torch.Generator().manual_seed(0)
    plain, flipped = ClipDataset(folder, config()), ClipDataset(folder, config(flip=True))
    assert all(plain.clip(1, generator)[0][2, 0, 0, 0] == 255 for _ in range(50))
    left = [bool(flipped.clip(1, generator)[0][2, 0, 0, 0] == 255) for _ in range(200)]
    right = [bool(flipped.clip(1, generator)[0][2, 0, 0, -1] == 255) for _ in range(200)]
    assert 70 < sum(left) < 130 and 70 < sum(right) < 130


def test_short_videos_are_skipped_and_counted_refused_or_repeated(folder):
    skipping = ClipDataset(folder, config(frames=16))
    assert len(skipping) == 3 and skipping.classes == ("jump", "run", "wave")
    assert [(path.name, reason) for path, reason in skipping.skipped] == [
        ("0.png", "9 frames; a clip needs 16"),
        ("2.png", "12 frames; a clip needs 16"),
    ]
    with pytest.raises(ValueError, match=r"0\.png: 9 frames; a clip needs 16"):
        ClipDataset(folder, config(frames=16, short="error"))
    looping = ClipDataset(folder, config(frames=16, short="loop"))
    assert len(looping) == 5 and not looping.skipped
    numbers = frame_numbers(looping, 1, 100)
    assert (np.diff(numbers, axis=1) % 9 == 1).all() and set(numbers[:, 0]) == set(range(9))


def test_no_video_long_enough_is_an_error_that_gives_an_example(folder):
    with pytest.raises(
        ValueError, match=r"none of its 5 videos can be used, e\.g\. \d\.png: \d+ frames; a clip needs 99"
    ):
        ClipDataset(folder, config(frames=99))


def test_progress_is_told_and_fingerprint_follows_names_and_contents(folder):
    seen = []
    dataset = ClipDataset(folder, config(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert dataset.fingerprint == ClipDataset(folder, config(resolution=8)).fingerprint
    (folder / "run/0.png").rename(folder / "run/00.png")
    renamed = ClipDataset(folder, config()).fingerprint
    assert renamed != dataset.fingerprint
    write_strip(folder / "run/00.png", np.zeros((9, SIZE, SIZE, 3), np.uint8))
    assert ClipDataset(folder, config()).fingerprint != renamed


def test_crop_is_the_center_of_the_scaled_frame_and_resize_the_whole_of_it():
    frame = np.random.default_rng(0).integers(0, 256, (20, 60, 3), dtype=np.uint8)
    scaled = np.asarray(Image.fromarray(frame).resize((30, 10), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(fit_frame(frame, 10, "crop").astype(int), scaled[:, 10:20], atol=1)
    tall = fit_frame(frame.swapaxes(0, 1).copy(), 10, "crop")
    np.testing.assert_allclose(tall.swapaxes(0, 1).astype(int), scaled[:, 10:20], atol=1)
    squeezed = np.asarray(Image.fromarray(frame).resize((10, 10), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(fit_frame(frame, 10, "resize"), squeezed)


def test_fitting_is_antialiased_and_leaves_fitting_frames_alone():
    checker = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert np.abs(fit_frame(checker, 16, "crop")[2:-2, 2:-2].astype(int) - 127.5).max() < 8
    np.testing.assert_array_equal(fit_frame(checker, 64, "resize"), checker)


def test_bytes_and_floats_turn_into_each_other_exactly():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 1, 16, 16).expand(2, 3, 1, 16, 16)
    floats = to_float(levels)
    assert floats.min() == -1 and floats.max() == 1
    np.testing.assert_array_equal(to_uint8(floats), levels.permute(0, 2, 3, 4, 1).numpy())
    assert to_uint8(torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2)).ravel().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 0}, "frames=0"),
        ({"resolution": 0}, "resolution=0"),
        ({"steps": (0, 4)}, r"steps=\(0, 4\)"),
        ({"steps": (3, 2)}, "1 <= least <= largest"),
        ({"fit": "stretch"}, "fit='stretch'"),
        ({"short": "pad"}, "short='pad'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ClipConfig(**changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5, "world_size": 2}, "batch_size=5 for rank 0 of 2"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 4, "rank": 2, "world_size": 2}, "rank 2 of 2"),
        ({"batch_size": 4, "start": -1}, "start=-1"),
    ],
)
def test_batches_that_cannot_be_are_refused_at_once(options, message, folder):
    with pytest.raises(ValueError, match=message):
        ClipDataset(folder, config()).batches(options.pop("batch_size"), seed=0, **options)


def test_error_in_a_worker_reaches_the_caller(folder, tmp_path):
    dataset = ClipDataset(folder, config(), cache=tmp_path / "cache")
    batches = dataset.batches(4, seed=0, workers=2)
    next(batches)
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError):
        list(islice(batches, 20))
