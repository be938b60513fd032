"""Datasets by name."""

from pathlib import Path
from typing import Literal

from vg_video.data.layouts.bair import read_bair
from vg_video.data.layouts.listing import Listing
from vg_video.data.layouts.mug import read_mug
from vg_video.data.layouts.natops import read_natops
from vg_video.data.layouts.ucf101 import read_ucf101
from vg_video.data.layouts.uva_nemo import read_uva_nemo
from vg_video.data.layouts.voxceleb2 import read_voxceleb2_mini
from vg_video.data.layouts.weizmann import read_weizmann, read_weizmann_strips

LayoutName = Literal[
    "mug",
    "mug-chapter4",
    "uva-nemo",
    "uva-nemo-chapter4",
    "natops",
    "weizmann",
    "weizmann-strips",
    "ucf101",
    "ucf101-02",
    "ucf101-03",
    "voxceleb2-mini",
    "bair",
]
LISTS_OF = ("mug", "ucf101")  # datasets that are read by lists, which may lie elsewhere


def read_layout(name: LayoutName, root: Path | str, *, lists: Path | None = None, seed: int = 0) -> Listing:
    """Read a dataset as it lies on disk after the official download; docs/guides/datasets.md shows each.

    `mug` and `uva-nemo` are the selections of 3.4.1, `mug-chapter4` and `uva-nemo-chapter4` those of 4.4.2.
    `ucf101-02` and `ucf101-03` are split by the second and third official lists, `ucf101` by the first.

    Args:
        name: of the layout.
        root: the dataset's folder.
        lists: of MUG a CSV list of videos or a folder of them; of UCF101 the folder ucfTrainTestlist, when it is not
            in `root`.
        seed: of what the thesis does not say: who is in which split, which videos are in VoxCeleb2-mini.
    Raises:
        FileNotFoundError, NotADirectoryError: when the folder, or a list that belongs to it, is missing.
        ValueError: naming the file, when a list cannot be read, or the folder, when no video is in it.
    """
    if lists and not name.startswith(LISTS_OF):
        raise ValueError(f"lists={lists}: {name} is read without lists; {' and '.join(LISTS_OF)} have some")
    variant: Literal["chapter3", "chapter4"] = "chapter4" if name.endswith("chapter4") else "chapter3"
    match name:
        case "mug" | "mug-chapter4":
            return read_mug(root, variant=variant, lists=lists)
        case "uva-nemo" | "uva-nemo-chapter4":
            return read_uva_nemo(root, variant=variant, seed=seed)
        case "natops":
            return read_natops(root, seed=seed)
        case "weizmann":
            return read_weizmann(root, seed=seed)
        case "weizmann-strips":
            return read_weizmann_strips(root, seed=seed)
        case "ucf101" | "ucf101-02" | "ucf101-03":
            return read_ucf101(root, number=int(name.partition("-")[2] or 1), lists=lists)
        case "voxceleb2-mini":
            return read_voxceleb2_mini(root, seed=seed)
        case "bair":
            return read_bair(root)
