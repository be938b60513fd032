"""Person re-identification (chapter 6): embed photos, keep them in a gallery, search it, score it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vg_reid.embedder import Embedder
    from vg_reid.gallery import Gallery

__all__ = ["Embedder", "Gallery"]


def __getattr__(name: str) -> object:
    """Import a public class at its first use: the hub library behind `Embedder` takes half a second."""
    if name == "Embedder":
        from vg_reid.embedder import Embedder

        return Embedder
    if name == "Gallery":
        from vg_reid.gallery import Gallery

        return Gallery
    raise AttributeError(f"module 'vg_reid' has no attribute {name!r}")
