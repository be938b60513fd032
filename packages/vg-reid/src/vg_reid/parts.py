"""A long job cut into parts on disk: shared by processes on any number of machines, and taken up again after a kill.

Part n is done by process n modulo their number and is one file, written atomically. The file's name says the part, the
folder's name what the job is, so a part is only ever taken for what it is.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.5  # between two looks for what other processes have done


@dataclass(frozen=True)
class Process:
    """This process among those that share a job."""

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls) -> "Process":
        """Read RANK and WORLD_SIZE, as torchrun sets them; without them there is one process.

        Raises:
            ValueError: if they are no numbers that fit together.
        """
        rank, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
        if not (rank.isdecimal() and count.isdecimal() and int(rank) < int(count)):
            raise ValueError(f"RANK={rank} and WORLD_SIZE={count}, wanted a rank from 0 to below the world size")
        return cls(int(rank), int(count))

    def device(self, name: str) -> str:
        """Return the device of this process: of several GPUs on a machine the one that torchrun's LOCAL_RANK says."""
        return f"cuda:{os.environ['LOCAL_RANK']}" if name == "cuda" and "LOCAL_RANK" in os.environ else name


@dataclass(frozen=True)
class Parts:
    """The parts of one job.

    Args:
        out: file that the job makes; its parts lie beside it, in a folder `<out>.parts`.
        job: all that the result depends on, line by line; another job never takes these parts for its own.
        total: things to do.
        size: things of a part.
        suffix: of a part's file.
    """

    out: Path
    job: str
    total: int
    size: int
    suffix: str

    @classmethod
    def of(cls, out: Path, job: Iterable[str], total: int, *, size: int, suffix: str) -> "Parts":
        """Describe a job by lines; only their digest is kept."""
        return cls(out, hashlib.sha256("\n".join(job).encode()).hexdigest()[:16], total, size, suffix)

    @property
    def folder(self) -> Path:
        """Where the parts lie."""
        return self.out.with_name(f"{self.out.name}.parts") / self.job

    @property
    def files(self) -> list[Path]:
        """The file of each part."""
        return [self.folder / f"{number:06}{self.suffix}" for number in range(-(-self.total // self.size))]

    def missing(self, process: Process = Process()) -> Iterator[tuple[Path, slice]]:
        """Give the parts of a process that are not done: the file to write and the things that belong into it."""
        for number, file in enumerate(self.files):
            if number % process.count == process.rank and not file.is_file():
                yield file, slice(number * self.size, min(self.total, (number + 1) * self.size))

    def wait(self) -> None:
        """Wait until every process has done its parts; torchrun ends all processes when one fails."""
        while any(self.missing()):
            time.sleep(SECONDS)

    def remove(self) -> None:
        """Remove the parts, once their sum is written."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
