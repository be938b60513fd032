"""Scores of generated views (table 6.4) with vg-metrics (extra `vg-reid[evaluate]`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vg_reid.data.images import PersonImages
from vg_reid.encoder import Encoder
from vg_reid.gcl.batches import Structures
from vg_reid.generator import ViewGenerator
from vg_reid.seeds import seeded
from vg_reid.views import denormalize


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Realism and diversity of a set of generated views beside the real images they were made of (table 6.4)."""

    images: int
    """Real ones, and as many generated ones."""
    fid: float
    """Frechet distance of generated to real images; lower is better."""
    features: str
    """The network that it was measured with, and where its weights come from."""
    ssim: float
    """Mean similarity of two generated images of the same person; see `vg_metrics.functional.ssim_diversity`."""
    ssim_real: float
    """The same of the real images."""

    def describe(self) -> list[str]:
        """Say the scores in lines."""
        return [
            f"FID {self.fid:.2f} over {self.images} images, by {self.features}",
            f"SSIM {self.ssim:.3f} between generated images of a person, {self.ssim_real:.3f} between real ones",
        ]


@torch.no_grad()
def new_views(
    encoder: Encoder,
    generator: ViewGenerator,
    images: PersonImages,
    structures: Structures,
    azimuths: Sequence[int],
    *,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
) -> Tensor:
    """Generate one view of each image, in the structure of its body turned by a random angle (6.3.1).

    Args:
        encoder: E_id, in eval mode.
        generator: E_str and G, on the same device.
        images: the set.
        structures: projections of the bodies, in the same order.
        azimuths: degrees to draw from.
        seed: of the angles, which are a function of it alone.
        batch_size: images at a time.
        progress: called after each batch with the number of images in it.
    Returns:
        Bytes, (n, 3, h, w).
    """
    draw = torch.randint(len(azimuths), (len(images),), generator=seeded(seed)).tolist()
    device = next(generator.parameters()).device
    views = []
    for batch in torch.arange(len(images)).split(batch_size):
        indices = batch.tolist()
        meshes = structures.rotated(indices, [azimuths[draw[index]] for index in indices])
        view = generator(meshes.to(device), encoder(images.batch(indices).to(device)).part_code)
        views.append((denormalize(view) * 255).round().byte().cpu())
        if progress is not None:
            progress(len(indices))
    return torch.cat(views)


def score_views(
    real: Tensor, generated: Tensor, pids: Tensor, *, features: str | Path = "random", pairs: int | None = 10
) -> Quality:
    """Score generated views as in 6.4.4: FID against the real images, SSIM between those of one person.

    Args:
        real: bytes, (n, 3, h, w).
        generated: bytes, likewise.
        pids: who is on them, (n,); those below 0 are nobody's, and in no pair.
        features: weights of Inception v3 for FID, as in `vg_metrics.features.inception_features`, or "random".
        pairs: compared for each person; None for all.
    Raises:
        ValueError: if sizes differ, no person has two images, the weights cannot be used, or vg-metrics is missing.
        FileNotFoundError: if there are no such weights.
    """
    try:
        from vg_metrics.features import inception_features
        from vg_metrics.functional import frechet_distance_from_features, ssim_diversity
    except ImportError:
        raise ValueError('scoring needs vg-metrics: pip install "vg-reid[evaluate]"') from None
    network = inception_features(features, resize="tensorflow")
    known = pids >= 0

    def diversity(images: Tensor) -> float:
        return ssim_diversity(images[known], pids[known], data_range=255, pairs=pairs).value

    fid = frechet_distance_from_features(network.extract(iter(generated)), network.extract(iter(real)))
    return Quality(
        images=len(real),
        fid=float(fid),
        features=network.label,
        ssim=diversity(generated),
        ssim_real=diversity(real),
    )
