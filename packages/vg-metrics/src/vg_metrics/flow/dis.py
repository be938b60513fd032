"""Dense inverse search (Kroeger et al. 2016) as OpenCV has it; the extra `vg-metrics[flow]`."""

from types import ModuleType

import torch
from torch import Tensor

from vg_metrics.flow.base import OpticalFlow, to_gray

SMALLEST = 16  # pixels; OpenCV's patches have 8


class DenseInverseSearch(OpticalFlow):
    """OpenCV's DIS flow, its preset "medium" carried on to the full resolution, where the preset stops at half of it.

    Raises:
        ValueError: if OpenCV is not installed.
    """

    def __init__(self) -> None:
        self.cv2 = _opencv()
        super().__init__("dis", f"OpenCV {self.cv2.__version__} DIS medium at full resolution")

    def estimate(self, first: Tensor, second: Tensor) -> Tensor:
        """As `OpticalFlow.estimate`; ValueError for frames below 16 pixels."""
        if min(first.shape[2:]) < SMALLEST:
            raise ValueError(f"frames of {first.shape[2]}x{first.shape[3]}, wanted at least {SMALLEST} pixels for DIS")
        search = self.cv2.DISOpticalFlow_create(self.cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(0)
        pairs = zip(*(to_gray(frames)[:, 0].round().byte().numpy() for frames in (first, second)), strict=True)
        return torch.stack([torch.from_numpy(search.calc(a, b, None)).permute(2, 0, 1) for a, b in pairs])


def _opencv() -> ModuleType:
    """OpenCV, imported only when it is needed."""
    try:
        import cv2
    except ImportError:
        raise ValueError('DIS flow needs OpenCV: pip install "vg-metrics[flow]"') from None
    return cv2
