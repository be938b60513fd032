"""Which pixels of a clip are the head or the mouth, for motion inside them (5.3.4, table 5.5): masks from label maps.

A label map tells the part of the face of each pixel: read from a folder with `read_label_maps`, or made by a network,
see `vg_metrics.face_parsing`. A synthetic set needs none: it tells how much of each pixel a part covers, so that
`coverage > 127` is the mask.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# What the labels 0, 1, .. mean: in the networks trained with face-parsing.PyTorch, and in CelebAMask-HQ's own maps.
FACE_PARSING = (
    *("background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r"),
    *("nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat"),
)
CELEBAMASK_HQ = (
    *("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
HEAD = frozenset(FACE_PARSING) - {"background", "neck", "neck_l", "cloth"}
MOUTH = frozenset({"mouth", "u_lip", "l_lip"})


def part_mask(maps: Tensor, parts: Collection[str] = HEAD, names: Sequence[str] = FACE_PARSING) -> Tensor:
    """Where label maps show one of some parts.

    Args:
        maps: labels, whole numbers of any shape, such as (b, t, h, w).
        parts: names of the parts, such as `HEAD` (with hair and mouth, without neck) or `MOUTH` (with lips).
        names: what the labels mean, `FACE_PARSING` or `CELEBAMASK_HQ` or another.
    Returns:
        bool, of the same shape.
    Raises:
        ValueError: if a part has no name, or a label no meaning.
    """
    unknown = sorted(set(parts) - set(names))
    if unknown:
        raise ValueError(f"no label is named {', '.join(unknown)}; there are {', '.join(names)}")
    if maps.is_floating_point() or not 0 <= int(maps.min()) <= int(maps.max()) < len(names):
        raise ValueError(f"maps are {maps.dtype} of {maps.min()}..{maps.max()}, wanted labels 0..{len(names) - 1}")
    return torch.tensor([name in parts for name in names], device=maps.device)[maps.long()]


def read_label_maps(folder: str | Path, clip: str, *, frames: int | None = None) -> Tensor:
    """The label maps of a clip: PNG pictures in the sub-folder of its name, or one horizontal strip.

    Args:
        folder: holds `<clip>/*.png`, one picture a frame in natural order (2 before 10), or `<clip>.png`; gray or
            palette pictures, whose values are the labels.
        clip: its name, such as `Clips.name` gives it.
        frames: central frames to take, as of the clip itself; None takes all.
    Returns:
        uint8, (t, h, w).
    Raises:
        FileNotFoundError: if there is neither.
        ValueError: if a picture holds no labels or is damaged, sizes differ, or there are too few, naming the file.
    """
    root = Path(folder) / clip
    strip = Path(f"{root}.png")
    if root.is_dir():
        maps = [_read(path) for path in sorted(root.glob("*.png"), key=_natural)]
    elif strip.is_file():
        picture = _read(strip)
        maps = list(picture.split(len(picture), 1))
    else:
        raise FileNotFoundError(f"{root}: no folder of label maps, and no strip {strip.name}")
    if not maps or len({part.shape for part in maps}) > 1:
        sizes = ", ".join(sorted({f"{len(part)}x{part.shape[1]}" for part in maps}))
        raise ValueError(f"{root}: {len(maps)} label maps of sizes {sizes or '-'}, wanted some of one size")
    count = len(maps) if frames is None else frames
    if len(maps) < count:
        raise ValueError(f"{root}: {len(maps)} label maps, wanted at least {count}")
    start = len(maps) // 2 - count // 2
    return torch.stack(maps[start : start + count])


def _read(path: Path) -> Tensor:
    """Labels (h, w) of a picture."""
    try:
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P"):
                raise ValueError(f"{path} is a picture of mode {picture.mode}, wanted gray or palette (L or P)")
            return torch.from_numpy(np.array(picture))
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is a damaged picture ({error})") from error


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which frame 2 comes before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
