"""vg-metrics alone: a Frechet distance that is known in closed form (run by tools/release.py)."""

import torch
from vg_metrics.functional import frechet_distance

eye = torch.eye(3, dtype=torch.float64)
distance = frechet_distance(torch.zeros(3).double(), eye, torch.ones(3).double(), 4 * eye)
torch.testing.assert_close(distance, torch.tensor(6.0, dtype=torch.float64))  # |1|^2 + tr(I + 4 I - 2 * 2 I)
