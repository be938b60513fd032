"""`python -m vg_reid project`, from a folder of photos to what training reads."""

from pathlib import Path

import pytest
from PIL import Image
from vg_reid.commands.project import project
from vg_reid.data.people import read_people
from vg_reid.mesh.estimate import EstimatorConfig
from vg_reid.mesh.projections import Projections

OBJ = "v -0.3 -0.8 0\nv 0.3 -0.8 0\nv 0 0.8 0\nv 0 -0.8 0.15\nf 1 2 4\nf 2 3 4\nf 3 1 4\nf 1 3 2\n"


@pytest.fixture
def mesh(tmp_path: Path) -> EstimatorConfig:
    (tmp_path / "body.obj").write_text(OBJ)
    return EstimatorConfig(body=tmp_path / "body.obj")


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("one.jpg", "two.jpg"):
        Image.new("RGB", (32, 64)).save(folder / name)
    return folder


def test_project_makes_what_training_and_test_read(
    persons: Path, tmp_path: Path, mesh: EstimatorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    project(persons, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1)
    people = read_people(persons)
    for part, images in (("train", people.train), ("test", [*people.query, *people.gallery])):
        assert len(images) > 0
        assert not Projections(tmp_path / "out", part, images, azimuths=(90,)).missing
    assert f"train: {len(people.train)} photos projected, 0 were there, 0 failed" in capsys.readouterr().out
    project(persons, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1)
    assert f"train: 0 photos projected, {len(people.train)} were there" in capsys.readouterr().out


def test_a_folder_without_a_training_part_is_all_train(unlabelled: Path, tmp_path: Path, mesh: EstimatorConfig) -> None:
    project(unlabelled, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]


def test_photos_that_cannot_be_read_are_named_and_may_be_left_out(
    unlabelled: Path, tmp_path: Path, mesh: EstimatorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    (unlabelled / "torn.jpg").write_bytes(b"no photo")
    with pytest.raises(ValueError, match="1 photos have no projections"):
        project(unlabelled, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1)
    assert "torn.jpg" in capsys.readouterr().out
    project(unlabelled, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1, allow_missing=True)
    images = read_people(unlabelled).images
    found = Projections(tmp_path / "out", "train", images, azimuths=(90,), allow_missing=True)
    assert [path.name for path in found.missing] == ["torn.jpg"]
    nowhere = tmp_path / "meshes"
    nowhere.mkdir()
    wrong = EstimatorConfig(kind="precomputed", source=nowhere)
    with pytest.raises(ValueError, match="none of the 3 photos has projections"):
        project(unlabelled, tmp_path / "none", mesh=wrong, azimuths=(90,), workers=1, allow_missing=True)


def test_processes_of_torchrun_share_the_photos(
    unlabelled: Path, tmp_path: Path, mesh: EstimatorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, count in (("0", 1), ("1", 2)):
        monkeypatch.setenv("RANK", rank)
        project(unlabelled, tmp_path / "out", mesh=mesh, azimuths=(90,), workers=1)
        assert len(list((tmp_path / "out/train/render_90").iterdir())) == count


@pytest.mark.parametrize("azimuths", [(), (0,), (360,), (45, 45)])
def test_azimuths_that_make_no_set_are_refused(azimuths: tuple[int, ...], unlabelled: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wanted different whole degrees"):
        project(unlabelled, tmp_path / "out", azimuths=azimuths)


@pytest.mark.slow
def test_workers_make_the_set_of_one(unlabelled: Path, tmp_path: Path, mesh: EstimatorConfig) -> None:
    for i in range(40):  # several portions
        Image.new("RGB", (32, 64)).save(unlabelled / f"{i:02d}.jpg")
    found = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        project(unlabelled, out, mesh=mesh, azimuths=(90,), workers=workers)
        found.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*.jpg")})
    assert found[0] == found[1] and len(found[0]) == 84
