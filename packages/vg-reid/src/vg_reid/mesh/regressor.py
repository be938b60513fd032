"""A small net from a person crop to the pose, shape and azimuth of an Anny body, trained on renders alone.

It works as HMR does: starting at the mean of the training bodies, theta += delta(features, theta), three times.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vg_reid.mesh.body import BodyModel
from vg_reid.model_folder import SavedModel

AZIMUTH, CAMERA = 2, 3  # cosine and sine; scale, x and y
# The bones that move. About x, the body's left, they bend; about y, up, they twist; about z they lift sideways.
JOINTS = (
    *("upperleg01.L", "upperleg01.R", "lowerleg01.L", "lowerleg01.R"),
    *("upperarm01.L", "upperarm01.R", "lowerarm01.L", "lowerarm01.R"),
    *("spine03", "head"),
)
PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")


@dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """Sizes of the net and what it predicts."""

    system: str = field(default="vg-reid/body-regressor", init=False)  # written to config.json, checked on loading
    height: int = 128  # pixels that crops are resized to
    width: int = 64
    channels: tuple[int, ...] = (24, 48, 96, 160)  # of the stages, each at half the size of the one before
    hidden: int = 256
    iterations: int = 3
    joints: tuple[str, ...] = JOINTS
    phenotypes: tuple[str, ...] = PHENOTYPES

    def __post_init__(self) -> None:
        for name in ("hidden", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}, wanted at least 1")
        factor = 2 ** len(self.channels)
        if not self.channels or min(self.height, self.width) < factor or self.height % factor or self.width % factor:
            raise ValueError(f"{self.height}x{self.width} pixels, wanted multiples of {factor} for {self.channels}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the crops."""
        return self.height, self.width

    @property
    def theta(self) -> int:
        """How many numbers the net predicts."""
        return AZIMUTH + CAMERA + len(self.phenotypes) + 3 * len(self.joints)


class Theta(NamedTuple):
    """The numbers that describe a person in a crop."""

    azimuth: Tensor  # (b, 2): cosine and sine, of any length
    camera: Tensor  # (b, 3): scale, x, y of the crop's weak camera
    shape: Tensor  # (b, phenotypes), each in [0, 1]
    pose: Tensor  # (b, joints, 3): rotation vectors in radians, in the axes of the standing body

    @property
    def degrees(self) -> Tensor:
        """The azimuth (b,) in degrees, from -180 to 180."""
        return torch.rad2deg(torch.atan2(self.azimuth[:, 1], self.azimuth[:, 0]))

    def flat(self) -> Tensor:
        """All numbers in one row a person, (b, theta)."""
        return torch.cat([self.azimuth, self.camera, self.shape, self.pose.flatten(1)], dim=1)


class BodyRegressor(SavedModel):
    """From crops to theta, by three corrections of the mean.

    Inside, each number is counted in standard deviations from its mean over the training bodies.
    """

    config_type = RegressorConfig
    mean: Tensor
    deviation: Tensor

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        channels = 3
        for width in config.channels:
            layers += [_convolution(channels, width, stride=2), _convolution(width, width)]
            channels = width
        self.encoder = nn.Sequential(*layers)
        factor = 2 ** len(config.channels)
        places = (config.height // factor) * (config.width // factor)
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.features = nn.Linear(channels // 4 * places, config.hidden)
        self.correct = nn.Sequential(nn.Linear(config.hidden + config.theta, config.hidden), nn.ReLU())
        self.delta = nn.Linear(config.hidden, config.theta)
        nn.init.xavier_uniform_(self.delta.weight, gain=0.01)
        nn.init.zeros_(self.delta.bias)
        self.register_buffer("mean", torch.zeros(config.theta))
        self.register_buffer("deviation", torch.ones(config.theta))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Estimate in standard units, as the loss sees it.

        Args:
            images: (b, 3, height, width), normalized with ImageNet's mean and deviation.
        Returns:
            Theta (b, theta) after each iteration.
        """
        maps = self.reduce(self.encoder(images)).relu()
        features = self.features(maps.flatten(1)).relu()
        theta = features.new_zeros(len(images), self.config.theta)
        steps = []
        for _ in range(self.config.iterations):
            theta = theta + self.delta(self.correct(torch.cat([features, theta], dim=1)))
            steps.append(theta)
        return steps

    @torch.no_grad()
    def estimate(self, images: Tensor) -> Theta:
        """Estimate in degrees, meters and phenotypes; images as for `forward`."""
        return self.split(self(images)[-1] * self.deviation + self.mean)

    def split(self, flat: Tensor) -> Theta:
        """Take rows of `Theta.flat` apart; the shape is kept within [0, 1], the camera's scale above 0."""
        sizes = [AZIMUTH, CAMERA, len(self.config.phenotypes), 3 * len(self.config.joints)]
        azimuth, camera, shape, pose = flat.split(sizes, dim=1)
        camera = torch.cat([camera[:, :1].clamp_min(1e-3), camera[:, 1:]], dim=1)
        return Theta(azimuth, camera, shape.clamp(0, 1), pose.unflatten(1, (len(self.config.joints), 3)))

    @torch.no_grad()
    def standardize(self, bodies: Tensor) -> None:
        """Take mean and deviation from training bodies, rows of `Theta.flat`; the azimuth stays as it is."""
        self.mean.copy_(bodies.mean(0))
        self.deviation.copy_(bodies.std(0).clamp_min(1e-3))
        self.mean[:AZIMUTH], self.deviation[:AZIMUTH] = 0.0, 1.0


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def full_pose(body: BodyModel, joints: Sequence[str], pose: Tensor) -> Tensor:
    """Put turns (b, joints, 3) of some joints among those of a whole body, (b, j, 3); the others stand.

    Raises:
        ValueError: naming the joints that the body does not have.
    """
    if unknown := [joint for joint in joints if joint not in body.joints]:
        raise ValueError(f"the body has no joints {', '.join(unknown)}, wanted those that the regressor turns")
    whole = pose.new_zeros(len(pose), len(body.joints), 3)
    whole[:, [body.joints.index(joint) for joint in joints]] = pose
    return whole
