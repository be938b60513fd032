"""Is a data set complete: counts compared with the published ones, queries that nothing can answer, damaged files."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vg_reid.data.layouts import Person
from vg_reid.data.people import People
from vg_reid.data.transforms import read_image


class Count(NamedTuple):
    """Images and identities of one part of a data set."""

    images: int
    identities: int


@dataclass(frozen=True)
class Published:
    """What the authors of a data set say that it holds (6.4.1)."""

    train: Count
    query: Count
    gallery: Count
    cameras: int
    train_by_camera: tuple[int, ...] = ()
    """Training images of each camera, where they are known."""


PUBLISHED = {
    "Market-1501": Published(
        Count(12936, 751), Count(3368, 750), Count(15913, 751), 6, (2017, 1709, 2707, 920, 2338, 3245)
    ),
    "DukeMTMC-reID": Published(
        Count(16522, 702), Count(2228, 702), Count(17661, 1110), 8, (2809, 3009, 1088, 1395, 1685, 3700, 1330, 1506)
    ),
    "MSMT17": Published(Count(32621, 1041), Count(11659, 3060), Count(82161, 3060), 15),
}
"""Market-1501's gallery is counted without junk and with its distractors as one identity; MSMT17's list_val.txt counts
as training."""


@dataclass(frozen=True)
class Check:
    """What was found."""

    lines: list[str] = field(default_factory=list)
    """Everything, to be printed."""
    problems: list[str] = field(default_factory=list)
    """What is not as it should be, one line each; empty for a data set that is complete."""

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_people(
    people: People,
    *,
    published: bool = True,
    decode: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Check:
    """Compare a data set with what was published, and look at each of its images.

    Args:
        people: what `read_people` made of the folder.
        published: compare with the published counts, where the layout is that of a public data set; not for images of
            your own in that layout.
        decode: decode every image, to find damaged ones.
        progress: called with the number of images decoded since the last call.
    Returns:
        What was found, with `problems` and `complete`.
    """
    lines = people.describe()
    problems = []
    if published and people.layout.split(" v")[0] in PUBLISHED:
        name = people.layout.split(" v")[0]
        differences = compare(people, PUBLISHED[name])
        if differences:
            problems += [f"{name}: {difference}" for difference in differences]
        else:
            lines.append(f"counts are those published for {name}")
    problems += unanswerable(people.query, people.gallery)
    if decode:
        problems += damaged(people.images, progress)
    return Check([*lines, *problems], [*people.missing, *problems])


def compare(people: People, wanted: Published) -> list[str]:
    """Tell in lines where the counts differ from the published ones."""
    lines = []
    for part in ("train", "query", "gallery"):
        persons: list[Person] = getattr(people, part)
        found = Count(len(persons), len({person.pid for person in persons} - {-1}))
        count: Count = getattr(wanted, part)
        if found.images != count.images:
            lines.append(f"{part} has {found.images} images, published are {count.images}{_gap(found, count)}")
        elif found.identities != count.identities:
            lines.append(f"{part} has {found.identities} identities, published are {count.identities}")
    by_camera = Counter(person.camid for person in people.train)
    for camid, images in enumerate(wanted.train_by_camera):
        if 2 * len(people.train) > wanted.train.images and by_camera[camid] != images:
            lines.append(f"camera {camid + 1} has {by_camera[camid]} training images, published are {images}")
    cameras = len({person.camid for person in people.images} - {-1})
    if cameras != wanted.cameras:
        lines.append(f"{cameras} cameras, published are {wanted.cameras}")
    return lines


def unanswerable(query: Sequence[Person], gallery: Sequence[Person]) -> list[str]:
    """Tell how many queries have no match under another camera; they cannot be scored."""
    cameras: dict[int, set[int]] = {}
    for person in gallery:
        cameras.setdefault(person.pid, set()).add(person.camid)
    lost = [p for p in query if not cameras.get(p.pid, set()) - ({p.camid} if p.camid >= 0 else set())]
    if not lost:
        return []
    return [
        f"{len(lost)} of {len(query)} queries have no match under another camera and cannot be scored, "
        f"the first is {lost[0].path}"
    ]


def damaged(persons: Sequence[Person], progress: Callable[[int], object] | None = None) -> list[str]:
    """Decode all images and tell which cannot be."""
    lines = []
    for person in persons:
        try:
            read_image(person.path)
        except (ValueError, OSError) as error:
            lines.append(f"damaged: {error}")
        if progress is not None:
            progress(1)
    return lines


def _gap(found: Count, wanted: Count) -> str:
    """Say what a difference in images may mean."""
    if not found.images:
        return ": the folder is missing"
    if found.images < wanted.images / 2:
        return ": a part of it, or another set in its layout"
    missing = wanted.images - found.images
    return f": {missing} are missing" if missing > 0 else f": {-missing} too many"
