"""Warm-ups of E_id, stage 1 of the training (6.3.3): JVTC, MMCL, ACT, cluster contrast, and labels of a source set."""
