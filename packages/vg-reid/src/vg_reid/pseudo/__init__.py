"""Pseudo identity labels from features alone: k-reciprocal Jaccard distances and DBSCAN, sparse throughout (6.3.2)."""

from vg_reid.pseudo.clusters import ClustersReport, Rule, cluster, clusters_report
from vg_reid.pseudo.density import dbscan, share_eps
from vg_reid.pseudo.jaccard import jaccard_distance, upper_similarity

__all__ = [
    "ClustersReport",
    "Rule",
    "cluster",
    "clusters_report",
    "dbscan",
    "jaccard_distance",
    "share_eps",
    "upper_similarity",
]
