"""What a similarity of two photos means: where it lies among pairs of known persons."""

from dataclasses import dataclass

import torch

from vg_reid.gallery import Gallery

SAMPLE = 2000  # entries whose pairs are looked at


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A similarity among those of the pairs in a gallery."""

    same: int
    """Pairs of one person."""
    same_below: float
    """Share of these that are less alike."""
    different: int
    """Pairs of two persons."""
    different_above: float
    """Share of these that are at least as much alike."""

    def describe(self) -> list[str]:
        """Say it in lines."""
        return [
            f"of {self.different} pairs of two persons, {self.different_above:.2%} look at least so much alike",
            f"of {self.same} pairs of one person, {self.same_below:.2%} look less alike",
        ]


def place(gallery: Gallery, similarity: float, *, seed: int = 0) -> Placement:
    """Hold a similarity against the pairs of a gallery's entries of known identity, of up to 2000 of them.

    Args:
        gallery: entries, some of whom have an identity above 0.
        similarity: a cosine of two vectors of the gallery's encoder.
        seed: chooses the identities whose entries are taken.
    Raises:
        ValueError: if the gallery has not two entries of one person, or no two persons.
    """
    pids, vectors = gallery.pids, gallery.vectors
    order = pids.unique()[pids.unique() > 0]
    order = order[torch.randperm(len(order), generator=torch.Generator().manual_seed(seed))]
    rows = torch.cat([torch.empty(0).long(), *((pids == pid).nonzero().flatten() for pid in order[:SAMPLE])])[:SAMPLE]
    chosen = vectors[rows.to(vectors.device)].cpu()
    above, below = torch.triu_indices(len(rows), len(rows), offset=1)
    scores = (chosen @ chosen.T)[above, below]
    equal = pids[rows][above] == pids[rows][below]
    same, different = scores[equal], scores[~equal]
    if not len(same) or not len(different):
        raise ValueError(
            f"the gallery has {len(order)} known persons and {len(same)} pairs of one person, wanted at least 2 and 1"
        )
    return Placement(
        same=len(same),
        same_below=float((same < similarity).double().mean()),
        different=len(different),
        different_above=float((different >= similarity).double().mean()),
    )
