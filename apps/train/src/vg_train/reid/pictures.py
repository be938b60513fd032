"""Sheets of generated views, for looking at."""

import torch
from PIL import Image
from torch import Tensor
from vg_reid.data.transforms import IMAGENET_MEAN, IMAGENET_STD

GAP = 2  # white pixels between pictures


def view_sheet(images: Tensor, projections: Tensor, views: Tensor) -> Image.Image:
    """Lay persons out: for each a row of projections and a row of its photo and the views of it below.

    Args:
        images: the photos, (n, 3, h, w), ImageNet-normalized.
        projections: (n, v, 1, h, w) in [-1, 1].
        views: (n, v, 3, h, w), ImageNet-normalized.
    """
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    photos = (images * std + mean)[:, None]
    shown = torch.cat([photos, views * std + mean], 1)
    structures = torch.cat([torch.ones_like(photos), (projections.expand_as(views) + 1) / 2], 1)
    sheet = torch.stack([structures, shown], 1).clamp(0, 1)  # (n, 2, 1 + v, 3, h, w)
    padded = torch.nn.functional.pad(sheet, (0, GAP, 0, GAP), value=1.0)
    n, rows, columns, _, h, w = padded.shape
    pixels = padded.permute(0, 1, 4, 2, 5, 3).reshape(n * rows * h, columns * w, 3)
    return Image.fromarray((pixels[:-GAP, :-GAP] * 255).round().byte().cpu().numpy())
