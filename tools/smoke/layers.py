"""vg-layers alone: attention that starts as the identity, and a gradient through it (run by tools/release.py)."""

import torch
from vg_layers import FactorizedAttention

video = torch.randn(2, 16, 3, 5, 4, requires_grad=True)
attended = FactorizedAttention(16)(video)
torch.testing.assert_close(attended, video)  # gamma starts at 0 (eq. 4.2, 4.4)
attended.square().sum().backward()
if video.grad is None or not video.grad.isfinite().all():
    raise SystemExit("no finite gradient through FactorizedAttention")
