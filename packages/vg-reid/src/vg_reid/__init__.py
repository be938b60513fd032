"""Person re-identification without labels (chapter 6): train E_id with generated views, embed, search and score."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vg_reid.embedder import Embedder
    from vg_reid.gallery import Gallery
    from vg_reid.generator import ViewGenerator
    from vg_reid.memory import MemoryBank

__all__ = ["Embedder", "Gallery", "MemoryBank", "ViewGenerator"]


def __getattr__(name: str) -> object:
    """Import a public class at its first use: the hub library behind the models takes half a second."""
    match name:
        case "Embedder":
            from vg_reid.embedder import Embedder

            return Embedder
        case "Gallery":
            from vg_reid.gallery import Gallery

            return Gallery
        case "MemoryBank":
            from vg_reid.memory import MemoryBank

            return MemoryBank
        case "ViewGenerator":
            from vg_reid.generator import ViewGenerator

            return ViewGenerator
    raise AttributeError(f"module 'vg_reid' has no attribute {name!r}")
