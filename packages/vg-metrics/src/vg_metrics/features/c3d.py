"""C3D fine-tuned on UCF101, the network behind the scores of TGAN and TGANv2 and of table 5.10 (5.3.5)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.base import UNVERIFIED, FeatureNetwork, file_digest, open_network
from vg_metrics.features.preprocess import central_frames, opencv_cubic, per_frame, to_levels, torch_bilinear
from vg_metrics.features.weights import Source, draw, fit, read_weights, rows

FRAMES, SIDE = 16, 112
WIDTH = 4096  # of fc6 and fc7
MEAN_SHAPE = (3, FRAMES, 128, 171)  # BGR, of 0..255, one mean for each frame and pixel

Layer = Literal["fc7", "logits", "prob"]
Preprocessing = Literal["tganv1", "tganv2"]

DESCRIPTIONS: dict[Preprocessing, str] = {
    "tganv1": "OpenCV cubic to 128x128, BGR of 0..256 minus columns 21:149 of the mean, rows and columns 8:120 of it",
    "tganv2": "bilinear with aligned corners to 112x112, BGR of 0..256 minus rows and columns 8:120 of the mean",
}


class C3D(nn.Module):
    """Eight convolutions 3x3x3 and three fully connected layers on clips of 16 frames (Tran et al., ICCV 2015).

    Args:
        classes: 101 for UCF101.
    """

    def __init__(self, classes: int = 101) -> None:
        super().__init__()
        self.conv1a = nn.Conv3d(3, 64, 3, padding=1)
        self.conv2a = nn.Conv3d(64, 128, 3, padding=1)
        self.conv3a, self.conv3b = nn.Conv3d(128, 256, 3, padding=1), nn.Conv3d(256, 256, 3, padding=1)
        self.conv4a, self.conv4b = nn.Conv3d(256, 512, 3, padding=1), nn.Conv3d(512, 512, 3, padding=1)
        self.conv5a, self.conv5b = nn.Conv3d(512, 512, 3, padding=1), nn.Conv3d(512, 512, 3, padding=1)
        self.fc6 = nn.Linear(512 * 4 * 4, WIDTH)
        self.fc7 = nn.Linear(WIDTH, WIDTH)
        self.fc8 = nn.Linear(WIDTH, classes)

    def features(self, clips: Tensor) -> Tensor:
        """Activations of fc7: clips (b, 3, 16, 112, 112), BGR of 0..255 minus the mean -> (b, 4096), not negative.

        Pools count windows that begin inside, as Caffe and Chainer do: the last makes 4 of 7 rows.
        """
        x = F.max_pool3d(F.relu(self.conv1a(clips)), (1, 2, 2), ceil_mode=True)
        for block in (
            (self.conv2a,),
            (self.conv3a, self.conv3b),
            (self.conv4a, self.conv4b),
            (self.conv5a, self.conv5b),
        ):
            for convolution in block:
                x = F.relu(convolution(x))
            x = F.max_pool3d(x, 2, ceil_mode=True)
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))

    def forward(self, clips: Tensor) -> Tensor:
        """Class logits: clips as for `features` -> (b, classes)."""
        return self.fc8(self.features(clips))

    def probabilities(self, clips: Tensor) -> Tensor:
        """Class probabilities, TGAN's "prob": clips as for `features` -> (b, classes)."""
        return self(clips).softmax(1)


def c3d_features(
    weights: str | Path = "random",
    mean: str | Path | None = None,
    *,
    layer: Layer = "fc7",
    preprocessing: Preprocessing = "tganv2",
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """C3D with the preprocessing of TGAN or TGANv2, ready to be called on clips (b, 3, t, h, w) of 16 frames or more.

    The two differ in the resize and in the part of the mean that is subtracted; their scores do not compare.

    Args:
        weights: path of conv3d_deepnetA_ucf.npz, never downloaded, or "random".
        mean: path of mean2.npz; random weights may do without and subtract 128.
        layer: "fc7" for Frechet distances, "logits" or "prob" for the Inception score.
        preprocessing: "tganv1" or "tganv2", see `DESCRIPTIONS`.
        seed: of the random weights.
        device: where the network runs.
    Raises:
        ValueError: if a file holds something else, the mean is missing, or layer or preprocessing are unknown.
        FileNotFoundError: if there is no such file.
    """
    if layer not in get_args(Layer):
        raise ValueError(f"layer is {layer!r}, wanted one of {', '.join(get_args(Layer))}")
    if preprocessing not in DESCRIPTIONS:
        raise ValueError(f"preprocessing is {preprocessing!r}, wanted one of {', '.join(DESCRIPTIONS)}")
    if mean is None and weights != "random":
        raise ValueError(f"{weights} needs the mean file that was published with it (mean2.npz)")
    network, label, checksum = open_network(
        weights, load, lambda: draw(C3D, seed), f"C3D, {layer}, {preprocessing}, {UNVERIFIED}"
    )
    runs: dict[Layer, Callable[[Tensor], Tensor]]
    runs = {"fc7": network.features, "logits": network, "prob": network.probabilities}
    subtracted, which = _open_mean(mean)
    return FeatureNetwork(
        network,
        runs[layer],
        partial(prepare_tganv1 if preprocessing == "tganv1" else prepare_tganv2, mean=subtracted),
        name=f"c3d/{layer}",
        label=label,
        checksum=checksum,
        width=WIDTH if layer == "fc7" else network.fc8.out_features,
        preprocessing=f"{FRAMES} central frames, {DESCRIPTIONS[preprocessing]} ({preprocessing}; mean: {which})",
        device=device,
    )


def prepare_tganv1(video: Tensor, mean: Tensor) -> Tensor:
    """TGAN's preprocessing: cubic to 128x128, BGR, minus the middle columns of the mean, the middle 112x112.

    Args:
        video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1] (not rounded); at least 16 frames.
        mean: (3, 16, 128, 171), BGR of 0..255.
    Returns:
        (b, 3, 16, 112, 112), float32.
    Raises:
        ValueError: if shape, length or range are others.
    """
    levels = to_levels(central_frames(video, FRAMES))
    clips = per_frame(lambda frame: opencv_cubic(frame, 128), levels).flip(1) - mean[..., 21:149].to(video.device)
    return clips[..., 8:120, 8:120]


def prepare_tganv2(video: Tensor, mean: Tensor) -> Tensor:
    """TGANv2's preprocessing: bilinear straight to 112x112, BGR, minus rows and columns 8:120 of the mean.

    Arguments, result and errors are those of `prepare_tganv1`. Chainer resizes with corners aligned.
    """
    levels = to_levels(central_frames(video, FRAMES))
    clips = per_frame(lambda frame: torch_bilinear(frame, SIDE, align_corners=True), levels)
    return clips.flip(1) - mean[..., 8:120, 8:120].to(video.device)


def load(source: Source) -> C3D:
    """The network with TGAN's weights: layout from documentation (the code that writes the file), unverified.

    Args:
        source: conv3d_deepnetA_ucf.npz (Chainer: conv1a/W, conv1a/b .. fc8/b), or a mapping with its keys. The number
            of classes is taken from fc8/b.
    Returns:
        The network in eval mode.
    Raises:
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; the first are named.
        FileNotFoundError: if there is no such file.
    """
    state = read_weights(source)
    return fit(lambda: C3D(rows(state, "fc8/b", 101)), state, source, "C3D", _chainer)


def load_mean(source: Source) -> Tensor:
    """The mean clip (3, 16, 128, 171), BGR of 0..255, of mean2.npz: layout from documentation, unverified.

    Raises:
        ValueError: if the file holds no array "mean" of that many values.
        FileNotFoundError: if there is no such file.
    """
    arrays = read_weights(source)
    if "mean" not in arrays or arrays["mean"].numel() != torch.Size(MEAN_SHAPE).numel():
        found = ", ".join(f"{key} {tuple(value.shape)}" for key, value in list(arrays.items())[:3])
        raise ValueError(f"{source} holds no mean clip of C3D: found {found or 'nothing'}, wanted mean {MEAN_SHAPE}")
    return arrays["mean"].float().reshape(MEAN_SHAPE)


def _open_mean(path: str | Path | None) -> tuple[Tensor, str]:
    """The mean clip and which it is, in words; 128 everywhere without a file."""
    if path is None:
        return torch.full(MEAN_SHAPE, 128.0), "128 everywhere"
    return load_mean(path), f"{Path(path).name}, sha256 {file_digest(Path(path))}"


def _chainer(key: str) -> str:
    """conv1a.weight -> conv1a/W."""
    return key.replace(".weight", "/W").replace(".bias", "/b")
