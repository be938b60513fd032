"""The losses of the view generator: eq. 6.1 to 6.4, and what the released code puts in their place.

A view generator makes three images of each person x: x'_ori in the structure of x, x'_new in a new one, and x''_ori,
which is x'_new brought back (6.3.1). `discriminator_loss` and `generator_loss` take the three one after another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from vg_layers.adversarial import LSGAN, NSGAN, AdversarialLoss, r1_penalty

AdversarialKind = Literal["log", "lsgan_r1"]
FeatureTargets = Literal["thesis", "official"]


@dataclass(frozen=True, kw_only=True)
class GenerativeConfig:
    """Settings of eq. 6.4; the defaults are the thesis' own (6.4.2)."""

    adversarial: AdversarialKind = "log"  # eq. 6.3; "lsgan_r1": least squares with R1, the generator's term doubled
    features: FeatureTargets = "thesis"  # eq. 6.2 at x'_new and x''_ori; "official": at x'_ori and x''_ori
    image_weight: float = 5.0  # lambda_img
    feature_weight: float = 5.0  # lambda_feat
    r1_weight: float = 0.01  # of "lsgan_r1", as in the released code

    def __post_init__(self) -> None:
        for name, kinds in (("adversarial", AdversarialKind), ("features", FeatureTargets)):
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name}={getattr(self, name)!r}, wanted one of {', '.join(get_args(kinds))}")


class MultiScale(Protocol):
    """A discriminator with a map of logits for each scale."""

    def __call__(self, images: Tensor, /) -> list[Tensor]:
        """Map (b, 3, h, w) to logits (b, 1, h', w') for each scale."""
        ...


def image_loss(image: Tensor, recon: Tensor, cycle: Tensor) -> Tensor:
    """L_img = E[|x - x'_ori|] + E[|x - x''_ori|] (eq. 6.1), the mean over all values of an image.

    Args:
        image: x, (b, 3, h, w).
        recon: x'_ori, of the same shape.
        cycle: x''_ori, of the same shape.
    """
    return F.l1_loss(recon, image) + F.l1_loss(cycle, image)


def feature_loss(part_code: Tensor, *generated: Tensor) -> Tensor:
    """L_feat = E[|f_id - E_id(x'_new)|] + E[|f_id - E_id(x''_ori)|] (eq. 6.2), the mean over all values of a code.

    f_id is the target and gets no gradient, as in the released code.

    Args:
        part_code: f_id of x, (b, d).
        generated: codes of generated images, (b, d) each: by eq. 6.2 of x'_new and x''_ori; the released code takes
            x'_ori instead of x'_new.
    """
    target = part_code.detach()
    return torch.stack([F.l1_loss(code, target) for code in generated]).sum()


def discriminator_loss(
    discriminator: MultiScale, real: Tensor, views: Sequence[Tensor], config: GenerativeConfig = GenerativeConfig()
) -> Tensor:
    """What D minimizes: minus L_adv (eq. 6.3), the sum over the views and over the scales.

    The term of the real images is the same for each view, so it is computed once and counted for each; so is R1, which
    "lsgan_r1" adds. The released code computes both once a view.

    Args:
        discriminator: D.
        real: x, (b, 3, h, w).
        views: x'_ori, x'_new, x''_ori, each of the shape of `real`; no gradient reaches them.
        config: which loss.
    """
    return torch.stack(list(discriminator_terms(discriminator, real, views, config))).sum()


def discriminator_terms(
    discriminator: MultiScale, real: Tensor, views: Sequence[Tensor], config: GenerativeConfig = GenerativeConfig()
) -> Iterator[Tensor]:
    """Yield the terms of `discriminator_loss`: that of the real images, counted for each view, then that of each view.

    Brought back one after another, they never hold more than one graph.

    Args:
        discriminator: D.
        real: x, (b, 3, h, w).
        views: x'_ori, x'_new, x''_ori, each of the shape of `real`; no gradient reaches them.
        config: which loss.
    """
    least_squares = config.adversarial == "lsgan_r1"
    penalized = least_squares and config.r1_weight > 0
    real = real.detach().requires_grad_(penalized)
    logits = discriminator(real)
    terms = [(at - 1).square().mean() if least_squares else F.softplus(-at).mean() for at in logits]
    if penalized:
        terms += [config.r1_weight * r1_penalty(at, real) for at in logits]
    yield len(views) * torch.stack(terms).sum()
    del logits, terms
    for view in views:
        judged = discriminator(view.detach())
        yield torch.stack([at.square().mean() if least_squares else F.softplus(at).mean() for at in judged]).sum()


def generator_loss(
    discriminator: MultiScale, views: Sequence[Tensor], config: GenerativeConfig = GenerativeConfig()
) -> Tensor:
    """What G and E_str minimize for L_adv (eq. 6.3), the sum over the views and over the scales.

    "log" is the non-saturating form, -E[log D(x')]; "lsgan_r1" is twice the least squares, as in the released code.

    Args:
        discriminator: D; give it parameters without `requires_grad` to save the work of their gradients.
        views: x'_ori, x'_new, x''_ori, (b, 3, h, w) each.
        config: which loss.
    """
    loss = _adversarial(config)
    factor = 2 if config.adversarial == "lsgan_r1" else 1
    terms = [loss.generator(logits) for logits in discriminator(torch.cat(list(views)))]
    return factor * len(views) * torch.stack(terms).sum()


def gan_loss(image: Tensor, feature: Tensor, adversarial: Tensor, config: GenerativeConfig) -> Tensor:
    """L_gan = lambda_img L_img + lambda_feat L_feat + L_adv (eq. 6.4).

    Args:
        image: L_img, a scalar.
        feature: L_feat, a scalar.
        adversarial: L_adv as the generator sees it, a scalar.
        config: the weights.
    """
    return config.image_weight * image + config.feature_weight * feature + adversarial


def _adversarial(config: GenerativeConfig) -> AdversarialLoss:
    return LSGAN() if config.adversarial == "lsgan_r1" else NSGAN()
