"""What all built-in sets promise: known, all different, always the same, of any size."""

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy._core import _multiarray_umath as numpy_core
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.stills import read_strip
from vg_video.data.synthetic import SyntheticActions, SyntheticClip, SyntheticFaces, SyntheticRobot, SyntheticSet

SETS = (SyntheticFaces, SyntheticActions, SyntheticRobot)
MASKS = {SyntheticFaces: {"head", "mouth"}, SyntheticActions: {"person"}, SyntheticRobot: {"arm", "gripper", "objects"}}
DIGESTS = {
    SyntheticFaces: "5f6e92d7ae878cbe",
    SyntheticActions: "ab841cbdd768202d",
    SyntheticRobot: "4a8f3fed063a3524",
}

every_set = pytest.mark.parametrize("kind", SETS, ids=lambda kind: kind.__name__)


def digest(source: SyntheticSet) -> str:
    """Of three clips: pixels, masks and tracks, to the last bit."""
    total = hashlib.sha256()
    for index in (0, 7, 123_456_789):
        clip = source.clip(index)
        total.update(clip.frames.tobytes())
        for arrays in (clip.masks, clip.tracks):
            for name in sorted(arrays):
                total.update(arrays[name].tobytes())
    return total.hexdigest()[:16]


def same(a: SyntheticClip, b: SyntheticClip) -> bool:
    """Whether two clips agree in all."""
    arrays = [(a.frames, b.frames), *((a.masks[name], b.masks[name]) for name in a.masks)]
    arrays += [(a.tracks[name], b.tracks[name]) for name in a.tracks]
    known = (a.label, a.identity, a.factors) == (b.label, b.identity, b.factors)
    return known and all(np.array_equal(x, y) for x, y in arrays)


@every_set
def test_clip_is_a_function_of_seed_and_index_alone(kind):
    source = kind(seed=5, frames=4, resolution=24)
    backward = {index: source.clip(index) for index in reversed(range(8))}
    again, other = kind(seed=5, frames=4, resolution=24), kind(seed=6, frames=4, resolution=24)
    for index, clip in backward.items():
        assert same(clip, again.clip(index))
        assert not np.array_equal(clip.frames, other.clip(index).frames)
    for a, b in pairwise(backward.values()):
        assert not np.array_equal(a.frames, b.frames)


@every_set
def test_pixels_masks_and_tracks_are_the_same_on_every_machine(kind):
    assert digest(kind(seed=3, resolution=48)) == DIGESTS[kind]


def test_pixels_are_the_same_without_the_vector_instructions_of_this_processor():
    here = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__.get(name)]
    if not here:
        pytest.skip("NumPy knows of no optional instructions on this processor")
    kinds = ", ".join(kind.__name__ for kind in SETS)
    code = f"from test_synthetic_sets import *; print(*(digest(kind(seed=3, resolution=48)) for kind in ({kinds})))"
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(here), "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [DIGESTS[kind] for kind in SETS]


@every_set
def test_a_longer_clip_begins_like_a_shorter_one(kind):
    for index in range(3):
        short, long = (kind(frames=frames, resolution=24).clip(index) for frames in (5, 40))
        np.testing.assert_array_equal(long.frames[:5], short.frames)
        for name, track in short.tracks.items():
            np.testing.assert_array_equal(long.tracks[name][:5], track)


@every_set
def test_index_counts_classes_then_identities_then_takes(kind):
    source = kind(frames=1, resolution=16, identities=3)
    classes = source.classes or (None,)
    round_trip = 3 * len(classes)
    clips = [source.clip(index) for index in range(2 * round_trip)]
    assert [clip.label for clip in clips] == [*classes] * 6
    assert [clip.identity for clip in clips] == [number for number in (0, 1, 2) for _ in classes] * 2
    first, second = clips[4 % round_trip], clips[4 % round_trip + round_trip]
    assert first.appearance == second.appearance and first.motion.keys() == second.motion.keys()
    assert all(first.motion[name] != second.motion[name] for name in first.motion)
    for index, clip in enumerate(clips):
        assert source.index(clip.identity, clip.label, index // round_trip) == index


@every_set
def test_an_identity_looks_the_same_in_all_of_its_clips(kind):
    source = kind(frames=4, resolution=32, identities=12)

    def colors(index: int) -> np.ndarray:
        pixels = (source.clip(index).frames // 48).reshape(-1, 3) @ [36, 6, 1]
        return np.bincount(pixels, minlength=216) / len(pixels)

    labels = source.classes or (None,)
    one = np.array([colors(source.index(who, labels[0], 0)) for who in range(12)])
    other = np.array([colors(source.index(who, labels[-1], 5)) for who in range(12)])
    nearest = np.abs(other[:, None] - one[None]).sum(-1).argmin(1)
    assert (nearest == np.arange(12)).mean() > 0.8
    clips = [source.clip(source.index(7, label, take)) for label in labels[:2] for take in range(2)]
    assert all(clip.appearance == source.looks.look(7) for clip in clips)


@every_set
def test_neighboring_identities_differ_in_half_of_their_factors_and_use_all_values(kind):
    looks = [kind.looks.look(number) for number in range(1500)]
    different = [sum(a[name] != b[name] for name in a) for a, b in pairwise(looks)]
    assert np.mean(different) > len(looks[0]) / 2
    assert len({tuple(look.values()) for look in looks}) == len(looks)
    for name, values in kind.looks.factors.items():
        counts = [sum(look[name] == value for look in looks) for value in values]
        assert min(counts) > 0.65 * len(looks) / len(values), name


@every_set
@pytest.mark.parametrize(("frames", "resolution"), [(1, 16), (7, 33), (3, 100)])
def test_any_length_and_size_is_drawn(kind, frames, resolution):
    clip = kind(frames=frames, resolution=resolution).clip(1)
    assert clip.frames.shape == (frames, resolution, resolution, 3) and clip.frames.dtype == np.uint8
    assert clip.frames.std() > 15
    assert clip.masks.keys() == MASKS[kind]
    for mask in clip.masks.values():
        assert mask.shape == (frames, resolution, resolution) and mask.dtype == np.uint8
        assert mask.max() > 120
    for track in clip.tracks.values():
        assert len(track) == frames and track.dtype == np.float32 and np.isfinite(track).all()


@every_set
def test_resolution_changes_the_sharpness_only(kind):
    small, large = (kind(seed=1, frames=2, resolution=resolution).clip(3) for resolution in (48, 144))
    assert small.factors == large.factors
    shrunk = large.frames.reshape(2, 48, 3, 48, 3, 3).mean((2, 4))
    assert np.abs(shrunk - small.frames).mean() < 4  # gray levels
    for name, track in small.tracks.items():
        np.testing.assert_allclose(track, large.tracks[name], atol=1e-4)


@every_set
def test_nothing_jumps_from_frame_to_frame(kind):
    source = kind(resolution=32)
    for index in range(0, 70, 7):
        clip = source.clip(index)
        for name, track in clip.tracks.items():
            if track.ndim > 1:  # positions
                assert np.abs(np.diff(track, axis=0)).max() < 0.22, (index, name)
        change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean((1, 2, 3))
        assert change.mean() > 0 and change.max() < 16, index


@every_set
def test_folder_of_strips_is_read_back_without_loss_with_labels_and_factors(kind, tmp_path):
    source = kind(seed=2, frames=4, resolution=16, identities=2)
    count, seen = 2 * len(source.classes) or 3, []
    source.write_folder(tmp_path / "set", count, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (count, count)
    known = json.loads((tmp_path / "set/factors.json").read_text())
    assert len(known) == count
    for index, (name, told) in enumerate(known.items()):
        clip = source.clip(index)
        np.testing.assert_array_equal(read_strip(tmp_path / "set" / name), clip.frames)
        assert told == {"identity": clip.identity, "label": clip.label, **clip.factors}
        assert name == f"{clip.label + '/' if clip.label else ''}{clip.identity:04d}_{index:06d}.png"
    dataset = ClipDataset(tmp_path / "set", ClipConfig(frames=4, resolution=16, short="error"))
    assert len(dataset) == count and dataset.classes == tuple(sorted(source.classes))
    assert [path.name for path, _ in dataset.skipped] == ["factors.json"]


@every_set
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 0}, "frames=0"),
        ({"resolution": 15}, "resolution=15"),
        ({"identities": 0}, "identities=0"),
        ({"identities": 10**12}, r"identities=10{12}; 1 \.\. \d+ is wanted"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed=18446744073709551616"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)


@every_set
def test_clips_that_there_are_not_are_refused(kind, tmp_path):
    source = kind(frames=3, resolution=16, identities=4)
    label = source.classes[0] if source.classes else None
    assert source.clip(2**64 - 1).frames.shape == (3, 16, 16, 3)
    for index in (-1, 2**64):
        with pytest.raises(ValueError, match=f"index={index}"):
            source.clip(index)
    for identity, take in ((4, 0), (-1, 0), (0, -1)):
        with pytest.raises(ValueError, match=rf"identity={identity}, take={take}; 0 \.\. 3"):
            source.index(identity, label, take)
    with pytest.raises(ValueError, match="label='sleep'"):
        source.index(0, "sleep")
    with pytest.raises(ValueError, match=r"frames=3, count=5; at least 4"):
        source.write_folder(tmp_path, 5)
    with pytest.raises(ValueError, match="count=0"):
        kind().write_folder(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
