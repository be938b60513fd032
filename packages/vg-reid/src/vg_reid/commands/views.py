"""`python -m vg_reid views` and `view-quality`: generated views to look at, and their scores."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import torch
from PIL import Image
from torch import Tensor
from tyro.conf import Positional, arg

from vg_reid.commands.common import progress, say
from vg_reid.data.images import PersonImages
from vg_reid.data.people import People, Person, read_people
from vg_reid.encoder import EncoderConfig
from vg_reid.files import atomic, require_suffix
from vg_reid.gcl.views import generate_views
from vg_reid.generation_quality import new_views, score_views
from vg_reid.generator import ViewGenerator, load_models
from vg_reid.mesh.projections import Projections
from vg_reid.mesh.rotate import AZIMUTHS
from vg_reid.picture import stack_pictures
from vg_reid.seeds import seeded
from vg_reid.silhouettes import measure_disentanglement
from vg_reid.swap import interpolate, interpolation_sheet
from vg_reid.views import comparison_sheet, view_sheet

Part = Literal["train", "test"]
SILHOUETTES = 256  # persons at most whose silhouettes are compared


def views(
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    projections: Annotated[Positional[Path], arg(metavar="PROJECTIONS")],
    /,
    model: Path,
    beside: Path | None = None,
    figure: Literal["sides", "identities"] = "sides",
    part: Part = "train",
    count: int = 6,
    seed: int = 0,
    out: Annotated[Path, arg(aliases=("-o",))] = Path("views.png"),
    allow_missing: bool = False,
    device: str = "cpu",
) -> None:
    """Draw persons as the view generator shows them: from all sides, or with one another's identity.

    "sides" is a row of projections for each person and the views of them (figures 6.3, 6.8 to 6.10); with a second
    model it is a row of views for each model (figure 6.4). "identities" walks from the identity of one person to that
    of another, in the structure of each (figure 6.7).

    Args:
        data: A folder of person images.
        projections: Their projections, as `project` writes them.
        model: Model folder of E_id with the view generator in its sub-folder `generator`.
        beside: A second such model to compare with.
        figure: What to draw.
        part: Training images, or those of the test: queries and gallery.
        count: Persons to draw.
        seed: Chooses them.
        out: The PNG to write.
        allow_missing: Leave out photos without projections instead of failing.
        device: Where the nets run.
    """
    require_suffix(out, ".png")
    encoder, generator = load_models(model, device)
    persons = _choose(data, projections, part, count, seed, allow_missing)
    images, structures = _open(persons, projections, part, encoder.config)
    indices = range(len(images))
    photos = images.batch(indices)
    if figure == "identities":
        if beside is not None:
            raise ValueError("--beside with --figure identities: wanted one model")
        codes = encoder(photos.to(device)).part_code.detach()
        picture = _walks(generator, photos, codes, structures.original(indices).to(device))
    else:
        meshes, shown = generate_views(encoder, generator, images, structures, indices, AZIMUTHS)
        if beside is None:
            picture = view_sheet(photos, meshes, shown, AZIMUTHS)
        else:
            other = generate_views(*load_models(beside, device), images, structures, indices, AZIMUTHS)[1]
            picture = comparison_sheet(photos, [(_name(model), shown), (_name(beside), other)], AZIMUTHS)
    with atomic(out) as staged:
        picture.save(staged)
    say(f"{len(images)} {part} images of {data} by {model}: {out}")


def view_quality(
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    projections: Annotated[Positional[Path], arg(metavar="PROJECTIONS")],
    /,
    model: Path,
    part: Part = "train",
    features: str = "random",
    count: int | None = None,
    seed: int = 0,
    batch_size: int = 32,
    json_out: Annotated[Path | None, arg(name="json")] = None,
    allow_missing: bool = False,
    device: str = "cpu",
) -> None:
    """Score generated views (table 6.4): FID, SSIM, and whether mesh and identity decide what they should.

    Each image is shown once in the structure of its body turned by a random angle. FID compares these with the images,
    SSIM images of the same person with each other. The silhouettes of up to 256 of them tell whether a new mesh alone
    changes the outline as asked, and another identity alone does not. Needs the extra vg-reid[evaluate].

    Args:
        data: A folder of person images, with identities.
        projections: Their projections, as `project` writes them.
        model: Model folder of E_id with the view generator in its sub-folder `generator`.
        part: Training images, or those of the test: queries and gallery.
        features: File with the weights of Inception v3, or random: then FID says something within one run only.
        count: Images to take, at random; all by default.
        seed: Chooses images and angles.
        batch_size: Images per pass.
        json_out: File for the scores as JSON.
        allow_missing: Leave out photos without projections instead of failing.
        device: Where the nets run.
    """
    encoder, generator = load_models(model, device)
    persons = _choose(data, projections, part, count, seed, allow_missing)
    images, structures = _open(persons, projections, part, encoder.config)
    with progress("generating", len(images)) as advance:
        generated = new_views(
            encoder, generator, images, structures, AZIMUTHS, seed=seed, batch_size=batch_size, progress=advance
        )
    real = torch.stack([images.pixels(index) for index in range(len(images))])
    quality = score_views(real, generated, images.pids, features=features)
    say(*quality.describe())
    indices = range(min(len(images), SILHOUETTES))
    with torch.no_grad():
        codes = torch.cat([encoder(images.batch([index]).to(device)).part_code for index in indices])
    opposite = structures.rotated(indices, [90] * len(indices)).to(device)
    own = structures.original(indices).to(device)
    outline = measure_disentanglement(generator, codes, own, opposite, batch_size)
    say(*outline.describe())
    if json_out is not None:
        with atomic(json_out) as staged:
            staged.write_text(json.dumps(asdict(quality) | {"silhouettes": asdict(outline)}, indent=2) + "\n")


def _walks(generator: ViewGenerator, photos: Tensor, codes: Tensor, meshes: Tensor) -> Image.Image:
    """Draw the walks between each two persons, one pair under the other."""
    if len(photos) < 2:
        raise ValueError(f"--figure identities with {len(photos)} person, wanted 2 or more")
    pairs = [slice(i, i + 2) for i in range(0, len(photos) - 1, 2)]
    walks = [interpolate(generator, codes[pair], meshes[pair]) for pair in pairs]
    sheets = [interpolation_sheet(photos[pair], meshes[pair], walk) for pair, walk in zip(pairs, walks, strict=True)]
    return stack_pictures(sheets)


def _choose(
    data: Path, projections: Path, part: Part, count: int | None, seed: int, allow_missing: bool
) -> list[Person]:
    """Choose `count` images of a part at random, in their order; those without projections first go, where allowed."""
    persons = _persons(read_people(data), part)
    if allow_missing:
        found = Projections(projections, part, persons, allow_missing=True)
        if found.missing:
            say(f"{len(found.missing)} of {len(persons)} {part} images have no projections and are left out")
        persons = [persons[index] for index in found.available.tolist()]
    if count is None:
        return persons
    if count < 1:
        raise ValueError(f"--count {count}, wanted 1 or more")
    chosen = torch.randperm(len(persons), generator=seeded(seed))[:count].sort().values
    return [persons[index] for index in chosen.tolist()]


def _open(
    persons: list[Person], projections: Path, part: Part, config: EncoderConfig
) -> tuple[PersonImages, Projections]:
    """Images and their projections, of the size that the nets read."""
    height, width = config.height, config.width
    images = PersonImages(persons, height=height, width=width)
    return images, Projections(projections, part, persons, height=height, width=width)


def _persons(people: People, part: Part) -> list[Person]:
    test = [*people.query, *people.gallery]
    persons = (people.train or test) if part == "train" else test  # as `project` takes them
    if not persons:
        raise ValueError(f"{people.root} has no {part} images: {'; '.join(people.describe())}")
    return persons


def _name(model: Path) -> str:
    """The last two words of a path, one under the other: a name that fits beside a row."""
    return "\n".join(model.resolve().parts[-2:])
