"""A built-in set goes wherever a folder of videos goes, without a folder."""

from itertools import islice

import pytest
import torch
from vg_video.data.clips import ClipDataset
from vg_video.data.initial import initial_frames
from vg_video.data.synthetic import SyntheticActions, SyntheticClips, SyntheticFaces, SyntheticRobot

FACES = SyntheticFaces(frames=4, resolution=16, identities=10)
ROBOT = SyntheticRobot(frames=4, resolution=16, identities=10)


def test_batches_are_those_of_a_dataset():
    dataset = SyntheticClips(FACES)
    assert isinstance(dataset, ClipDataset) and len(dataset) == 60 and dataset.classes == FACES.classes
    batch = next(dataset.batches(5, seed=0))
    assert batch.index == 0 and batch.video.shape == (5, 3, 4, 16, 16) and batch.video.dtype == torch.float32
    assert -1 <= batch.video.min() < -0.2 and 0.2 < batch.video.max() <= 1
    assert batch.label.dtype == torch.int64 and 0 <= batch.label.min() <= batch.label.max() < 6


def test_a_set_without_classes_has_no_labels():
    dataset = SyntheticClips(ROBOT)
    assert dataset.classes == () and len(dataset) == 10
    assert next(dataset.batches(3, seed=0)).label is None
    assert dataset.clip(0, torch.Generator())[1] is None


def test_batch_is_a_function_of_seed_and_number():
    dataset = SyntheticClips(ROBOT)
    in_turn = list(islice(dataset.batches(4, seed=7), 6))
    for workers in (0, 2):
        for batch, again in zip(in_turn[3:], dataset.batches(4, seed=7, start=3, workers=workers), strict=False):
            assert again.index == batch.index and torch.equal(again.video, batch.video)
    halves = [next(dataset.batches(4, seed=7, start=2, rank=rank, world_size=2)).video for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), in_turn[2].video)
    assert not torch.equal(next(dataset.batches(4, seed=8)).video, in_turn[0].video)


def test_an_epoch_shows_each_class_of_each_identity_once_and_no_clip_comes_again():
    dataset = SyntheticClips(FACES, classes=["fear", "anger"], identities=[2, 5, 7])
    batches = list(islice(dataset.batches(6, seed=1), 3))
    for batch in batches:
        assert batch.label.bincount().tolist() == [3, 3]
    clips = torch.cat([batch.video for batch in batches])
    for i, clip in enumerate(clips):
        assert not any(torch.equal(clip, other) for other in clips[:i])


def test_labels_and_identities_are_those_that_were_asked_for():
    dataset = SyntheticClips(FACES, classes=["fear", "anger"], identities=range(3, 6))
    assert dataset.classes == ("fear", "anger") and len(dataset) == 6
    for index in range(6):
        pixels, label = dataset.clip_at(index, 2)
        clip = FACES.clip(FACES.index(3 + index // 2, dataset.classes[label], take=2))
        assert label == index % 2
        assert torch.equal(pixels, torch.from_numpy(clip.frames).movedim(-1, 0))


def test_parts_of_the_identities_share_nothing():
    train, test = (SyntheticClips(FACES, identities=part) for part in (range(8), range(8, 10)))
    assert len(train) + len(test) == len(SyntheticClips(FACES))
    looks = [{tuple(FACES.looks.look(number).values()) for number in dataset._identities} for dataset in (train, test)]
    assert not looks[0] & looks[1]


def test_initial_frames_of_test_videos_are_drawn_as_from_a_folder():
    dataset = SyntheticClips(FACES, identities=range(2))
    frames = list(initial_frames(dataset, 3))
    assert len(frames) == 3 * len(dataset)
    assert all(torch.equal(frame.image, frame.clip[:, 0]) for frame in frames)
    assert len({frame.start for frame in frames}) > 3


def test_fingerprint_tells_sets_apart():
    datasets = [
        SyntheticClips(FACES),
        SyntheticClips(ROBOT),
        SyntheticClips(SyntheticFaces(seed=1, frames=4, resolution=16, identities=10)),
        SyntheticClips(FACES, classes=["fear"]),
        SyntheticClips(FACES, identities=range(5)),
    ]
    assert len({dataset.fingerprint for dataset in datasets}) == 5
    assert SyntheticClips(FACES).fingerprint == datasets[0].fingerprint


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        (FACES, {"classes": ["joy"]}, r"classes=\['joy'\]; some of \('happiness'"),
        (FACES, {"classes": []}, r"classes=\[\]"),
        (ROBOT, {"classes": ["push"]}, r"classes=\['push'\]"),
        (FACES, {"identities": range(8, 12)}, r"identities: \[10, 11\] asked for; some of 0 \.\. 9 are wanted"),
        (FACES, {"identities": []}, "identities: none"),
    ],
)
def test_what_is_not_in_the_set_is_refused(source, settings, message):
    with pytest.raises(ValueError, match=message):
        SyntheticClips(source, **settings)


def test_takes_and_clips_that_there_are_not_are_refused():
    dataset = SyntheticClips(SyntheticActions(frames=1, resolution=16), classes=["run"], identities=[4])
    with pytest.raises(ValueError, match=r"start=64; 0 \.\. 63"):
        dataset.clip_at(0, 64)
    with pytest.raises(IndexError, match="clip 1 of 1"):
        dataset.clip_at(1, 0)
