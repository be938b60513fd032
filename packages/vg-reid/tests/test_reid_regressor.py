"""The body regressor: what it predicts, the renders it learns from, its training and its azimuth error."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vg_reid.mesh.crop import WeakCamera
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.fixed import FixedBody
from vg_reid.mesh.parts import PARTS
from vg_reid.mesh.regressor import JOINTS, PHENOTYPES, BodyRegressor, RegressorConfig, Theta, full_pose
from vg_reid.mesh.regressor_data import FILLED, SIZE, clothing_parts, make_views, random_poses
from vg_reid.mesh.regressor_estimate import RegressorEstimator, estimate_sheet
from vg_reid.mesh.regressor_photos import Part, Views, draw_photos
from vg_reid.mesh.regressor_train import (
    RegressorState,
    RegressorTraining,
    angle_errors,
    estimate_all,
    held_out,
    regressor_losses,
    train,
)
from vg_reid.mesh.rotate import rotate
from vg_reid.seeds import seeded

SMALL = RegressorConfig(height=64, width=32, channels=(8, 16, 24), hidden=48)
CUBE = torch.tensor([[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
BOXES = {  # left, low, back to right, high, front, meters
    "torso": (-0.2, 0.85, -0.12, 0.2, 1.45, 0.12),
    "head": (-0.1, 1.45, -0.12, 0.1, 1.75, 0.12),
    "left arm": (0.2, 0.75, -0.06, 0.32, 1.45, 0.06),
    "right arm": (-0.32, 0.75, -0.06, -0.2, 1.45, 0.06),
    "left leg": (0.02, 0.0, -0.08, 0.18, 0.85, 0.08),
    "right leg": (-0.18, 0.0, -0.08, -0.02, 0.85, 0.08),
}
ROWS = 8  # boxes that each part is stacked of, so that its ends can be told from its middle


class BoxMan:
    """A body of boxes that keeps its pose; its height follows the shape."""

    joints = (*JOINTS, "tail")
    shape_names = PHENOTYPES

    def __init__(self) -> None:
        vertices, faces, parts = [], [], []
        for name, (left, low, back, right, high, front) in BOXES.items():
            size = torch.tensor([right - left, (high - low) / ROWS, front - back])
            for row in range(ROWS):
                corner = torch.tensor([(left + right) / 2, low + row * size[1].item(), (back + front) / 2])
                for a, b, c, d in SIDES:
                    faces += [[len(vertices) * 8 + i for i in (a, b, c)], [len(vertices) * 8 + i for i in (a, c, d)]]
                    parts += [1 + PARTS.index(name)] * 2
                vertices.append(CUBE * size + corner)
        self.vertices, self.faces, self.parts = torch.cat(vertices), torch.tensor(faces), torch.tensor(parts)

    def __call__(self, pose: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        shape = torch.full((1, len(PHENOTYPES)), 0.5) if shape is None else shape
        return self.vertices * (0.8 + 0.4 * shape[:, PHENOTYPES.index("height")])[:, None, None]


@pytest.fixture(scope="module")
def body() -> BoxMan:
    return BoxMan()


@pytest.fixture(scope="module")
def views(body: BoxMan) -> Views:
    return make_views(body, 96, seed=0)


def test_theta_is_taken_apart_as_it_was_put_together(rng: torch.Generator) -> None:
    net = BodyRegressor(SMALL)
    flat = torch.rand(5, SMALL.theta, generator=rng)
    theta = net.split(flat)
    torch.testing.assert_close(theta.flat(), flat)
    assert SMALL.theta == 2 + 3 + 6 + 30
    for row, degrees in zip(flat.tolist(), theta.degrees.tolist(), strict=True):
        assert degrees == pytest.approx(math.degrees(math.atan2(row[1], row[0])), abs=1e-3)


def test_the_net_corrects_the_mean_three_times(rng: torch.Generator) -> None:
    net = BodyRegressor(SMALL).eval()
    torch.nn.init.normal_(net.delta.weight, std=0.1, generator=rng)
    images = torch.randn(2, 3, 64, 32, generator=rng)
    features = net.features(net.reduce(net.encoder(images)).relu().flatten(1)).relu()
    theta = torch.zeros(2, SMALL.theta)
    steps = net(images)
    assert len(steps) == 3
    for step in steps:
        hidden = torch.cat([features, theta], 1) @ net.correct[0].weight.T + net.correct[0].bias
        theta = theta + hidden.relu() @ net.delta.weight.T + net.delta.bias
        torch.testing.assert_close(step, theta)


def test_without_a_correction_the_estimate_is_the_mean(rng: torch.Generator) -> None:
    net = BodyRegressor(SMALL).eval()
    torch.nn.init.zeros_(net.delta.weight)
    bodies = torch.rand(50, SMALL.theta, generator=rng)
    net.standardize(bodies)
    found = net.estimate(torch.randn(3, 3, 64, 32, generator=rng)).flat()
    torch.testing.assert_close(found[:, 2:], bodies.mean(0)[2:].expand(3, -1))
    torch.testing.assert_close(found[:, :2], torch.zeros(3, 2))  # no azimuth is the mean one


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="130x64 pixels, wanted multiples of 16"):
        RegressorConfig(height=130)
    with pytest.raises(ValueError, match="iterations=0"):
        RegressorConfig(iterations=0)


def test_turns_of_some_joints_are_put_among_all(body: BoxMan, rng: torch.Generator) -> None:
    pose = torch.randn(2, 2, 3, generator=rng)
    whole = full_pose(body, ("head", "upperleg01.L"), pose)
    torch.testing.assert_close(whole[:, body.joints.index("head")], pose[:, 0])
    torch.testing.assert_close(whole[:, body.joints.index("upperleg01.L")], pose[:, 1])
    assert whole.count_nonzero() == pose.numel()
    with pytest.raises(ValueError, match="no joints wing"):
        full_pose(body, ("head", "wing.L"), pose)


def test_parts_of_a_standing_body_are_where_people_have_them(body: BoxMan) -> None:
    parts, centers = clothing_parts(body), body.vertices[body.faces].mean(1)
    place = {part: centers[parts == part].mean(0) for part in Part if (parts == part).any()}
    heights = [
        place[part][1] for part in (Part.FOOT, Part.SHIN, Part.THIGH, Part.HIPS, Part.CHEST, Part.NECK, Part.FACE)
    ]
    assert heights == sorted(heights)
    assert place[Part.HAND][1] < place[Part.FOREARM][1] < place[Part.UPPER_ARM][1]
    assert place[Part.FACE][2] > 0 > place[Part.HAIR][2]
    assert place[Part.CHEST][2] > 0 > place[Part.BACK][2]
    assert place[Part.NAPE][1] > place[Part.BACK][1] and place[Part.NAPE][2] < 0


def test_a_body_without_parts_cannot_be_dressed() -> None:
    with pytest.raises(ValueError, match="the body has no parts"):
        clothing_parts(FixedBody(CUBE, torch.tensor([[0, 1, 2]])))


def test_poses_are_mirrored_on_average(rng: torch.Generator) -> None:
    pose = random_poses(4000, rng)
    left, right = (pose[:, JOINTS.index(f"upperarm01{side}")].mean(0) for side in (".L", ".R"))
    torch.testing.assert_close(left, right * torch.tensor([1.0, -1.0, -1.0]), atol=0.03, rtol=0)
    thighs = [pose[:, JOINTS.index(f"upperleg01{side}"), 0] for side in (".L", ".R")]
    assert torch.corrcoef(torch.stack(thighs))[0, 1] < -0.7  # legs swing against each other
    assert (pose[:, JOINTS.index("lowerleg01.L"), 0] > -0.4).all()  # knees do not bend the wrong way


def test_views_show_the_body_where_their_camera_says(body: BoxMan, views: Views) -> None:
    assert views.parts.shape == (96, *SIZE) and views.normals.shape == (96, 3, *SIZE)
    net = BodyRegressor(SMALL)
    theta = net.split(views.theta)
    vertices = rotate(body(shape=theta.shape), theta.degrees)
    for i in range(0, 96, 7):
        rows = (views.parts[i] > 0).any(1).nonzero()
        top, bottom = (1 - 2 * row.item() / SIZE[0] for row in (rows.min(), rows.max() + 1))
        scale, _, y = theta.camera[i].tolist()
        low, high = vertices[i, :, 1].min().item(), vertices[i, :, 1].max().item()
        assert top == pytest.approx(scale * (high + y), abs=0.09)  # the true camera is near, and looks down
        assert bottom == pytest.approx(scale * (low + y), abs=0.09)
        assert high - low == pytest.approx(2 * FILLED / scale, rel=1e-4)


def test_views_of_azimuth_0_show_the_front(body: BoxMan, views: Views) -> None:
    degrees = BodyRegressor(SMALL).split(views.theta).degrees
    front = (views.parts == Part.CHEST).sum((1, 2)) - (views.parts == Part.BACK).sum((1, 2))
    assert (front[degrees.abs() < 60] > 0).all()
    assert (front[degrees.abs() > 120] < 0).all()
    side = (views.parts == Part.FACE) * torch.arange(SIZE[1])
    face = side.sum((1, 2)) / (views.parts == Part.FACE).sum((1, 2))
    assert (face[(degrees > 60) & (degrees < 120)] > (SIZE[1] - 1) / 2).all()  # 90 degrees: towards the right
    assert (face[(degrees < -60) & (degrees > -120)] < (SIZE[1] - 1) / 2).all()


def test_views_are_a_function_of_the_seed(body: BoxMan, views: Views) -> None:
    told: list[int] = []
    again = make_views(body, 70, seed=0, progress=told.append)
    torch.testing.assert_close(again.theta, views.theta[:70])
    torch.testing.assert_close(again.parts, views.parts[:70])
    assert told == [64, 70]
    assert not torch.equal(make_views(body, 1, seed=1).theta, views.theta[:1])
    with pytest.raises(ValueError, match="count=0"):
        make_views(body, 0, seed=0)


def test_photos_are_a_function_of_the_generator(views: Views) -> None:
    first, theta = draw_photos(views, range(8), seeded(0, 1))
    again, _ = draw_photos(views, range(8), seeded(0, 1))
    other, _ = draw_photos(views, range(8), seeded(0, 2))
    assert first.shape == (8, 3, 128, 64) and first.isfinite().all()
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first - other).abs().mean() > 0.3
    torch.testing.assert_close(theta[:, 5:], views.theta[:8, 5:])
    torch.testing.assert_close(theta[:, :2], views.theta[:8, :2])


def test_the_camera_of_a_crop_says_where_the_person_is(views: Views) -> None:
    nobody = replace(views, parts=torch.zeros_like(views.parts))
    offsets = []
    for seed in range(30):
        photo, theta = draw_photos(views, [seed], seeded(seed))
        empty, _ = draw_photos(nobody, [seed], seeded(seed))
        person = ((photo - empty).abs().amax(1)[0] > 0.3).nonzero()
        if not len(person):
            continue
        center = (person.double().min(0).values + person.double().max(0).values + 1) / 2
        scale, x, _ = theta[0, 2:5].tolist()
        offsets.append(center[1].item() - (32 + 64 * scale * x))
    assert len(offsets) > 20
    assert abs(float(np.median(offsets))) < 2  # pixels; a few have something in front or somebody beside
    assert float(np.median(np.abs(offsets))) < 4


def test_losses_are_mean_squared_errors_in_standard_units(rng: torch.Generator) -> None:
    net, config = BodyRegressor(SMALL), RegressorTraining(net=SMALL)
    net.standardize(3 * torch.rand(20, SMALL.theta, generator=rng))
    found = [torch.randn(4, SMALL.theta, generator=rng) for _ in range(3)]
    theta = torch.rand(4, SMALL.theta, generator=rng)
    losses = regressor_losses(net, found, theta, config)
    spans = {"azimuth": (0, 2, 4.0), "camera": (2, 5, 1.0), "shape": (5, 11, 0.3), "pose": (11, 41, 1.0)}
    assert losses.keys() == spans.keys()
    for name, (start, stop, weight) in spans.items():
        total = 0.0
        for step in found:
            for b in range(4):
                for i in range(start, stop):
                    wanted = (theta[b, i] - net.mean[i]) / net.deviation[i]
                    total += (step[b, i] - wanted).item() ** 2
        assert losses[name].item() == pytest.approx(weight * total / (3 * 4 * (stop - start)), rel=1e-4)


def test_angles_are_compared_the_short_way_round() -> None:
    found = torch.tensor([179.0, -170.0, 10.0, 0.0, 350.0])
    wanted = torch.tensor([-179.0, 170.0, -10.0, 180.0, -10.0])
    errors = angle_errors(found, wanted)
    slow = [
        min(abs(a - b + 360 * k) for k in (-2, -1, 0, 1, 2))
        for a, b in zip(found.tolist(), wanted.tolist(), strict=True)
    ]
    assert errors.count == 5
    assert errors.mean == pytest.approx(sum(slow) / 5)
    assert errors.median == pytest.approx(sorted(slow)[2])
    assert errors.mean_interval[0] < errors.mean < errors.mean_interval[1]
    with pytest.raises(ValueError, match="0 angles"):
        angle_errors(torch.empty(0), torch.empty(0))


def test_the_interval_holds_the_mean_of_most_samples(rng: torch.Generator) -> None:
    truth = 45.0  # of uniform errors between 0 and 90
    hits = 0
    for seed in range(40):
        errors = angle_errors(90 * torch.rand(80, generator=rng), torch.zeros(80), seed)
        hits += errors.mean_interval[0] < truth < errors.mean_interval[1]
    assert 33 <= hits <= 40


def test_standing_misses_uniform_azimuths_by_90_degrees(views: Views) -> None:
    wanted = torch.linspace(-180, 180, 1001)[:-1]
    errors = angle_errors(torch.zeros_like(wanted), wanted)
    assert errors.mean == pytest.approx(90, abs=0.5) and errors.median == pytest.approx(90, abs=0.5)


def test_a_run_that_goes_on_equals_one_that_was_not_stopped(views: Views) -> None:
    config = RegressorTraining(net=SMALL, steps=4, batch_size=8, warm_up=1)
    whole = RegressorState(config, views, seed=3)
    assert [step.index for step in train(whole, views)] == [0, 1, 2, 3]
    first = RegressorState(config, views, seed=3)
    steps = train(first, views)
    next(steps), next(steps)
    second = RegressorState(config, views, seed=3)
    second.load_state_dict(first.state_dict())
    assert (second.step, second.epoch) == (2, 0)
    losses = [step.losses for step in train(second, views)]
    assert len(losses) == 2 and second.epoch == 1
    for key, value in whole.state_dict()["tensors"].items():
        torch.testing.assert_close(second.state_dict()["tensors"][key], value, rtol=0, atol=0)


def test_a_state_of_another_run_is_refused(views: Views) -> None:
    config = RegressorTraining(net=SMALL, steps=1, batch_size=4)
    state = RegressorState(config, views, seed=0).state_dict()
    with pytest.raises(ValueError, match="seed is 0, wanted 1"):
        RegressorState(config, views, seed=1).load_state_dict(state)
    with pytest.raises(ValueError, match=r"config\.steps is 1, wanted 2"):
        RegressorState(replace(config, steps=2), views, seed=0).load_state_dict(state)
    del state["tensors"]["net.delta.bias"]
    with pytest.raises(ValueError, match=r"the first is net\.delta\.bias"):
        RegressorState(config, views, seed=0).load_state_dict(state)


def test_settings_that_cannot_train_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size=0"):
        RegressorTraining(batch_size=0)
    with pytest.raises(ValueError, match="steps=-1"):
        RegressorTraining(steps=-1)


@pytest.mark.slow
def test_training_beats_standing_on_bodies_it_never_saw(body: BoxMan) -> None:
    views, others = make_views(body, 512, seed=0), make_views(body, 128, seed=1)
    config = RegressorTraining(net=SMALL, steps=1000, batch_size=32)
    state = RegressorState(config, views)
    for _ in train(state, views):
        pass
    photos, theta = held_out(others, SMALL, seed=0)
    wanted = state.net.split(theta).degrees
    found = angle_errors(estimate_all(state.net, photos).degrees, wanted)
    standing = angle_errors(torch.zeros_like(wanted), wanted)
    assert found.mean_interval[1] < standing.mean_interval[0]


def still_net(camera: tuple[float, float, float]) -> BodyRegressor:
    """A net that answers with one camera, whatever it sees."""
    net = BodyRegressor(SMALL).eval()
    torch.nn.init.zeros_(net.delta.weight)
    net.mean[:2] = torch.tensor([0.0, 1.0])
    net.mean[2:5] = torch.tensor(camera)
    net.mean[5:11] = 0.5
    return net


@pytest.mark.parametrize(
    ("size", "camera"),
    [((64, 128), (0.8, 0.1, 0.2)), ((128, 128), (0.8, 0.2, 0.2)), ((256, 128), (0.4, 0.4, 0.2))],
)
def test_the_camera_is_that_of_the_photos_square_box(
    body: BoxMan, size: tuple[int, int], camera: tuple[float, float, float]
) -> None:
    (found,) = RegressorEstimator(still_net((0.8, 0.1, 0.2)), body)([Image.new("RGB", size)])
    assert found.camera == pytest.approx(camera)
    assert found.azimuth == pytest.approx(90)
    torch.testing.assert_close(found.vertices, rotate(body()[0], 90.0))


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "RGBA"])
def test_photos_of_any_mode_and_of_2x2_pixels_are_taken(body: BoxMan, mode: str) -> None:
    image = Image.new(mode, (2, 2)) if mode != "I;16" else Image.fromarray(np.full((2, 2), 40000, np.uint16))
    (found,) = RegressorEstimator(still_net((0.8, 0.0, 0.0)), body)([image])
    assert found.vertices.isfinite().all()
    assert RegressorEstimator(still_net((0.8, 0.0, 0.0)), body)([]) == []


def test_a_model_folder_gives_the_same_estimates(tmp_path: Path, views: Views) -> None:
    state = RegressorState(RegressorTraining(net=SMALL, steps=0), views)
    state.net.save_pretrained(tmp_path / "model")
    photos, _ = held_out(views, SMALL, seed=0)
    loaded = BodyRegressor.from_pretrained(tmp_path / "model")
    assert loaded.config == SMALL
    for found, wanted in zip(estimate_all(loaded, photos), estimate_all(state.net, photos), strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_sheet_draws_the_body_where_the_camera_puts_it(body: BoxMan) -> None:
    photo = Image.new("RGB", (64, 128))
    here = MeshEstimate(body()[0], body.faces, 0.0, WeakCamera(0.5, 0.0, -0.875))
    lower = here.__class__(here.vertices, here.faces, 0.0, WeakCamera(0.5, 0.0, -1.375))
    sheet = np.asarray(estimate_sheet([photo, photo, photo], [here, lower, replace(here, camera=None)], columns=3))
    drawn = [sheet[:128, start + 64 : start + 128, 0] < 100 for start in (0, 132, 264)]  # blue on faded black
    rows = [np.nonzero(view.any(1))[0] for view in drawn]
    middle = [(row.min() + row.max()) / 2 for row in rows]
    assert middle[0] == pytest.approx(63.5, abs=1.5)
    assert middle[1] == pytest.approx(63.5 + 0.5 * 0.5 * 64, abs=1.5)
    assert len(rows[2]) > len(rows[0])  # without a camera: as large as fits
    with pytest.raises(ValueError, match="1 estimates of 2 photos"):
        estimate_sheet([photo, photo], [here])


def test_theta_in_one_row_is_azimuth_camera_shape_pose() -> None:
    theta = Theta(
        torch.full((1, 2), 1.0), torch.full((1, 3), 2.0), torch.full((1, 6), 3.0), torch.full((1, 10, 3), 4.0)
    )
    assert theta.flat()[0].tolist() == [1.0] * 2 + [2.0] * 3 + [3.0] * 6 + [4.0] * 30
