"""Estimators of optical flow on scenes whose flow is known, against one another on real clips, and their files."""

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from vg_metrics.flow import DenseInverseSearch, LucasKanade, OpticalFlow, Raft, optical_flow
from vg_metrics.flow.base import to_gray
from vg_metrics.flow.lucas_kanade import _median, _warped

Move = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def texture(x, y, seed=0):
    """Waves of all directions, lengths of 5 to 80 pixels, at any position: (3, h, w), 0..255."""
    rng = torch.Generator().manual_seed(seed)
    waves, (low, high) = 24, (math.log(0.08), math.log(1.2))
    frequency = torch.exp(low + (high - low) * torch.rand(waves, 1, generator=rng))
    angle = 2 * math.pi * torch.rand(waves, 1, generator=rng)
    size = torch.rand(waves, 1, generator=rng) / (0.1 + frequency)
    turn = frequency * (angle.cos() * x.flatten() + angle.sin() * y.flatten())
    phase = 2 * math.pi * torch.rand(3, waves, 1, generator=rng)
    return (127.5 + 127.5 * (size * torch.sin(turn + phase)).sum(1) / size.sum()).view(3, *x.shape)


def scene(there: Move, back: Move, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two frames as bytes, (1, 3, 2, h, w), and the flow between them, (1, 1, 2, h, w)."""
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    frames = torch.stack([texture(x, y), texture(*back(x, y))], 1).round().byte()
    flow = torch.stack(there(x, y)) - torch.stack([x, y])
    return frames[None], flow[None, None]


def shift(dx: float, dy: float) -> tuple[Move, Move]:
    return (lambda x, y: (x + dx, y + dy)), (lambda x, y: (x - dx, y - dy))


def turn(angle: float, zoom: float = 1.0) -> tuple[Move, Move]:
    c, s = math.cos(angle), math.sin(angle)
    there = lambda x, y: (zoom * (c * x - s * y), zoom * (s * x + c * y))  # noqa: E731
    return there, (lambda x, y: ((c * x + s * y) / zoom, (c * y - s * x) / zoom))


MOVES = {
    "nothing": shift(0, 0),
    "a quarter pixel": shift(-0.25, 0.4),
    "a pixel": shift(1.3, -0.7),
    "some pixels": shift(4.5, -3.25),
    "rotation": turn(0.08),
    "zoom": turn(0, 1.06),
    "both": turn(-0.05, 0.95),
}


def error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """Mean endpoint error, pixels."""
    return (got - wanted).norm(dim=-3).mean().item()


@pytest.fixture(scope="module", params=["lucas-kanade", "dis"])
def estimator(request):
    if request.param == "dis":
        pytest.importorskip("cv2")
    return optical_flow(request.param)


@pytest.mark.parametrize("size", [(64, 64), (51, 77)])
@pytest.mark.parametrize("move", MOVES)
def test_known_motion_is_found_to_a_fraction_of_a_pixel(estimator, move, size):
    video, flow = scene(*MOVES[move], *size)
    found = estimator(video)
    assert found.shape == flow.shape and found.dtype == torch.float32
    assert error(found, flow) < (0.2 if move in ("rotation", "zoom", "both", "some pixels") else 0.1)
    assert error(found[..., 4:-4, 4:-4], flow[..., 4:-4, 4:-4]) < 0.15


def test_a_frozen_clip_has_no_flow(estimator, rng):
    video = torch.randint(256, (1, 3, 1, 40, 33), generator=rng, dtype=torch.uint8).expand(2, 3, 4, 40, 33)
    assert estimator(video).abs().max() < 1e-3


def test_each_pair_of_a_clip_is_estimated_alone_and_floats_are_their_bytes(estimator):
    clips = [scene(*MOVES[name], 32, 40)[0] for name in ("a pixel", "both")]
    video = torch.cat([torch.cat([clip, clip.flip(2)[:, :, 1:]], 2) for clip in clips])
    flows = estimator(video)
    assert flows.shape == (2, 2, 2, 32, 40)
    for clip in range(2):
        for t in range(2):
            pair = estimator.between(video[clip, :, t][None], video[clip, :, t + 1][None])
            torch.testing.assert_close(pair[0], flows[clip, t], rtol=0, atol=1e-4)
    torch.testing.assert_close(estimator(video / 127.5 - 1), flows, rtol=0, atol=0)


def test_an_object_moves_before_a_still_background(estimator, rng):
    still, thing = (
        torch.nn.functional.interpolate(
            torch.rand(1, 3, side // 4, side // 4, generator=rng), (side, side), mode="bicubic"
        )
        for side in (64, 24)
    )
    frames = torch.stack([still, still], 2).clamp(0, 1)
    for t, (x, y) in enumerate(((20, 16), (17, 18))):
        frames[:, :, t, y : y + 24, x : x + 24] = thing.clamp(0, 1)
    flow = estimator(2 * frames - 1)[0, 0]
    middle = flow[:, 22:34, 26:38].flatten(1).median(1).values
    torch.testing.assert_close(middle, torch.tensor([-3.0, 2.0]), rtol=0, atol=0.15)
    assert flow[:, 48:, :].norm(dim=0).mean() < 0.15


def weizmann(folder, count=6):
    """Some clips of persons, (count, 3, 5, 64, 64)."""
    clips = []
    for path in sorted(folder.glob("weizmann/*/*"))[::6][:count]:
        strip = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
        clips.append(torch.stack(strip.split(64, 2)[10:15], 1))
    return torch.stack(clips)


def test_both_agree_where_real_persons_move(realdata):
    pytest.importorskip("cv2")
    video = weizmann(realdata)
    flow, other = LucasKanade()(video), DenseInverseSearch()(video)
    length, difference = other.norm(dim=2), (flow - other).norm(dim=2)
    moving = length > 0.5
    assert moving.float().mean() > 0.02
    assert difference[moving].mean() < 0.6 * length[moving].mean()
    assert difference.mean() < 0.25


def test_the_flow_of_real_persons_explains_the_next_frame(realdata):
    """Warped back by its flow, the next frame is nearer to the frame than without: the flow is no other one's."""
    video = weizmann(realdata)
    first, second = (to_gray(v.transpose(1, 2).flatten(0, 1).float()) for v in (video[:, :, :-1], video[:, :, 1:]))
    flow = LucasKanade()(video).flatten(0, 1)
    change = (second - first).abs()
    left = (_warped(second, flow)[0] - first).abs()
    moving = change > 20
    assert left[moving].mean() < 0.5 * change[moving].mean()
    assert left.mean() < 0.7 * change.mean()


@pytest.mark.parametrize("size", ["small", "large"])
def test_raft_is_torchvisions_network_on_frames_it_can_take(size, tmp_path, rng):
    models = pytest.importorskip("torchvision.models.optical_flow")
    network = getattr(models, f"raft_{size}")(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "raft.pth")
    raft = Raft(tmp_path / "raft.pth", updates=2)
    assert raft.name == f"raft-{size}" and f"RAFT {size}, 2 updates, raft.pth (sha256 " in raft.label
    video = torch.randint(256, (1, 3, 2, 131, 128), generator=rng, dtype=torch.uint8)
    frames = torch.nn.functional.pad(video[0].transpose(0, 1) / 127.5 - 1, (0, 0, 0, 5), mode="replicate")
    with torch.no_grad():
        wanted = network(frames[:1], frames[1:], num_flow_updates=2)[-1]
    torch.testing.assert_close(raft(video)[0], wanted[..., :131, :])


def test_raft_enlarges_small_frames_and_brings_the_flow_back(tmp_path, rng):
    models = pytest.importorskip("torchvision.models.optical_flow")
    torch.save(models.raft_small(weights=None).state_dict(), tmp_path / "raft.pth")
    raft = Raft(tmp_path / "raft.pth", updates=1)
    given = []

    def shifted(first, second, num_flow_updates):
        given.append((first.shape, num_flow_updates))
        return [torch.ones(len(first), 2, *first.shape[2:]), 6 * torch.ones(len(first), 2, *first.shape[2:])]

    raft.network = shifted
    flow = raft(torch.randint(256, (1, 3, 3, 43, 50), generator=rng, dtype=torch.uint8))
    assert given == [((2, 3, 136, 152), 1)]  # three times as large, up to a multiple of 8
    assert torch.equal(flow, torch.full((1, 2, 2, 43, 50), 2.0))


def test_wrong_weights_are_named_and_missing_ones_too(tmp_path):
    pytest.importorskip("torchvision")
    torch.save({"fnet.conv1.weight": torch.zeros(1)}, tmp_path / "raft-things.pth")
    with pytest.raises(ValueError, match=r"raft-things.pth holds no torchvision RAFT large.*first feature_encoder"):
        optical_flow(tmp_path / "raft-things.pth")
    with pytest.raises(FileNotFoundError):
        optical_flow(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("library", "make"), [("cv2", lambda: optical_flow("dis")), ("torchvision", lambda: Raft("x"))]
)
def test_a_missing_library_is_said_in_one_line(library, make, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", None)
    with pytest.raises(ValueError, match=r'pip install "vg-metrics\[flow\]"'):
        make()


def test_labels_and_checksums_tell_estimators_apart():
    one, same, other = LucasKanade(), LucasKanade(), LucasKanade(window=4)
    assert one.label == same.label and one.checksum == same.checksum and len(one.checksum) == 64
    assert one.label != other.label and one.checksum != other.checksum
    assert isinstance(one, OpticalFlow)
    with pytest.raises(ValueError, match=r"damping=0: wanted positive numbers"):
        LucasKanade(damping=0)


def test_what_is_no_pair_of_frames_is_refused(estimator):
    with pytest.raises(ValueError, match=r"video has shape \(1, 3, 1, 32, 32\)"):
        estimator(torch.zeros(1, 3, 1, 32, 32))
    with pytest.raises(ValueError, match=r"shapes \(1, 3, 32, 32\) and \(1, 3, 32, 33\)"):
        estimator.between(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 33))
    with pytest.raises(ValueError, match="wanted floats in \\[-1, 1\\], or bytes"):
        estimator(torch.full((1, 3, 2, 32, 32), torch.nan))
    if isinstance(estimator, DenseInverseSearch):
        with pytest.raises(ValueError, match="12x40, wanted at least 16 pixels"):
            estimator(torch.zeros(1, 3, 2, 12, 40))


def test_the_fast_median_is_torchs(rng):
    flow = torch.randn(2, 2, 5, 7, generator=rng)
    padded = torch.nn.functional.pad(flow, (1, 1, 1, 1), mode="replicate")
    slow = torch.stack([padded[..., y : y + 5, x : x + 7] for y in range(3) for x in range(3)]).median(0).values
    assert torch.equal(_median(flow), slow)


def test_tiny_frames_have_flow_as_well():
    video, flow = scene(*shift(0.5, 0.25), 9, 11)
    assert error(LucasKanade()(video), flow) < 0.25
