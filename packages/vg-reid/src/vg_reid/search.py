"""Who in a gallery looks like the person in a photo: the ranking, and what is known of right and wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from vg_reid.data.layouts import Person, parse_market_name
from vg_reid.gallery import Entry, Gallery
from vg_reid.index import IndexChoice
from vg_reid.picture import Ranked, ranking_picture


@dataclass(frozen=True)
class PhotoRanking:
    """The entries of a gallery that are most similar to one photo, best first."""

    query: Person
    matches: list[tuple[Entry, float]]
    """Entries with their cosine similarities."""

    def is_right(self, entry: Entry) -> bool | None:
        """Tell whether an entry is the person of the photo; None where one of the two identities is unknown."""
        return None if -1 in (entry.pid, self.query.pid) else entry.pid == self.query.pid

    def table(self) -> Iterator[str]:
        """Give the ranking as lines of text."""
        marks = {True: "right", False: "wrong", None: "-"}
        yield f"{'rank':>6} {'score':>7}  {'match':5}  person"
        for rank, (entry, score) in enumerate(self.matches, start=1):
            path = entry.metadata.get("path", f"key {entry.key}")
            yield f"{rank:6} {score:7.4f}  {marks[self.is_right(entry)]:5}  {_label(entry)}  {path}"

    def picture(self) -> Image.Image:
        """Draw the ranking; entries need the metadata "path".

        Raises:
            FileNotFoundError: if an image is no longer where it was.
            ValueError: if an entry has no path, or an image is damaged.
        """
        shown = []
        for rank, (entry, score) in enumerate(self.matches, start=1):
            if "path" not in entry.metadata:
                raise ValueError(f"entry {entry.key} of the gallery has no path, wanted one to draw it")
            caption = f"{rank}: {_label(entry)}\n{score:.3f}"
            shown.append(Ranked(Path(entry.metadata["path"]), caption, self.is_right(entry)))
        known = "" if self.query.pid == -1 else _label(Entry(-1, self.query.pid, self.query.camid, {}))
        return ranking_picture(self.query.path, shown, f"query\n{known}")


def rank_photo(
    gallery: Gallery,
    photo: Path,
    vector: Tensor,
    k: int,
    *,
    index: IndexChoice = "exact",
    rerank: int = 0,
    cross_camera: bool = False,
) -> PhotoRanking:
    """Rank the k best entries of a gallery for one photo; the very same file does not count as a match.

    Args:
        gallery: entries with the metadata "path", and "name" where identities have names.
        photo: where the photo lies. It tells its identity by its folder, where the gallery has names, or by a
            Market-1501 file name.
        vector: its embedding, (d,).
        k: matches wanted.
        index: as in `Gallery.search`.
        rerank: as in `Gallery.rank`.
        cross_camera: leave out the same person under the same camera, as evaluation does (6.4.1).
    """
    if k < 1:
        raise ValueError(f"k={k}, wanted at least 1")
    query = _known_person(photo, gallery)
    itself = str(photo.resolve())

    def counts(entry: Entry) -> bool:
        same_camera = cross_camera and query.pid != -1 and (entry.pid, entry.camid) == (query.pid, query.camid)
        return entry.metadata.get("path") != itself and not same_camera

    wanted = k + 1  # the photo itself may be among them
    while True:
        found = gallery.rank(vector, wanted, index=index, rerank=rerank)
        matches = [(entry, score) for entry, score in found if counts(entry)]
        if len(matches) >= k or len(found) < wanted:
            return PhotoRanking(query, matches[:k])
        wanted *= 2


def _known_person(photo: Path, gallery: Gallery) -> Person:
    if gallery.names:
        return Person(photo, gallery.names.get(photo.resolve().parent.name, -1), -1)
    return parse_market_name(photo) or Person(photo, -1, -1)


def _label(entry: Entry) -> str:
    who = entry.metadata.get("name", entry.pid if entry.pid != -1 else "?")
    return f"{who} c{entry.camid + 1}" if entry.camid != -1 else str(who)
