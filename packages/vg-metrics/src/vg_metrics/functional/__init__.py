"""The scores as pure functions; nothing here keeps state, reads a file or loads torchmetrics."""

from vg_metrics.functional.content import ContentDistance, acd, embed_frames
from vg_metrics.functional.coverage import density_coverage, precision_recall
from vg_metrics.functional.flow_color import color_wheel, flow_to_color, flow_wheel
from vg_metrics.functional.frechet import Moments, frechet_distance, frechet_distance_from_features
from vg_metrics.functional.image import Diversity, psnr, ssim, ssim_diversity, video_psnr, video_ssim
from vg_metrics.functional.inception_score import inception_score, repeated_inception_score
from vg_metrics.functional.kernel_distance import kernel_distance
from vg_metrics.functional.motion import motion_energy, motion_map
from vg_metrics.functional.motion_change import REGIONS, motion_change, motion_radius, moving_share, total_motion
from vg_metrics.functional.preference import BradleyTerry, Share, bradley_terry, fleiss_kappa, wilson_interval
from vg_metrics.functional.ranking import Ranking, reid_ranking, reid_ranking_from_features

__all__ = [
    "REGIONS",
    "BradleyTerry",
    "ContentDistance",
    "Diversity",
    "Moments",
    "Ranking",
    "Share",
    "acd",
    "bradley_terry",
    "color_wheel",
    "density_coverage",
    "embed_frames",
    "fleiss_kappa",
    "flow_to_color",
    "flow_wheel",
    "frechet_distance",
    "frechet_distance_from_features",
    "inception_score",
    "kernel_distance",
    "motion_change",
    "motion_energy",
    "motion_map",
    "motion_radius",
    "moving_share",
    "precision_recall",
    "psnr",
    "reid_ranking",
    "reid_ranking_from_features",
    "repeated_inception_score",
    "ssim",
    "ssim_diversity",
    "total_motion",
    "video_psnr",
    "video_ssim",
    "wilson_interval",
]
