"""ACD-C and ACD-I against loops over frames, and what happens to frames without a face."""

import math

import pytest
import torch
from vg_metrics.functional.content import acd, embed_frames


def slow_acd(embeddings, given=None, squared=False):
    """One video, one pair of frames after another: (mean over videos, frames without a face)."""
    means, faceless = [], 0
    for video, frames in enumerate(embeddings.tolist()):
        faces = [frame for frame in frames if not math.isnan(frame[0])]
        faceless += len(frames) - len(faces)
        if given is None:
            pairs = [(p, q) for i, p in enumerate(faces) for q in faces[i + 1 :]]
        else:
            pairs = [(p, given[video].tolist()) for p in faces if not given[video].isnan().any()]
        distances = [math.dist(p, q) ** (2 if squared else 1) for p, q in pairs]
        if distances:
            means.append(sum(distances) / len(distances))
    return sum(means) / len(means), faceless


@pytest.mark.parametrize("squared", [False, True])
def test_acd_is_the_mean_over_pairs_of_frames_then_videos(squared, rng):
    embeddings, inputs = torch.randn(3, 5, 7, generator=rng), torch.randn(3, 7, generator=rng)
    assert acd(embeddings, squared=squared).value == pytest.approx(slow_acd(embeddings, squared=squared)[0], rel=1e-9)
    got = acd(embeddings, inputs, squared=squared)
    assert got.value == pytest.approx(slow_acd(embeddings, inputs, squared)[0], rel=1e-9)
    assert (got.skipped_frames, got.skipped_videos) == (0, [])


def test_frames_without_a_face_are_left_out_and_counted(rng):
    embeddings, inputs = torch.randn(4, 3, 6, generator=rng), torch.randn(4, 6, generator=rng)
    embeddings[0, 1] = torch.nan
    embeddings[1, 1:] = torch.nan  # one face: nothing to compare it with, but with its input
    embeddings[2] = torch.nan
    inputs[3] = torch.nan
    between, to_input = acd(embeddings), acd(embeddings.numpy(), inputs.numpy())
    assert (between.value, between.skipped_frames) == (pytest.approx(slow_acd(embeddings)[0]), 6)
    assert between.skipped_videos == [1, 2] == between.per_video.isnan().nonzero().flatten().tolist()
    assert to_input.value == pytest.approx(slow_acd(embeddings, inputs)[0])
    assert (to_input.skipped_frames, to_input.skipped_videos) == (6, [2, 3])


def test_equal_frames_have_no_distance_and_no_frames_no_value():
    still = torch.ones(2, 4, 3)
    assert acd(still).value == 0 == acd(still, torch.ones(2, 3)).value
    nothing = acd(still[:, :1])
    assert math.isnan(nothing.value) and nothing.skipped_videos == [0, 1]


def test_embedder_sees_every_frame_once_in_order(rng):
    video = torch.rand(3, 3, 5, 4, 6, generator=rng)
    sizes = []

    def embedder(frames):
        sizes.append(len(frames))
        return frames.mean((2, 3))

    embedded = embed_frames(video, embedder, batch_size=4)
    assert sizes == [4, 4, 4, 3]
    torch.testing.assert_close(embedded, video.mean((3, 4)).transpose(1, 2))


def test_what_is_no_embedding_is_refused():
    rows = torch.zeros(2, 3, 4)
    with pytest.raises(ValueError, match="wanted 3 axes, none of them 0"):
        acd(rows[0])
    with pytest.raises(ValueError, match=r"inputs have shape \(2, 5\), wanted \(2, 4\)"):
        acd(rows, torch.zeros(2, 5))
    rows[0, 0, 1] = torch.nan
    with pytest.raises(ValueError, match="embeddings hold 1 rows with some values that are not finite"):
        acd(rows)
    with pytest.raises(ValueError, match=r"made \(1, 3\) of 10 frames, wanted \(10, d\)"):
        embed_frames(torch.zeros(2, 3, 5, 4, 4), lambda frames: frames.mean((2, 3))[:1])
    with pytest.raises(ValueError, match=r"wanted \(b, 3, t, h, w\)"):
        embed_frames(torch.zeros(2, 3, 4, 4), torch.flatten)
