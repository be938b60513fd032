"""What a recipe is: settings that belong together."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from vg_video.data.clips import ClipConfig
from vg_video.training import TrainingConfig

from vg_train.run import Keeping

C = TypeVar("C", bound=TrainingConfig)


@dataclass(frozen=True, kw_only=True)
class Recipe(Generic[C]):
    """The nets and their training, the clips, and what the run keeps."""

    config: C
    clips: ClipConfig
    keep: Keeping
    labels: bool = False  # learn the labels of the data
