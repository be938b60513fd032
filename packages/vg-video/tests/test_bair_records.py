"""BAIR robot pushing: frames and motion of every episode; what is damaged or something else is named."""

import numpy as np
import pytest
from vg_video.data.bair import count_episodes, read_episode, read_motion


def test_frames_of_both_cameras_and_the_motion_come_back(records, tmp_path):
    path = tmp_path / "traj_0_to_1.tfrecords"
    records.write_bair(path, 2)
    assert count_episodes(path) == 2
    for number in (1, 0):
        known = records.episode(number)
        for camera in ("image_aux1", "image_main"):
            frames = read_episode(path, number, camera)
            assert (frames.shape, frames.dtype) == ((30, 64, 64, 3), np.uint8)
            assert [frame.tobytes() for frame in frames] == [known[f"{t}/{camera}/encoded"] for t in range(30)]
        motion = read_motion(path, number)
        assert (motion.actions.shape, motion.positions.shape) == ((30, 4), (30, 3))
        assert motion.actions.tolist() == [known[f"{t}/action"] for t in range(30)]
        assert motion.positions.tolist() == [known[f"{t}/endeffector_pos"] for t in range(30)]
    np.testing.assert_array_equal(read_episode(path, 1), read_episode(path, 1, "image_aux1"))


def test_a_damaged_episode_is_named_and_the_others_are_read(records, tmp_path):
    path = tmp_path / "traj.tfrecords"
    records.write_bair(path, 2)
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    assert count_episodes(path) == 2
    assert read_episode(path, 0).shape == (30, 64, 64, 3)
    for read in (read_episode, read_motion):
        with pytest.raises(ValueError, match=r"traj.tfrecords: record 1 is damaged"):
            read(path, 1)
    path.write_bytes(data[:-1000])
    with pytest.raises(ValueError, match=r"traj.tfrecords: cut off after \d+ of \d+ bytes, in record 1"):
        count_episodes(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("17/image_aux1/encoded", None, "no feature '17/image_aux1/encoded' among its 119; an episode has 30 steps"),
        (
            "3/image_aux1/encoded",
            b"\xff\xd8\xff",
            r"feature '3/image_aux1/encoded' holds 3 values; 12288 \(64, 64, 3\)",
        ),
        ("3/image_aux1/encoded", [1.0], "feature '3/image_aux1/encoded' holds floats; bytes are wanted"),
        ("29/action", [1.0] * 3, r"feature '29/action' holds 3 values; 4 \(4,\) are wanted"),
        ("0/endeffector_pos", b"abc", "feature '0/endeffector_pos' holds bytes; floats are wanted"),
    ],
)
def test_records_of_another_schema_are_refused_by_name(name, value, message, records, tmp_path):
    episode = records.episode()
    if value is None:
        del episode[name]
    else:
        episode[name] = value
    path = tmp_path / "other.tfrecords"
    path.write_bytes(records.record(records.example({})) + records.record(records.example(episode)))
    with pytest.raises(ValueError, match=f"other.tfrecords: record 1: {message}"):
        (read_episode if "image" in name else read_motion)(path, 1)
    with pytest.raises(ValueError, match=r"other.tfrecords: record 0: no feature '0/image_aux1/encoded' among its 0"):
        read_episode(path, 0)


def test_a_record_that_is_no_message_and_a_camera_that_is_none_are_refused(records, tmp_path):
    path = tmp_path / "text.tfrecords"
    path.write_bytes(records.record(b"\x0a\x7f"))
    with pytest.raises(ValueError, match=r"text.tfrecords: record 0: malformed protobuf"):
        read_episode(path, 0)
    with pytest.raises(ValueError, match="camera='image_aux2'; one of image_aux1, image_main"):
        read_episode(path, 0, "image_aux2")


def test_official_files_are_read(realdata):
    paths = sorted((realdata / "bair_tfds").rglob("*.tfrecords"))
    assert [(path.parent.name, count_episodes(path)) for path in paths] == [("test", 1), ("train", 1)]
    for path in paths:
        for camera, color in (("image_aux1", (0, 255, 0)), ("image_main", (0, 0, 255))):  # stand-ins of one color
            assert (read_episode(path, 0, camera) == color).all()
        motion = read_motion(path, 0)
        assert np.isfinite(motion.actions).all() and len(np.unique(motion.positions, axis=0)) == 30
