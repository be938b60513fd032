"""vg-metrics on two folders of clips: how far are the generated ones from the real ones?

Run `python examples/score_two_folders.py [REAL FAKE [WEIGHTS]]`. The folders hold clips as PNG strips: 16 or more
square frames side by side; without folders two small sets are drawn. WEIGHTS is resnext-101-kinetics.pth; without it
the features are random.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from vg_metrics.features import video_features
from vg_metrics.functional import Moments, kernel_distance, motion_energy


def read_strips(folder: Path) -> list[Tensor]:
    """The clips of a folder, each uint8 (3, t, h, w); a strip is as high as a frame."""
    strips = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    return [torch.from_numpy(np.stack(np.split(s, s.shape[1] // s.shape[0], 1))).permute(3, 0, 1, 2) for s in strips]


def draw_strips(folder: Path, speed: int, count: int = 4) -> Path:
    """Write clips of a bright bar that moves by `speed` pixels a frame: 16 frames of 32 x 32."""
    folder.mkdir()
    for i in range(count):
        frames = np.random.default_rng(i).integers(0, 60, (16, 32, 32, 3), dtype=np.uint8)
        for t, frame in enumerate(frames):
            left = (4 * i + speed * t) % 26
            frame[8:24, left : left + 6] = 200
        Image.fromarray(np.concatenate(list(frames), axis=1)).save(folder / f"{i}.png")
    return folder


def main(real: Path, fake: Path, weights: str) -> None:
    features = video_features(weights)
    print(features.label)
    clips = {side: read_strips(folder) for side, folder in (("real", real), ("fake", fake))}
    x, y = (features.extract(clips[side]) for side in ("real", "fake"))
    distance, error = kernel_distance(x, y)
    print(f"kernel distance   {distance:.4g} +- {error:.2g}")
    print(f"Frechet distance  {Moments.of(x).distance(Moments.of(y)):.4g}")
    for side, videos in clips.items():
        energy = torch.stack([motion_energy(video[None]).mean() for video in videos]).mean()
        print(f"motion energy     {energy:.4g} grey levels ({len(videos)} {side} clips)")


if len(sys.argv) > 2:
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(sys.argv[3:4] or ["random"]))
else:
    with tempfile.TemporaryDirectory() as drawn:
        main(draw_strips(Path(drawn) / "real", 1), draw_strips(Path(drawn) / "fake", 3), "random")
