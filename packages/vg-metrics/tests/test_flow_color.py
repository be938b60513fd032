"""Middlebury colors against a public implementation's pictures, and what a color says."""

import colorsys

import numpy as np
import pytest
import torch
from vg_metrics.functional.flow_color import color_wheel, flow_to_color, flow_wheel


def test_the_wheel_is_the_public_one(fixtures):
    with np.load(fixtures / "flow" / "middlebury.npz") as file:
        assert np.array_equal(color_wheel(), file["wheel"])


@pytest.mark.parametrize("name", ["radial", "rotation", "translation", "noise", "zero", "beyond"])
def test_colors_are_the_public_ones_within_one(fixtures, name):
    with np.load(fixtures / "flow" / "middlebury.npz") as file:
        flow, wanted = file[f"flow_{name}"], file[f"rgb_{name}"].astype(int)
    got = flow_to_color(flow)
    assert got.dtype == torch.uint8 and got.shape == wanted.shape
    assert np.abs(got.int().numpy() - wanted).max() <= 1
    first = flow_to_color(torch.from_numpy(flow).permute(2, 0, 1)[None, None])
    assert torch.equal(first[0, 0].permute(1, 2, 0), got)


def test_flows_longer_than_a_fixed_radius_are_darker_as_in_public(fixtures):
    with np.load(fixtures / "flow" / "middlebury.npz") as file:
        flow, wanted = file["flow_beyond"], file["uv_rgb_beyond"].astype(int)
    assert np.abs(flow_to_color(flow, radius=1).int().numpy() - wanted).max() <= 1


def test_one_radius_makes_pictures_comparable_and_none_does_not():
    flow = torch.zeros(2, 2, 3, 5)
    flow[0, 0], flow[1, 0] = 1.0, 4.0  # to the right, slow and fast
    assert torch.equal(*flow_to_color(flow))
    slow, fast = flow_to_color(flow, radius=4)[:, :, 0, 0].tolist()
    assert fast == [255, 0, 0] and slow == [255, 191, 191]


def test_hue_tells_the_direction_and_white_rest():
    arrows = {"right": (1, 0), "down": (0, 1), "left": (-1, 0), "up": (0, -1)}
    hue = {}
    for name, (u, v) in arrows.items():
        color = flow_to_color(torch.tensor([u, v]).double().view(2, 1, 1))[:, 0, 0] / 255
        hue[name] = 360 * colorsys.rgb_to_hsv(*color.tolist())[0]
    assert hue["right"] == 0 and hue["right"] < hue["down"] < hue["left"] < hue["up"] < 360
    assert (flow_to_color(torch.zeros(2, 4, 4)) == 255).all()


def test_the_wheel_picture_is_white_in_the_middle_and_outside_and_red_at_the_right():
    wheel = flow_wheel(65)
    assert wheel.shape == (3, 65, 65) and wheel.dtype == torch.uint8
    assert wheel[:, 32, 32].tolist() == wheel[:, 0, 0].tolist() == [255, 255, 255]
    assert wheel[:, 32, 64].tolist() == [255, 0, 0]


def test_what_is_no_flow_is_refused():
    with pytest.raises(ValueError, match="flow holds 2 values that are not finite"):
        flow_to_color(torch.full((2, 1, 1), torch.nan))
    with pytest.raises(ValueError, match=r"shape \(3, 4, 5\), wanted"):
        flow_to_color(torch.zeros(3, 4, 5))
    with pytest.raises(ValueError, match="radius is 0"):
        flow_to_color(torch.zeros(2, 4, 5), radius=0)
    with pytest.raises(ValueError, match="side is 1"):
        flow_wheel(1)
