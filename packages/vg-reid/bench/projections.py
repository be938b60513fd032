"""Views of Anny's body, 13,718 vertices, at 256x128: our z-buffer beside a loop over triangles.

"1 process" has all threads; "2 processes" have one each and share the work, as `python -m vg_reid project` does on two
cores. The plain form projects in PyTorch as ours does, then fills one triangle after another with numpy, each in its
bounding box, nearer ones over farther ones. `different` counts pixels that show another triangle: in float64, edges
that pass exactly through the middle of a pixel and depths that agree to rounding are all that may differ.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from measure import Cost, alone, cost, together
from torch import Tensor
from vg_reid.mesh.anny import AnnyBody
from vg_reid.mesh.camera import fit_camera, project
from vg_reid.mesh.raster import SUBPIXELS
from vg_reid.mesh.render import Mode, fragments, render
from vg_reid.mesh.rotate import AZIMUTHS, rotate

SIZE = (256, 128)
TURNS = (0, *AZIMUTHS)


def plain(columns: np.ndarray, rows: np.ndarray, depth: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Find the triangle in each pixel of one view, (h, w); -1 for none."""
    seen = np.full(SIZE, -1)
    nearest = np.full(SIZE, np.inf)
    for index, (a, b, c) in enumerate(faces):
        x, y = columns[[a, b, c]], rows[[a, b, c]]
        left, right = max(0, int(np.ceil(x.min()))), min(SIZE[1] - 1, int(np.floor(x.max())))
        top, bottom = max(0, int(np.ceil(y.min()))), min(SIZE[0] - 1, int(np.floor(y.max())))
        area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        if left > right or top > bottom or area == 0:
            continue
        px, py = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
        edges = [
            ((x[i - 1] - x[i - 2]) * (py - y[i - 2]) - (y[i - 1] - y[i - 2]) * (px - x[i - 2])) / area for i in range(3)
        ]
        here = 1 / sum(edge / z for edge, z in zip(edges, depth[[a, b, c]], strict=True))
        box = np.s_[top : bottom + 1, left : right + 1]
        hit = (np.minimum.reduce(edges) >= 0) & (here < nearest[box])
        seen[box][hit] = index
        nearest[box][hit] = here[hit]
    return seen


def body() -> tuple[Tensor, Tensor]:
    """Anny standing."""
    anny = AnnyBody()
    with torch.inference_mode():
        return anny()[0], anny.faces


def ours(mode: Mode, bodies: int, device: str, start: Callable[[], object] | None = None) -> Cost:
    """Draw bodies at the photo's view and the 7 turns of 6.3.1, after one to warm up."""
    vertices, faces = (tensor.to(device) for tensor in body())
    camera = fit_camera(vertices, SIZE)

    def draw(count: int) -> None:
        render(vertices.expand(count, -1, -1), faces, TURNS, SIZE, mode=mode, camera=camera)
        if device != "cpu":
            torch.cuda.synchronize()

    draw(1)
    if start is not None:
        start()
    return cost(draw, bodies)[1]


def beside(views: int) -> dict[str, object]:
    """Draw views one after another by the loop, and count where ours show another triangle."""
    vertices, faces = body()
    turned = rotate(vertices.double().expand(views, -1, -1), torch.tensor(TURNS[:views]))
    cameras = [fit_camera(vertices, SIZE)] * views
    columns, rows, depth = project(turned, cameras, SIZE)
    grid = [(side * SUBPIXELS).round().div(SUBPIXELS).numpy() for side in (columns, rows)]

    def loop() -> list[np.ndarray]:
        return [plain(x, y, z, faces.numpy()) for x, y, z in zip(*grid, depth.numpy(), strict=True)]

    found, spent = cost(loop)
    different = int((fragments(turned, faces, cameras, SIZE).faces.numpy() != np.stack(found)).sum())
    return row("plain loop", views, spent) | {"different": different}


def row(what: str, views: int, spent: Cost) -> dict[str, object]:
    """Say what views cost."""
    return {
        "what": what,
        "views": views,
        "views_per_second": round(views / spent.seconds, 1),
        "cpu_ms_per_view": round(1000 * spent.cpu_seconds / views, 2),
        "megabytes": round(spent.megabytes),
    }


def rows(tiny: bool) -> Iterator[dict[str, object]]:
    """The measurements, each in processes of its own."""
    bodies, processes = (1 if tiny else 64), torch.get_num_threads()
    modes: tuple[Mode, ...] = ("shaded", "silhouette", "depth")
    for mode in modes:
        yield row(f"{mode} on cpu, 1 process", bodies * len(TURNS), alone(ours, mode, bodies, "cpu"))
        if processes > 1:
            spent = together(processes, ours, mode, bodies, "cpu")
            yield row(f"{mode} on cpu, {processes} processes", processes * bodies * len(TURNS), spent)
        if torch.cuda.is_available():
            yield row(f"{mode} on cuda", bodies * len(TURNS), alone(ours, mode, bodies, "cuda"))
    yield alone(beside, 1 if tiny else len(TURNS))
