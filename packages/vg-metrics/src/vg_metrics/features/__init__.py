"""Feature networks: architectures whose weights come from a path, or are random and say so; nothing is downloaded."""

from vg_metrics.features.video import RANDOM_LABEL, VideoFeatures, video_features

__all__ = ["RANDOM_LABEL", "VideoFeatures", "video_features"]
