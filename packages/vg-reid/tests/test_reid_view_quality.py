import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from vg_reid.data.images import PersonImages
from vg_reid.data.people import read_people
from vg_reid.decoder import DecoderConfig
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.generation_quality import new_views, score_views
from vg_reid.generator import GENERATOR, GeneratorConfig, load_models, random_generator
from vg_reid.mesh.rotate import AZIMUTHS
from vg_reid.structure import StructureEncoderConfig

HEIGHT, WIDTH = 64, 32


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    """A model folder with a view generator in it."""
    folder = tmp_path_factory.mktemp("pair")
    config = GeneratorConfig(
        structure=StructureEncoderConfig(channels=8, blocks=1, dilations=(1,)),
        decoder=DecoderConfig(code_dim=1024, channels=8, blocks=1, hidden=4),
        height=HEIGHT,
        width=WIDTH,
    )
    random_encoder(EncoderConfig(backbone="tiny", height=HEIGHT, width=WIDTH)).save_pretrained(folder)
    random_generator(config).save_pretrained(folder / GENERATOR)
    return folder


@pytest.fixture(scope="module")
def projections(persons, tmp_path_factory) -> Path:
    """Projections of all images in the released layout: a box whose place tells the angle."""
    root, people = tmp_path_factory.mktemp("projections"), read_people(persons)
    for part, members in (("train", people.train), ("test", [*people.query, *people.gallery])):
        for turn, azimuth in enumerate((0, *AZIMUTHS)):
            folder = root / part / ("render" if azimuth == 0 else f"render_{azimuth}")
            folder.mkdir(parents=True)
            picture = Image.new("L", (WIDTH, HEIGHT), 0)
            picture.paste(200, (2 + 2 * turn, 8, 12 + 2 * turn, 56))
            for person in members:
                picture.save(folder / person.path.name)
    return root


class Boxes:
    """Structures whose gray tells the angle."""

    def original(self, indices):
        return self.rotated(indices, [0] * len(indices))

    def rotated(self, indices, azimuths):
        meshes = torch.full((len(indices), 1, HEIGHT, WIDTH), -1.0)
        for mesh, azimuth in zip(meshes, azimuths, strict=True):
            mesh[:, 8:56, azimuth // 45 : azimuth // 45 + 10] = 1.0
        return meshes


def test_new_views_are_those_of_random_angles_and_do_not_depend_on_the_batches(pair, persons):
    encoder, generator = load_models(pair)
    images = PersonImages(read_people(persons).train[:7], height=HEIGHT, width=WIDTH)
    views = new_views(encoder, generator, images, Boxes(), AZIMUTHS, batch_size=3)
    assert views.shape == (7, 3, HEIGHT, WIDTH) and views.dtype == torch.uint8
    again = new_views(encoder, generator, images, Boxes(), AZIMUTHS, batch_size=7)
    assert (views.int() - again.int()).abs().max() <= 1
    other = new_views(encoder, generator, images, Boxes(), AZIMUTHS, seed=1)
    assert not torch.equal(views, other)


def test_a_model_without_its_generator_is_an_error(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="generator is missing: wanted the view generator that belongs"):
        load_models(model)
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        load_models(tmp_path / "nowhere")


@pytest.mark.slow  # Inception v3
def test_the_score_of_images_against_themselves_is_perfect(rng):
    images = torch.randint(0, 256, (4, 3, HEIGHT, WIDTH), generator=rng, dtype=torch.uint8)
    pids = torch.tensor([5, 5, 8, 8])
    same = score_views(images, images, pids)
    assert same.fid == pytest.approx(0, abs=1e-2)
    assert same.ssim == same.ssim_real
    repeated = images[[0, 0, 2, 2]]  # one image a person, over and over
    other = score_views(images, repeated, pids)
    assert other.ssim == pytest.approx(1) and other.fid > same.fid
    assert "random" in other.describe()[0]


def test_views_command_draws_each_figure(pair, persons, projections, tmp_path):
    from vg_reid.commands.views import views

    views(persons, projections, model=pair, count=3, part="test", out=tmp_path / "sides.png")
    sheet = Image.open(tmp_path / "sides.png")
    assert sheet.size == (4 + 9 * (WIDTH + 4), 22 + 6 * (HEIGHT + 4))
    views(persons, projections, model=pair, beside=pair, count=2, out=tmp_path / "beside.png")
    assert Image.open(tmp_path / "beside.png").size == (100 + 9 * (WIDTH + 4), 22 + 4 * (HEIGHT + 4))
    views(persons, projections, model=pair, figure="identities", count=4, out=tmp_path / "identities.png")
    assert Image.open(tmp_path / "identities.png").size == (4 + 10 * (WIDTH + 4), 2 * (22 + 2 * (HEIGHT + 4)))
    with pytest.raises(ValueError, match="wanted one model"):
        views(persons, projections, model=pair, beside=pair, figure="identities", out=tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"ends in '\.jpg', wanted '\.png'"):
        views(persons, projections, model=pair, out=tmp_path / "x.jpg")


def test_views_of_a_folder_without_a_training_part_are_of_all_its_images(pair, persons, projections, tmp_path, capsys):
    from vg_reid.commands.views import views

    views(persons / "bounding_box_train", projections, model=pair, count=9, out=tmp_path / "sides.png")
    assert "9 train images" in capsys.readouterr().out


@pytest.mark.slow  # Inception v3
def test_photos_without_projections_may_be_left_out(pair, persons, projections, tmp_path, capsys):
    from vg_reid.commands.views import views

    few = tmp_path / "few"
    shutil.copytree(projections, few)
    next((few / "test/render_90").iterdir()).unlink()
    with pytest.raises(ValueError, match="lacks projections of 1 of"):
        views(persons, few, model=pair, part="test", count=99, out=tmp_path / "sides.png")
    views(persons, few, model=pair, part="test", count=99, out=tmp_path / "sides.png", allow_missing=True)
    assert "1 of 18 test images have no projections and are left out" in capsys.readouterr().out
    assert (tmp_path / "sides.png").is_file()


def test_view_quality_command_gives_all_scores(pair, persons, projections, tmp_path, capsys):
    from vg_reid.commands.views import view_quality

    view_quality(persons, projections, model=pair, json_out=tmp_path / "scores.json", count=6)
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["images"] == 6 and found["fid"] > 0
    assert set(found["silhouettes"]) >= {"new_mesh", "old_mesh", "follows", "other_identity", "other_mesh"}
    assert "follow" in capsys.readouterr().out
