"""What a command reads of a folder: as the protocol says, each sample once, and what was read is known after."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_metrics.commands.distances import repeats
from vg_metrics.commands.sets import Samples, fit, open_network
from vg_metrics.definition import INPUTS
from vg_metrics.folders import load_clips
from vg_metrics.protocol import PROTOCOLS
from vg_metrics.statistics import Features, Origin, Statistics

PROTOCOL = replace(PROTOCOLS["thesis_ch4"], name="mine", frames=4, resolution=None)


def write_numbered(folder: Path, lengths: list[int]) -> Path:
    """Strips of 8x8 frames; the red level is the number of the clip, the green one that of the frame."""
    folder.mkdir()
    for clip, length in enumerate(lengths):
        frames = [np.full((8, 8, 3), (clip, t, 0), np.uint8) for t in range(length)]
        Image.fromarray(np.concatenate(frames, 1)).save(folder / f"{clip}.png")
    return folder


def numbers(samples: Samples) -> list[tuple[int, list[int]]]:
    """Number of the clip and numbers of its frames, of each sample."""
    return sorted((int(clip[0, 0, 0, 0]), clip[1, :, 0, 0].tolist()) for clip in samples)


def test_only_real_clips_are_taken_in_steps(tmp_path):
    clips = load_clips(write_numbered(tmp_path / "clips", [10, 11]))
    stepped = replace(PROTOCOL, step=3)
    assert numbers(Samples(clips, stepped, "real")) == [(0, [0, 3, 6, 9]), (1, [0, 3, 6, 9])]
    assert numbers(Samples(clips, stepped, "fake")) == [(0, [3, 4, 5, 6]), (1, [3, 4, 5, 6])]


def test_short_clips_are_left_out_and_listed(tmp_path):
    samples = Samples(load_clips(write_numbered(tmp_path / "clips", [4, 3, 5])), PROTOCOL, "real")
    assert [clip for clip, _ in numbers(samples)] == [0, 2]
    assert samples.skipped == ["1: 3 frames, wanted at least 4"]
    assert sorted(samples.names) == ["0", "2"] and samples.contents.keys() == {"0", "2"}


def test_no_more_are_read_than_wanted_and_always_the_same(tmp_path):
    clips = load_clips(write_numbered(tmp_path / "clips", [4] * 9))
    samples = [Samples(clips, PROTOCOL, "fake", most=5) for _ in range(2)]
    first, second = (numbers(each) for each in samples)
    assert first == second and len({clip for clip, _ in first}) == 5
    assert sorted(samples[0].names) == sorted(samples[0].contents)  # nothing else is in the fingerprint


def test_real_videos_are_drawn_from_several_times(tmp_path):
    clips = load_clips(write_numbered(tmp_path / "clips", [60, 60]))
    several = replace(PROTOCOL, position="random", draws=5)
    found = numbers(Samples(clips, several, "real"))
    assert found == numbers(Samples(clips, several, "real")) and len(found) == 10
    assert all(frames == list(range(frames[0], frames[0] + 4)) for _, frames in found)
    assert len({frames[0] for clip, frames in found if clip == 0}) > 2
    assert len(numbers(Samples(clips, several, "fake"))) == 2


def test_frames_are_brought_to_the_resolution():
    clip = torch.zeros(3, 2, 30, 40, dtype=torch.uint8)
    clip[..., 5:35] = 200  # the central square
    cropped, squeezed = (fit(clip, replace(PROTOCOL, resolution=10, fit=how)) for how in ("crop", "resize"))
    assert cropped.shape == squeezed.shape == (3, 2, 10, 10)
    assert (cropped == 200).all() and squeezed[0, 0, 5, 0] < 50
    assert fit(clip, PROTOCOL) is clip


def test_repeats_are_whole_groups_of_different_samples():
    features = Features(torch.arange(22.0)[:, None])
    protocol = replace(PROTOCOL, generated=5, repeats=3)
    groups = [group.kept("a test").flatten().tolist() for group in repeats(features, protocol)]
    assert groups == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert repeats(features, replace(PROTOCOL, generated=15, repeats=3)) == [features]
    assert repeats(features, replace(PROTOCOL, generated=90, repeats=3)) == [features]


def test_features_and_their_moments_are_at_the_same_distance(rng):
    x, y = torch.randn(9, 6, generator=rng), torch.randn(12, 6, generator=rng) + 1
    kept = Features(x), Features(y)
    moments = [Features(saved=each.moments) for each in kept]
    direct = kept[0].distance(kept[1])
    for one, other in ((moments[0], moments[1]), (kept[0], moments[1]), (moments[0], kept[1])):
        torch.testing.assert_close(one.distance(other), direct, rtol=1e-9, atol=0)
        assert (one.count, one.width) == (9, 6)


def test_statistics_survive_their_file(tmp_path, rng):
    origin = Origin(protocol=PROTOCOL.settings(), network="n", checksum="c", lossless=True, skipped=("one",))
    stats = Statistics(
        features=Features(torch.randn(5, 3, generator=rng)),
        motion=Features(torch.rand(5, 4, generator=rng)),
        energy=1.25,
        origin=origin,
    )
    for features in (False, True):
        stats.save(tmp_path / "stats.safetensors", features=features)
        loaded = Statistics.load(tmp_path / "stats.safetensors")
        assert (loaded.origin, loaded.energy) == (origin, 1.25)
        assert (loaded.features.values is None) is not features
        for one, other in ((stats.features, loaded.features), (stats.motion, loaded.motion)):
            torch.testing.assert_close(one.moments.scatter, other.moments.scatter)
            assert one.count == other.count


@pytest.mark.parametrize("name", ["thesis_ch3", "tganv2_ucf101_fid", "fvd2048_16f", "fid_cleanfid_like", "dgnet_reid"])
def test_networks_prepare_their_input_as_the_protocol_says(name):
    protocol = PROTOCOLS[name]
    network = open_network(protocol, "random")
    assert network.name.startswith(protocol.network) and network.name.endswith(f"/{protocol.layer}")
    words = network.preprocessing
    assert protocol.resize in words and INPUTS[protocol.network].pixels in words
    if protocol.frames > 1:
        assert words.startswith(f"{protocol.frames} central frames")
