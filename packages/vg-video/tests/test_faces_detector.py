"""YuNet: frames of any size and weights of any kind, with a stand-in for OpenCV; and the real one, where it is."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from vg_video.data.codec import stream_video
from vg_video.data.faces.crop import crop_face
from vg_video.data.faces.detector import YuNet
from vg_video.data.folder import scan_folder

WEIGHTS = b"the weights"


class OpenCVError(Exception):
    """As cv2.error, with the reason in `err`."""

    def __init__(self, err: str) -> None:
        super().__init__(f"OpenCV(4.10.0) onnx_importer.cpp:310: error: ({err})\n")
        self.err = err


class Net:
    """Takes pure blue for a face, in images of the size that was set and in OpenCV's order of colors."""

    def __init__(self, weights: bytes) -> None:
        self.weights, self.size = weights, (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:
        self.size = size

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
        if self.weights == b"of another network":
            raise OpenCVError("12 outputs are wanted")
        assert image.shape[:2] == self.size[::-1] and image.flags.c_contiguous
        rows, columns = (image == (255, 0, 0)).all(axis=-1).nonzero()  # blue, green, red
        if not len(rows):
            return 1, None
        corner = columns.min(), rows.min()
        extent = columns.max() + 1 - corner[0], rows.max() + 1 - corner[1]
        return 1, np.array([[*corner, *extent, *range(10), 0.9]], np.float32)


@pytest.fixture
def opencv(monkeypatch):
    """A stand-in for cv2 with as much of it as YuNet needs; its calls are in `created`."""
    module = ModuleType("cv2")
    created = []

    def create(kind, weights, config, size, score):
        created.append((kind, weights.tobytes(), len(config), score))
        if weights.tobytes() == b"text":
            raise OpenCVError("Failed to parse onnx model")
        return Net(weights.tobytes())

    def resize(image, size, interpolation):
        rows, columns = (np.arange(n) * image.shape[axis] // n for axis, n in enumerate(size[::-1]))
        return np.ascontiguousarray(image[rows][:, columns])

    vars(module).update(
        FaceDetectorYN=SimpleNamespace(create=create), error=OpenCVError, resize=resize, INTER_AREA=3, created=created
    )
    monkeypatch.setitem(sys.modules, "cv2", module)
    return module


def weights(folder: Path, data: bytes = WEIGHTS) -> Path:
    """A file of weights."""
    path = folder / "yunet.onnx"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("height", "width"), [(48, 64), (640, 640), (720, 1280), (2000, 300)])
def test_boxes_are_in_the_pixels_of_the_frame_whatever_its_size(height, width, opencv, tmp_path):
    detector = YuNet(weights(tmp_path), score=0.6)
    assert opencv.created == [("onnx", WEIGHTS, 0, 0.6)]
    frame = np.zeros((height, width, 3), np.uint8)
    assert detector.detect(frame).shape == (0, 4)
    corners = np.array([width // 4, height // 2, width // 2, height - height // 8])
    frame[corners[1] : corners[3], corners[0] : corners[2]] = (0, 0, 255)  # red, green, blue
    boxes = detector.detect(frame)
    assert (boxes.shape, boxes.dtype) == ((1, 4), np.float64)
    assert np.abs(boxes[0] - corners).max() <= max(1.0, max(height, width) / 640)


def test_without_opencv_the_extra_to_install_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ValueError, match=r"OpenCV: pip install vg-video\[faces\]"):
        YuNet(weights(tmp_path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"text", "no weights of YuNet .Failed to parse onnx model.; wanted: face_detection_yunet"),
        (b"of another network", "no weights of YuNet .12 outputs are wanted."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:8f", "only the Git LFS pointer .*opencv_zoo"),
    ],
)
def test_other_files_are_refused_by_name_with_the_file_that_is_wanted(data, message, opencv, tmp_path):
    with pytest.raises(ValueError, match=f"yunet.onnx: {message}"):
        YuNet(weights(tmp_path, data))


def test_missing_weights_and_odd_scores_are_refused(opencv, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"nowhere.onnx: no such file; wanted: face_detection_yunet_2023mar.onnx"
    ):
        YuNet(tmp_path / "nowhere.onnx")
    for score in (0.0, 1.0, -3.0):
        with pytest.raises(ValueError, match=f"score={score}; between 0 and 1"):
            YuNet(weights(tmp_path), score=score)


@pytest.fixture(scope="module")
def yunet():
    """The real one."""
    if "VG_YUNET" not in os.environ:
        pytest.skip("VG_YUNET is not set: this test needs the file of YuNet's weights")
    pytest.importorskip("cv2", reason="OpenCV is not installed: pip install vg-video[faces]")
    return YuNet(os.environ["VG_YUNET"])


def test_real_yunet_finds_the_one_face_of_real_portraits(yunet, realdata):
    for path in sorted((realdata / "clips" / "liveportrait").iterdir()):
        frame = next(stream_video(path))
        boxes = yunet.detect(frame)
        assert boxes.shape == (1, 4)
        left, top, right, bottom = boxes[0] / frame.shape[0]
        assert 0.2 < left < 0.4 < 0.6 < right < 0.8 and 0.1 < top < 0.35 < 0.75 < bottom < 1
        large = yunet.detect(frame.repeat(3, 0).repeat(3, 1))  # 1440 x 1440
        assert np.abs(large[0] / 3 - boxes[0]).max() < 0.05 * frame.shape[0]
        assert len(yunet.detect(np.full_like(frame, 127))) == 0


def test_real_faces_stay_in_the_middle_of_their_crops(yunet, realdata):
    source = next(s for s in scan_folder(realdata / "clips" / "lia" / "ted").sources if s.path.name == "driving3.mp4")
    crop = crop_face(source, yunet)
    assert crop.seen.all() and crop.frames.shape == (133, 128, 128, 3)
    assert np.ptp(crop.squares[:, 0]) > 20  # she walks
    for frame in crop.frames[::20]:
        boxes = yunet.detect(frame)
        assert len(boxes) == 1
        assert np.abs((boxes[0, :2] + boxes[0, 2:]) / 2 - 64).max() < 16


def test_real_opencv_refuses_other_files_in_one_line(yunet, tmp_path):
    for data in (b"", b"no network", Path(os.environ["VG_YUNET"]).read_bytes()[:100_000]):
        with pytest.raises(ValueError, match=r"yunet.onnx: no weights of YuNet") as error:
            YuNet(weights(tmp_path, data))
        assert "\n" not in str(error.value)
