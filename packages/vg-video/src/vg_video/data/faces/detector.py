"""Where the faces of a frame are: what a detector is, and OpenCV's YuNet as one."""

from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np

LONGEST_SIDE = 640  # larger frames are scaled down for YuNet, which was made for faces of about 10 to 300 pixels
WEIGHTS = "face_detection_yunet_2023mar.onnx, as OpenCV's model zoo (opencv_zoo) publishes it under the MIT license"


class FaceDetector(Protocol):
    """Anything that finds faces in one frame."""

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Find the faces of a frame.

        Args:
            frame: uint8 RGB (h, w, 3).
        Returns:
            Boxes (n, 4) as left, top, right, bottom in pixels, in any order; they may reach over the border.
        """
        ...


class YuNet:
    """OpenCV's YuNet, for frames of any size.

    Args:
        weights: the .onnx file; it is not part of this package.
        score: least confidence of a face, between 0 and 1.
    Raises:
        ValueError: when cv2 is not installed, `score` is out of range, or the file holds something else.
        FileNotFoundError: when there is no such file; the message tells which one is wanted.
    """

    def __init__(self, weights: Path | str, *, score: float = 0.7) -> None:
        if not 0 < score < 1:
            raise ValueError(f"score={score}; between 0 and 1 is wanted")
        self._cv2 = _opencv()
        data = _read_weights(Path(weights))
        try:
            none, size = np.empty(0, np.uint8), (LONGEST_SIDE, LONGEST_SIDE)
            self._net = self._cv2.FaceDetectorYN.create("onnx", np.frombuffer(data, np.uint8), none, size, score)
            self.detect(np.zeros((64, 64, 3), np.uint8))  # another network's weights fail here
        except self._cv2.error as error:
            raise ValueError(f"{weights}: no weights of YuNet ({error.err}); wanted: {WEIGHTS}") from error

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Find the faces of a frame, as `FaceDetector.detect`."""
        height, width = frame.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = np.ascontiguousarray(frame[:, :, ::-1])  # OpenCV's order of colors
        if scale < 1:
            image = self._cv2.resize(image, size, interpolation=self._cv2.INTER_AREA)
        self._net.setInputSize(size)
        _, faces = self._net.detect(image)
        if faces is None:
            return np.empty((0, 4))
        left, top, wide, high = faces[:, :4].T.astype(np.float64)
        x, y = width / size[0], height / size[1]
        return np.stack([left * x, top * y, (left + wide) * x, (top + high) * y], axis=1)


def _opencv() -> ModuleType:
    """OpenCV, imported only when it is needed."""
    try:
        import cv2
    except ImportError:
        raise ValueError("YuNet needs OpenCV: pip install vg-video[faces]") from None
    return cv2


def _read_weights(path: Path) -> bytes:
    """The bytes of the file of weights."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; wanted: {WEIGHTS}") from None
    if data.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path}: only the Git LFS pointer to the file, not the file itself; wanted: {WEIGHTS}")
    return data
