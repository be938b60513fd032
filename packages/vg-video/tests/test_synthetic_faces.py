"""The built-in faces show known expressions, and masks and tracks say where and when."""

import dataclasses

import numpy as np
import pytest
from vg_video.data.synthetic import SyntheticClip, SyntheticFaces
from vg_video.data.synthetic.faces.expressions import EXPRESSIONS, Rig, rig
from vg_video.data.synthetic.faces.head import lens
from vg_video.data.synthetic.faces.looks import FACES
from vg_video.data.synthetic.faces.timing import course

every_expression = pytest.mark.parametrize("expression", EXPRESSIONS)


@dataclasses.dataclass(frozen=True)
class StillFaces(SyntheticFaces):
    """Heads that neither sway nor blink."""

    def _motion(self, draw):
        return super()._motion(draw) | {"sway": 0.0, "blink": 500.0, "blink_period": 1000.0}


def faces(expression: str, count: int, source: SyntheticFaces) -> list[SyntheticClip]:
    return [source.clip(source.index(identity, expression)) for identity in range(count)]


def centers(mask: np.ndarray) -> np.ndarray:
    """Of the mass of masks (t, h, w), in widths of the frame, (t, 2)."""
    places = (np.arange(mask.shape[-1]) + 0.5) / mask.shape[-1]
    mass = mask.sum((1, 2))
    return np.stack([(mask.sum(1) * places).sum(-1) / mass, (mask.sum(2) * places).sum(-1) / mass], -1)


def test_the_six_expressions_are_mugs():
    assert set(SyntheticFaces.classes) == {"anger", "disgust", "fear", "happiness", "sadness", "surprise"}


@pytest.mark.parametrize("index", range(0, 60, 7))
def test_sixteen_frames_hold_onset_apex_and_offset(index):
    clip = SyntheticFaces(resolution=16, frames=80).clip(index)
    intensity, strength = clip.tracks["intensity"], clip.motion["strength"]
    assert intensity[0] == intensity[15] == 0
    apex = intensity[:16].argmax()
    assert 0.75 <= strength <= 1 and intensity[apex] == pytest.approx(strength, abs=0.02)
    assert (np.diff(intensity[: apex + 1]) >= -1e-6).all() and (np.diff(intensity[apex:16]) <= 1e-6).all()
    assert (intensity[:16] > 0.95 * strength).sum() >= 2  # it stays
    assert intensity[16:].max() == pytest.approx(strength, abs=0.02)  # and comes again


@every_expression
def test_the_picture_follows_the_intensity_and_differs_most_at_the_apex(expression):
    for clip in faces(expression, 3, StillFaces()):
        intensity = clip.tracks["intensity"]
        change = np.abs(clip.frames.astype(int) - clip.frames[0]).mean((1, 2, 3))
        assert change[0] == 0 and change.argmax() in np.flatnonzero(intensity > 0.97 * intensity.max())
        assert np.corrcoef(change, intensity)[0, 1] > 0.93


@every_expression
def test_expression_moves_the_mouth_and_its_mask_lies_in_that_of_the_head(expression):
    for clip in faces(expression, 4, StillFaces()):
        head, mouth = clip.masks["head"].astype(int), clip.masks["mouth"].astype(int)
        assert (mouth <= head + 1).all()
        assert 0.1 < head.mean() / 255 < 0.6 and 0.003 < mouth.mean() / 255 < 0.05
        apex = clip.tracks["intensity"].argmax()
        change = np.abs(clip.frames[apex].astype(int) - clip.frames[0]).mean(-1)
        inside = np.maximum(mouth[0], mouth[apex]) > 127
        outside = np.maximum(head[0], head[apex]) == 0
        assert change[inside].mean() > 12
        assert change[inside].mean() > 10 * change[outside].mean()


def test_masks_and_tracks_agree_on_where_head_and_mouth_are():
    for clip in faces("happiness", 12, SyntheticFaces()):
        rest = clip.tracks["intensity"] == 0
        mouth = centers(clip.masks["mouth"])[rest]
        assert np.abs(mouth - clip.tracks["mouth"][rest]).max() < 0.025
        head = centers(clip.masks["head"]) - clip.tracks["head"]
        assert np.abs(head[:, 0]).max() < 0.04 and np.ptp(head, axis=0).max() < 0.07


def test_lids_close_and_open_again():
    source = SyntheticFaces(frames=120, resolution=16)
    for index in range(6):
        clip = source.clip(index)
        closed = clip.tracks["eyes"] < 0.1
        assert 2 <= closed.sum() <= 18 and (clip.tracks["eyes"] > 0.99).mean() > 0.8
        assert not (closed[1:] & closed[:-1]).all()
    motion = SyntheticFaces().clip(0).motion | {"sway": 0.0, "rest": 1000.0, "blink": 8.0, "blink_period": 50.0}
    way = course(motion, 16)
    assert way.lids[8] == 0 and way.lids[0] == way.lids[15] == 1

    @dataclasses.dataclass(frozen=True)
    class Blinking(SyntheticFaces):
        def _motion(self, draw):
            return motion

    clip = Blinking().clip(0)
    change = np.abs(clip.frames[8].astype(int) - clip.frames[0]).mean(-1)
    rows = np.flatnonzero(change.max(1) > 8)
    assert change.max() > 40 and len(rows) < 16  # only the eyes, in a band across the face
    assert not np.array_equal(clip.frames[8], clip.frames[0]) and np.array_equal(clip.frames[0], clip.frames[15])


def test_heads_sway_and_turn_and_no_two_alike():
    clips = [SyntheticFaces(frames=100, resolution=16).clip(index) for index in range(8)]
    for clip in clips:
        for name, least, most in (("yaw", 4, 20), ("roll", 1.5, 8), ("pitch", 1.5, 18)):
            assert least < np.abs(clip.tracks[name]).max() < most, name
        assert 0.01 < np.ptp(clip.tracks["head"][:, 0]) < 0.07
    yaws = np.array([clip.tracks["yaw"] for clip in clips])
    assert np.abs(np.corrcoef(yaws) - np.eye(8)).max() < 0.99


def test_an_expression_is_a_rig_in_proportion_to_its_intensity():
    half, full = rig("fear", np.array([0.5])), rig("fear", np.array([1.0]))
    assert all(2 * a == b for a, b in zip(half, full, strict=True))
    assert rig("fear", np.zeros(1)) == Rig(*np.zeros((len(Rig._fields), 1)))


def test_lens_is_the_distance_from_what_two_arcs_enclose():
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 301), np.linspace(-1.5, 1.5, 301))
    shape = lens(x[None], y[None], 1.0, -0.2, 0.4)[0]
    arch = 1 - x * x
    inside = (np.abs(x) < 1) & (y > -0.2 * arch) & (y < 0.4 * arch)
    assert ((shape < 0) == inside).mean() > 0.999
    closed = lens(x[None], y[None], 1.0, 0.3, 0.3)[0]
    assert (closed >= 0).all() and closed[:, np.abs(x[0]) > 1.01].min() > 0.009  # a line that ends at the corners


@pytest.mark.parametrize("name", ["shape", "eyes", "hair_style", "extra", "top", "backdrop", "skin", "iris"])
def test_every_value_of_a_factor_is_seen(name):
    source = StillFaces(frames=1, resolution=48)
    look, motion = FACES.look(11), source.clip(0).motion
    seen = [source._film("anger", look | {name: value}, motion)[0].film() for value in FACES.factors[name]]
    for i, one in enumerate(seen):
        assert all(np.abs(one.astype(int) - other).max() > 8 for other in seen[:i])
