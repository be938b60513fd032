"""Approximate indexes kept on disk between processes; they can always be made again from the gallery file.

An index file is read by FAISS's own C++ code, so it is only read where its owner alone could have written it: from a
folder of the user's, never from beside a gallery, which may have come from anywhere.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from vg_reid.files import atomic
from vg_reid.index import Built, IndexKind, import_faiss, recipe


def user_cache() -> Path:
    """Return the folder for the index files of this user: `$XDG_CACHE_HOME/vg-reid`, or `~/.cache/vg-reid`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vg-reid"


@dataclass(frozen=True)
class IndexCache:
    """Index files of one gallery file, in a folder of the user's.

    A file is named after the gallery's path, the kind, and the gallery's size, time, inode and number of entries; it
    is of no more use when the gallery is saved anew, and gives way to the next one.
    """

    folder: Path
    gallery: Path
    """The gallery file, resolved."""
    state: str
    """What tells this gallery file from another one in its place."""
    entries: int
    dim: int

    def load(self, kind: IndexKind) -> Built | None:
        """Read the index of all entries of the file; None if there is none that fits, or others may write it.

        Raises:
            ValueError: if FAISS is missing.
        """
        faiss = import_faiss(kind)
        try:
            path = self._path(kind)
            if not path.is_file():
                return None
            _require_private(self.folder)
            index = faiss.read_index(str(path))
        except (RuntimeError, OSError, ValueError):  # damaged, out of reach, not private, too few entries for the kind
            return None
        return Built(index, self.entries) if (index.ntotal, index.d) == (self.entries, self.dim) else None

    def save(self, kind: IndexKind, built: Built) -> None:
        """Keep an index of all entries of the file, in the place of older ones.

        Raises:
            ValueError: if others may write in the folder.
            OSError: if it cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(self.folder)
        path = self._path(kind)
        with atomic(path) as staged:
            try:
                import_faiss(kind).write_index(built.faiss, str(staged))
            except RuntimeError as error:
                raise OSError(f"{path} could not be written: {error}") from None
        for other in self.folder.glob(f"{self._prefix(kind)}*"):
            if other != path:
                other.unlink(missing_ok=True)

    def _prefix(self, kind: IndexKind) -> str:
        return f"{_digest(str(self.gallery))}-{kind}-"

    def _path(self, kind: IndexKind) -> Path:
        made = f"{self.state} {recipe(kind, self.entries, self.dim)} {import_faiss(kind).__version__}"
        return self.folder / f"{self._prefix(kind)}{_digest(made)}.faiss"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _require_private(folder: Path) -> None:
    """Refuse a folder in which others could put an index file; elsewhere than on POSIX the system sees to that."""
    if not hasattr(os, "getuid"):
        return
    seen = folder.stat()
    if seen.st_uid != os.getuid() or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(
            f"{folder} can be written by others (mode {stat.filemode(seen.st_mode)}), wanted a folder of yours alone "
            "for index files"
        )
