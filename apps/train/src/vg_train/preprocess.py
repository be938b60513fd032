"""`vg-train preprocess`: from videos as they were filmed to videos to train on."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress
from vg_layers.configs import config_dict
from vg_video.data.codec import frame_rate, write_video
from vg_video.data.faces.crop import FaceCrop, NoFaceError, crop_face
from vg_video.data.faces.detector import FaceDetector, YuNet
from vg_video.data.faces.track import FaceCropConfig
from vg_video.data.folder import VideoSource, scan_folder
from vg_video.data.stills import frame_files, write_strip

from vg_train.files import read_json, write_json

REPORT = "faces.json"
REPORT_EVERY = 16  # videos


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Crop the face out of every video of a folder, as 3.4.1 does for MUG and UvA-NEMO.

    The other folder gets the same sub-folders and names, so labels and datasets stay what they are: mp4 for a video
    file, PNG for a strip or frames; and faces.json, which tells what was done and what was left out. If it was
    stopped, the same command goes on. YuNet needs OpenCV: pip install vg-video[faces]

      vg-train preprocess faces MUG MUG-faces --weights face_detection_yunet_2023mar.onnx
    """

    data: tyro.conf.Positional[Path]
    """Folder of videos."""
    out: tyro.conf.Positional[Path]
    """Folder to write."""
    weights: Path
    """YuNet's .onnx file, from OpenCV's model zoo."""
    crop: tyro.conf.OmitArgPrefixes[FaceCropConfig] = field(default_factory=FaceCropConfig)
    """How the face is cropped."""
    score: float = 0.7
    """Least confidence of a face, between 0 and 1."""
    skip_faceless: bool = False
    """Leave out videos without a face, rather than stop."""
    skip_corrupt: bool = False
    """Leave out damaged videos, rather than stop."""


def faces(options: list[str]) -> None:
    """`vg-train preprocess faces`."""
    settings = tyro.cli(Faces, prog="vg-train preprocess faces", args=options)
    report = crop_folder(settings, YuNet(settings.weights, score=settings.score))
    skipped = [(name, video["skipped"]) for name, video in report["videos"].items() if "skipped" in video]
    print(f"{len(report['videos']) - len(skipped)} videos of faces in {settings.out}")
    if skipped:
        print(f"{len(skipped)} left out, see {settings.out / REPORT}; the first: {': '.join(skipped[0])}")


def crop_folder(settings: Faces, detector: FaceDetector) -> dict[str, Any]:
    """Crop the faces of a folder of videos; those that are there already are kept.

    Args:
        settings: of the command.
        detector: finds the faces of a frame.
    Returns:
        What faces.json says: the settings, files that are no videos, and for each video how many frames it has, in how
        many the face was found, the most faces in one frame and the smallest and largest crop; or why it was skipped.
    Raises:
        FileNotFoundError, NotADirectoryError: if there is no such folder.
        ValueError: naming the video, if it is damaged or shows no face and that is not to be skipped; or if `out` holds
            something else, or was made with other settings.
        OSError: if `out` cannot be written.
    """
    scan = scan_folder(settings.data)
    targets = _targets(settings, scan.sources)
    report = _open_report(settings)
    report["ignored"] = {_name(path, settings.data): reason for path, reason in scan.ignored}
    videos = report["videos"]
    try:
        with Progress(transient=True) as progress:
            for source, target in progress.track(list(targets.items()), description="cropping faces"):
                name = _name(source.path, settings.data)
                if _is_there(target, source):
                    videos.setdefault(name, {})  # a run that was killed did not tell more
                    continue
                videos[name] = _crop(source, target, detector, settings)
                if len(videos) % REPORT_EVERY == 0:
                    write_json(settings.out / REPORT, report)
    finally:
        write_json(settings.out / REPORT, report)
    return report


def _crop(source: VideoSource, target: Path, detector: FaceDetector, settings: Faces) -> dict[str, Any]:
    """Crop one video; what the report says about it."""
    try:
        crop = crop_face(source, detector, settings.crop)
    except ValueError as error:
        faceless = isinstance(error, NoFaceError)
        if not (settings.skip_faceless if faceless else settings.skip_corrupt):
            flag = "--skip-faceless" if faceless else "--skip-corrupt"
            raise ValueError(f"{error}; {flag} leaves such videos out") from error
        return {"skipped": str(error).removeprefix(f"{source.path}: ")}
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.kind == "file":
        write_video(target, crop.frames, frame_rate(source.path))
    elif source.kind == "strip":
        write_strip(target, crop.frames)
    else:
        _write_frames(target, crop.frames, source)
    return _measured(crop)


def _measured(crop: FaceCrop) -> dict[str, Any]:
    """What the report says about a crop."""
    sides = crop.squares[:, 2]
    return {
        "frames": len(crop.frames),
        "seen": int(crop.seen.sum()),
        "faces": crop.faces,
        "sides": [round(float(sides.min()), 1), round(float(sides.max()), 1)],
    }


def _write_frames(folder: Path, frames: np.ndarray, source: VideoSource) -> None:
    """Write a folder of frames, named as in the source; it has its own name only when it is whole."""
    pictures = dict(zip((f"{path.stem}.png" for path in frame_files(source.path)), frames, strict=True))
    if len(pictures) < len(frames):
        raise ValueError(f"{source.path}: frames of one name but different suffixes; rename one of them")
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for name, frame in pictures.items():
        write_strip(temporary / name, frame[None])
    temporary.replace(folder)


def _is_there(target: Path, source: VideoSource) -> bool:
    """Whether a crop has been written; it is whole then."""
    return any(target.glob("*.png")) if source.kind == "frames" else target.is_file()


def _targets(settings: Faces, sources: Sequence[VideoSource]) -> dict[VideoSource, Path]:
    """The file or folder that each video becomes."""
    if settings.out.resolve().is_relative_to(settings.data.resolve()):
        raise ValueError(f"{settings.out}: lies in {settings.data}; name a folder outside of it")
    if settings.crop.resolution % 2:
        raise ValueError(f"resolution={settings.crop.resolution}, wanted an even number")  # for H.264
    targets: dict[VideoSource, Path] = {}
    taken: dict[Path, VideoSource] = {}
    for source in sources:
        target = settings.out / _name(source.path, settings.data)
        if source.kind != "frames":
            target = target.with_suffix(".mp4" if source.kind == "file" else ".png")
        other = taken.setdefault(target, source)
        if other is not source:
            raise ValueError(f"{other.path} and {source.path} would both become {target}; rename one of them")
        targets[source] = target
    return targets


def _name(path: Path, root: Path) -> str:
    """A path in a folder as the report names it; the folder itself by its own name."""
    name = path.relative_to(root).as_posix()
    return root.resolve().name if name == "." else name


def _open_report(settings: Faces) -> dict[str, Any]:
    """The report of an earlier run with the same settings, or a new one, which is written at once."""
    out, weights = settings.out, hashlib.sha256(settings.weights.read_bytes()).hexdigest()
    wanted = {**config_dict(settings.crop), "score": settings.score, "weights": weights}
    if not (out / REPORT).exists():
        if out.exists() and any(out.iterdir()):
            raise ValueError(f"{out}: holds something, but no {REPORT}; name another folder")
        out.mkdir(parents=True, exist_ok=True)
        report: dict[str, Any] = {"settings": wanted, "ignored": {}, "videos": {}}
        write_json(out / REPORT, report)
        return report
    report = read_json(out / REPORT)
    made = report.get("settings", {})
    for name, value in wanted.items():
        if made.get(name) != value:
            raise ValueError(f"{out / REPORT}: made with {name}={made.get(name)}, now {value}; name another folder")
    return report
