"""vg-reid alone: exact search in a gallery finds what was put in (run by tools/release.py)."""

import torch
from vg_reid import Gallery

vectors = torch.nn.functional.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), dim=1)
gallery = Gallery(8)
keys = gallery.add(vectors, pids=list(range(50)), camids=[0] * 50)
found = gallery.search(vectors[:5], 3, index="exact")
if found.keys[:, 0].tolist() != keys[:5]:
    raise SystemExit(f"the nearest of five vectors were {found.keys[:, 0].tolist()}, wanted themselves: {keys[:5]}")
