"""Feature networks: architectures whose weights come from a path, or are random and say so; nothing is downloaded.

Each is a `FeatureNetwork`: called on samples it gives feature vectors, and it tells its name, label and checksum.
"""

from vg_metrics.features.base import RANDOM_LABEL, UNVERIFIED, FeatureNetwork
from vg_metrics.features.c3d import c3d_features
from vg_metrics.features.faces import face_embedder
from vg_metrics.features.i3d import i3d_features
from vg_metrics.features.inception import inception_features
from vg_metrics.features.module import module_features
from vg_metrics.features.video import video_features

VideoFeatures = FeatureNetwork  # what `video_features` gives, under its first name

__all__ = [
    "RANDOM_LABEL",
    "UNVERIFIED",
    "FeatureNetwork",
    "VideoFeatures",
    "c3d_features",
    "face_embedder",
    "i3d_features",
    "inception_features",
    "module_features",
    "video_features",
]
