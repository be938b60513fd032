"""The networks HMR and SPIN: from a crop to the pose and shape of SMPL and a camera, by repeated correction.

Both were written from their publications and public code and hold the shapes of the public checkpoints. No such file
could be tried here: what `hmr_official` says of them is from documentation, unverified.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from vg_reid.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from vg_reid.mesh.crop import WeakCamera, square_crop
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.rotate import rotation_matrix
from vg_reid.mesh.smpl import SMPLBody
from vg_reid.resnet import Bottleneck, Stage, init_weights, residual_stage

JOINTS, SHAPE, CAMERA = 24, 10, 3
ITERATIONS = 3
STAGES = (Stage(3, 64, 1), Stage(4, 128, 2), Stage(6, 256, 2), Stage(3, 512, 2))  # ResNet-50, 224 pixels to 7
FEATURES = STAGES[-1].width * Bottleneck.expansion
HIDDEN = 1024


class BodyParameters(NamedTuple):
    """What SMPL is posed with, in the axes of HMR: y down, z away from the camera."""

    rotations: Tensor  # (b, 24, 3, 3), of each joint against its parent; the first turns the whole body
    shape: Tensor  # (b, 10)
    camera: Tensor  # (b, 3): scale, x, y


class Backbone(nn.Module):
    """A ResNet-50 with torchvision's parameter names and without its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for i, stage in enumerate(STAGES, start=1):
            self.add_module(f"layer{i}", residual_stage(channels, stage))
            channels = stage.width * Bottleneck.expansion
        init_weights(self)

    def features(self, pixels: Tensor) -> Tensor:
        """Map (b, 3, 224, 224) to features (b, 2048); other sizes of 32 pixels or more work."""
        x = F.max_pool2d(self.bn1(self.conv1(pixels)).relu(), 3, stride=2, padding=1)
        for i in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{i}")(x)
        return x.mean(dim=(2, 3))


class HMR(Backbone):
    """Human Mesh Recovery: one vector theta of 85 numbers, camera 3, pose 72 (axis-angle), shape 10.

    Starting at the mean, theta += fc(features, theta), three times; ReLU and dropout after the first two layers.
    """

    THETA: ClassVar[int] = CAMERA + 3 * JOINTS + SHAPE
    mean_theta: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES + self.THETA, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.fc3 = nn.Linear(HIDDEN, self.THETA)
        nn.init.xavier_uniform_(self.fc3.weight, gain=0.01)
        mean = torch.zeros(1, self.THETA)
        mean[0, 0], mean[0, CAMERA] = 0.9, math.pi  # the camera's scale; the body's y axis up in a picture with y down
        self.register_buffer("mean_theta", mean)

    def forward(self, images: Tensor) -> BodyParameters:
        """Estimate bodies; images (b, 3, 224, 224) are RGB in [0, 1].

        The net itself reads BGR in [0, 1], as the public PyTorch weights were trained.
        """
        features = self.features(images.flip(1))
        theta = self.mean_theta.expand(len(images), -1)
        for _ in range(ITERATIONS):
            hidden = F.dropout(self.fc1(torch.cat([features, theta], 1)).relu(), training=self.training)
            theta = theta + self.fc3(F.dropout(self.fc2(hidden).relu(), training=self.training))
        camera, pose, shape = theta.split([CAMERA, 3 * JOINTS, SHAPE], dim=1)
        return BodyParameters(rotation_matrix(pose.unflatten(1, (JOINTS, 3))), shape, camera)


class SPIN(Backbone):
    """HMR as SPIN has it: pose in 6 numbers a joint, a last layer each for pose, shape and camera, and no ReLU."""

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES + 6 * JOINTS + SHAPE + CAMERA, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.decpose = nn.Linear(HIDDEN, 6 * JOINTS)
        self.decshape = nn.Linear(HIDDEN, SHAPE)
        self.deccam = nn.Linear(HIDDEN, CAMERA)
        for layer in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
        upright = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])  # no rotation, as view(3, 2)
        self.register_buffer("init_pose", upright.repeat(JOINTS)[None])
        self.register_buffer("init_shape", torch.zeros(1, SHAPE))
        self.register_buffer("init_cam", torch.tensor([[0.9, 0.0, 0.0]]))

    def forward(self, images: Tensor) -> BodyParameters:
        """Estimate bodies; images (b, 3, 224, 224) are RGB in [0, 1], normalized here with ImageNet's statistics."""
        mean, std = (images.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
        features = self.features((images - mean) / std)
        pose, shape, camera = (
            start.expand(len(images), -1) for start in (self.init_pose, self.init_shape, self.init_cam)
        )
        for _ in range(ITERATIONS):
            hidden = F.dropout(self.fc1(torch.cat([features, pose, shape, camera], 1)), training=self.training)
            hidden = F.dropout(self.fc2(hidden), training=self.training)
            pose = pose + self.decpose(hidden)
            shape = shape + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        return BodyParameters(rotation_6d_matrix(pose.unflatten(1, (JOINTS, 6))), shape, camera)


def rotation_6d_matrix(values: Tensor) -> Tensor:
    """Rotations from 6 numbers: (..., 6) to (..., 3, 3).

    The numbers are the first two columns, laid out row by row as (3, 2); Gram-Schmidt makes them orthonormal, the
    third column is their cross product.
    """
    first, second = values.unflatten(-1, (3, 2)).unbind(-1)
    first = F.normalize(first, dim=-1)
    second = F.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


class HMREstimator:
    """Photos to SMPL meshes, through HMR or SPIN.

    Args:
        net: one of the two, in eval mode.
        body: SMPL, on the same device.
    """

    def __init__(self, net: HMR | SPIN, body: SMPLBody) -> None:
        self.net, self.body = net, body

    @torch.no_grad()
    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        """Estimate bodies, as `vg_reid.mesh.estimate.Estimator` says; all photos go through the net together."""
        if not images:
            return []
        crops = torch.stack([square_crop(image) for image in images])
        found = self.net(crops.to(self.net.conv1.weight.device))
        vertices = y_up(self.body.posed(found.rotations, found.shape)).cpu()
        facing = y_up(found.rotations[:, 0, :, 2])  # where the body's own z axis points
        azimuths = torch.rad2deg(torch.atan2(facing[:, 0], facing[:, 2])).tolist()
        cameras = [WeakCamera(scale, x, -y) for scale, x, y in found.camera.tolist()]
        faces = self.body.faces.cpu()
        return [
            MeshEstimate(mesh, faces, azimuth, camera)
            for mesh, azimuth, camera in zip(vertices, azimuths, cameras, strict=True)
        ]


def y_up(points: Tensor) -> Tensor:
    """Turn points (..., 3) from HMR's axes (y down, z away from the camera) to y up, z towards it."""
    return points * points.new_tensor([1.0, -1.0, -1.0])
