"""Projections on disk: written whole or not at all, and read as training reads them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vg_reid.data.layouts import Person
from vg_reid.mesh.crop import WeakCamera
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.project import SETTINGS, Job, draw_projections, write_projections
from vg_reid.mesh.projections import Projections, azimuth_folder, projection_names
from vg_reid.parts import Process

TURNS = (90, 180)


def wedge() -> tuple[Tensor, Tensor]:
    """A closed body 0.6 m wide and 1.6 m high that looks different from its sides."""
    vertices = torch.tensor([[-0.3, -0.8, 0], [0.3, -0.8, 0], [0, 0.8, 0], [0, -0.8, 0.15]])
    return vertices, torch.tensor([[0, 1, 3], [1, 2, 3], [2, 0, 3], [0, 2, 1]])


class Counting:
    """An estimator that says the same of every photo, and counts them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        self.names += names
        return [MeshEstimate(*wedge()) for _ in images]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{i:04d}_c1s1_000001_00.{suffix}" for i, suffix in enumerate(("jpg", "png", "jpg", "jpg"), 1)]
    for path in paths:
        Image.new("RGB", (32, 64), (90, 120, 60)).save(path)
    return paths


def persons(photos: Sequence[Path]) -> list[Person]:
    return [Person(path, 1, 0) for path in photos]


def job(root: Path, made_by: str = "wedge") -> Job:
    return Job(root=root, part="train", azimuths=TURNS, made_by=made_by)


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_set_lies_as_the_official_code_reads_it(photos: list[Path], tmp_path: Path) -> None:
    report = write_projections(job(tmp_path / "mesh"), photos, Counting)
    assert (report.written, report.there, report.failed) == (4, 0, ())
    written = set(files(tmp_path / "mesh")) - {f"train/{SETTINGS}"}
    assert written == {
        f"train/{folder}/{photo.name}" for photo in photos for folder in ("render", "render_90", "render_180")
    }
    with Image.open(tmp_path / "mesh/train/render_90" / photos[0].name) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (128, 256))


def test_what_is_read_is_what_was_drawn(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path), photos, Counting)
    set_ = Projections(tmp_path, "train", persons(photos), azimuths=TURNS)
    drawn = draw_projections(MeshEstimate(*wedge()), Image.new("L", (32, 64)), (0, *TURNS))
    assert set_.original([1]).shape == (1, 1, 256, 128)
    torch.testing.assert_close(set_.original([1])[0, 0], drawn[0] * 2 - 1, atol=1 / 255 + 1e-6, rtol=0)  # a PNG
    torch.testing.assert_close(
        set_.rotated([1, 1], [180, 90])[:, 0], drawn[[2, 1]] * 2 - 1, atol=1 / 255 + 1e-6, rtol=0
    )
    assert (set_.rotated([0, 2], [90, 90])[:, 0] - (drawn[1] * 2 - 1)).abs().mean() < 0.02  # JPEG
    assert not torch.equal(drawn[0], drawn[1])


def test_a_set_is_taken_up_where_it_was_stopped(photos: list[Path], tmp_path: Path) -> None:
    root, estimator = tmp_path / "mesh", Counting()
    write_projections(job(root), photos, Counting)
    whole = files(root)
    (root / "train/render_90" / photos[2].name).unlink()
    (root / "train/render" / f".{photos[3].stem}.1234.jpg").write_bytes(b"half a file of a killed run")
    report = write_projections(job(root), photos, lambda: estimator)
    assert (report.written, report.there) == (1, 3)
    assert estimator.names == [photos[2].name]
    assert {name: data for name, data in files(root).items() if "/." not in name} == whole
    Projections(root, "train", persons(photos), azimuths=TURNS)


def test_processes_share_the_photos_and_make_the_same_set(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path / "one"), photos, Counting)
    seen = []
    for rank in range(3):
        estimator = Counting()
        write_projections(job(tmp_path / "many"), photos, lambda e=estimator: e, process=Process(rank, 3))
        seen.append(len(estimator.names))
    assert seen == [2, 1, 1]
    assert files(tmp_path / "many") == files(tmp_path / "one")


def test_another_estimator_may_not_go_on_with_a_set(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path), photos[:1], Counting)
    with pytest.raises(ValueError, match="or another folder"):
        write_projections(job(tmp_path, "regressor"), photos, Counting)


def test_what_failed_at_once_can_be_done_otherwise(photos: list[Path], tmp_path: Path) -> None:
    def broken() -> Counting:
        raise FileNotFoundError("nowhere")

    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_projections(job(tmp_path, "regressor"), photos, broken)
    assert write_projections(job(tmp_path), photos, Counting).written == 4


def test_progress_counts_every_photo(photos: list[Path], tmp_path: Path) -> None:
    told: list[int] = []
    write_projections(job(tmp_path), photos[:2], Counting)
    write_projections(job(tmp_path), photos, Counting, progress=told.append)
    assert told[0] == 2 and sum(told) == 4


def test_odd_photos_are_projected_and_damaged_ones_named(tmp_path: Path) -> None:
    odd = {
        "tiny.png": Image.new("RGB", (2, 2)),
        "grey.jpg": Image.new("L", (30, 60)),
        "cmyk.jpg": Image.new("CMYK", (30, 60)),
        "deep.png": Image.fromarray(np.full((60, 30), 40000, dtype=np.uint16)),
    }
    for name, image in odd.items():
        image.save(tmp_path / name)
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    names = [*odd, "torn.jpg", "gone.jpg"]
    report = write_projections(job(tmp_path / "mesh"), [tmp_path / name for name in names], Counting)
    assert report.written == 4
    assert [line.split(":")[0] for line in report.failed] == ["torn.jpg", "gone.jpg"]
    assert Projections(tmp_path / "mesh", "train", persons([Path(n) for n in odd]), azimuths=TURNS).missing == ()


def test_a_weak_camera_puts_the_body_where_the_photo_has_it() -> None:
    vertices, faces = wedge()
    photo = Image.new("RGB", (50, 100))
    (view,) = draw_projections(MeshEstimate(vertices, faces, None, WeakCamera(0.5, 0.2, 0.4)), photo, (0,))
    assert view.shape == (256, 128)
    rows, columns = (view > 0).nonzero().T
    # y from -0.8 to 0.8 is seen at 0.5 (y + 0.4), of the half height of 128 pixels; x from -0.3 to 0.3 likewise
    for found, wanted in ((rows.min(), 128 - 0.6 * 128), (rows.max(), 128 + 0.2 * 128)):
        assert abs(float(found) - wanted) < 3
    for found, wanted in ((columns.min(), 64 - 0.05 * 128), (columns.max(), 64 + 0.25 * 128)):
        assert abs(float(found) - wanted) < 3


def test_a_body_is_as_many_pixels_large_in_a_wide_photo_as_in_a_tall_one_of_the_same_longer_side() -> None:
    vertices, faces = wedge()
    estimate = MeshEstimate(vertices, faces, camera=WeakCamera(0.4, 0.0, 0.0))
    tall, wide = (draw_projections(estimate, Image.new("RGB", size), [0])[0] > 0 for size in ((200, 256), (256, 200)))
    for seen in (tall, wide):
        assert 0 < int(seen.sum()) < seen.numel() / 2
    assert abs(int(tall.sum()) - int(wide.sum())) <= 0.02 * int(tall.sum())


def test_a_body_beside_the_axis_turns_about_its_own_middle() -> None:
    vertices, faces = wedge()
    photo, camera = Image.new("RGB", (50, 100)), WeakCamera(0.5, 0.0, 0.0)
    moved = vertices + torch.tensor([0.4, 0.0, 3.0])
    here = draw_projections(MeshEstimate(vertices, faces, None, camera), photo, (0, 90, 180))
    there = draw_projections(MeshEstimate(moved, faces, None, camera._replace(x=-0.4)), photo, (0, 90, 180))
    torch.testing.assert_close(there, here, atol=1e-3, rtol=0)


def test_names_have_as_many_folders_as_tell_photos_apart() -> None:
    flat = [Path("/data/query/a.jpg"), Path("/data/gallery/b.jpg")]
    assert projection_names(flat) == [Path("a.jpg"), Path("b.jpg")]
    nested = [Path("/data/0001/c1.jpg"), Path("/data/0002/c1.jpg")]
    assert projection_names(nested) == [Path("0001/c1.jpg"), Path("0002/c1.jpg")]
    assert projection_names([]) == []
    with pytest.raises(ValueError, match="2 photos, but 1 different"):
        projection_names(flat[:1] * 2)


def test_projections_in_folders_of_identities_are_found(tmp_path: Path) -> None:
    people = [tmp_path / pid / "c1.png" for pid in ("0001", "0002")]
    for value, path in zip((40, 200), people, strict=True):
        for turn in (0, 90):
            file = azimuth_folder(tmp_path / "mesh", "test", turn) / path.parent.name / path.name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 16), value).save(file)
    set_ = Projections(tmp_path / "mesh", "test", persons(people), azimuths=(90,), height=16, width=8)
    torch.testing.assert_close(set_.original([0, 1]).mean((1, 2, 3)), torch.tensor([40.0, 200]) / 127.5 - 1)


def test_missing_projections_are_counted_and_named(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path), photos, Counting)
    (tmp_path / "train/render_180" / photos[1].name).unlink()
    with pytest.raises(ValueError, match=f"1 of 4 photos, .*{photos[1].name}"):
        Projections(tmp_path, "train", persons(photos), azimuths=TURNS)
    set_ = Projections(tmp_path, "train", persons(photos), azimuths=TURNS, allow_missing=True)
    assert set_.missing == (photos[1],)
    assert set_.available.tolist() == [0, 2, 3]
    assert (set_.original([1]) == -1).all() and not (set_.original([0]) == -1).all()
    with pytest.raises(ValueError, match="4 of 4 photos"):
        Projections(tmp_path, "train", persons(photos), azimuths=(45,), allow_missing=True)
    with pytest.raises(FileNotFoundError, match="test is no folder: wanted projections"):
        Projections(tmp_path, "test", persons(photos), azimuths=TURNS, allow_missing=True)


def test_files_of_any_size_and_mode_are_resized_to_grey(tmp_path: Path) -> None:
    folder = azimuth_folder(tmp_path, "train", 0)
    folder.mkdir(parents=True)
    Image.new("RGB", (2, 2), (255, 255, 255)).save(folder / "a.png")
    Image.fromarray(np.full((300, 100), 65535, dtype=np.uint16)).save(folder / "b.png")
    set_ = Projections(tmp_path, "train", persons([Path("a.png"), Path("b.png")]), azimuths=(), height=64, width=32)
    torch.testing.assert_close(set_.original([0, 1]), torch.ones(2, 1, 64, 32))


def test_memory_beyond_the_limit_is_not_taken(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path), photos, Counting)
    set_ = Projections(tmp_path, "train", persons(photos), azimuths=TURNS, memory_limit=2 * 256 * 128)
    first = set_.original([0, 1, 2])
    for path in (tmp_path / "train/render").iterdir():
        path.unlink()
    torch.testing.assert_close(set_.original([0, 1]), first[:2])
    with pytest.raises(FileNotFoundError):
        set_.original([2])


def test_azimuths_that_were_not_asked_for_are_refused(photos: list[Path], tmp_path: Path) -> None:
    write_projections(job(tmp_path), photos, Counting)
    set_ = Projections(tmp_path, "train", persons(photos), azimuths=TURNS)
    for indices, azimuths in (([0], [45]), ([0, 1], [90])):
        with pytest.raises(ValueError, match="wanted one each"):
            set_.rotated(indices, azimuths)


KILLED = """
import sys, time
from pathlib import Path
import torch
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.project import Job, write_projections
def estimate(images, names):
    time.sleep(0.05)
    vertices = torch.tensor([[-0.3, -0.8, 0], [0.3, -0.8, 0], [0, 0.8, 0], [0, -0.8, 0.15]])
    return [MeshEstimate(vertices, torch.tensor([[0, 1, 3], [1, 2, 3], [2, 0, 3], [0, 2, 1]]))]
def estimator():
    return estimate
if __name__ == "__main__":
    job = Job(root=Path(sys.argv[2]), part="train", azimuths=(90, 180), made_by="wedge")
    write_projections(job, sorted(Path(sys.argv[1]).iterdir()), estimator, workers=int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_after_kill_9_no_file_is_torn_and_the_rest_is_made(workers: int, tmp_path: Path) -> None:
    folder, root = tmp_path / "photos", tmp_path / "mesh"
    folder.mkdir()
    for i in range(60):
        Image.new("RGB", (16, 32)).save(folder / f"{i:03d}.png")
    photos = sorted(folder.iterdir())
    (tmp_path / "killed.py").write_text(KILLED)  # a file, for its workers to import
    command = [sys.executable, str(tmp_path / "killed.py"), str(folder), str(root), str(workers)]
    running = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE)
    while len(list(root.rglob("*.png"))) < 30 and running.poll() is None:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)  # stdout closes when the workers have ended, too
    done = [path for path in root.rglob("*.png") if not path.name.startswith(".")]
    assert 0 < len(done) < 180
    for path in done:
        with Image.open(path) as image:
            image.load()
    report = write_projections(job(root), photos, Counting)
    assert report.there + report.written == 60 and report.written < 60
    assert len(Projections(root, "train", persons(photos), azimuths=TURNS)) == 60
