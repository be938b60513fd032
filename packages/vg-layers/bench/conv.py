"""Time of the transposed convolutions, forward and backward, beside plain nn.ConvTranspose3d in the same run.

    python packages/vg-layers/bench/conv.py [--repeats 9] [--dtype bfloat16] [--threads 2] [--device cuda] [--json FILE]

A row is one layer of G3AN at 64x64 pixels and 16 frames, batch 4. The two forms take turns, so that a busy machine
disturbs both, and have the same weights; medians in milliseconds, ratio above 1 where ours is faster.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from vg_layers import SpatialTransposedConv, TemporalTransposedConv, Window

# name, layer, channels in and out, window, (t, h, w) of the input
CASES = [
    ("temporal 1024-512, 4 to 8 times, 4x4", TemporalTransposedConv, 1024, 512, Window(4, 2, 1), (4, 4, 4)),
    ("spatial 512-512, 4x4 to 8x8", SpatialTransposedConv, 512, 512, Window(4, 2, 1), (8, 4, 4)),
    ("temporal 1024-256, 8 to 16 times, 8x8", TemporalTransposedConv, 1024, 256, Window(4, 2, 1), (8, 8, 8)),
    ("spatial 256-256, 8x8 to 16x16", SpatialTransposedConv, 256, 256, Window(4, 2, 1), (16, 8, 8)),
    ("temporal 1x1x1 512-128, 16x16", TemporalTransposedConv, 512, 128, Window(1), (16, 16, 16)),
    ("spatial 128-128, 16x16 to 32x32", SpatialTransposedConv, 128, 128, Window(4, 2, 1), (16, 16, 16)),
    ("spatial 64-64, 32x32 to 64x64", SpatialTransposedConv, 64, 64, Window(4, 2, 1), (16, 32, 32)),
    ("spatial 16-16, 32x32 to 64x64 (tiny)", SpatialTransposedConv, 16, 16, Window(4, 2, 1), (16, 32, 32)),
]


def seconds(module: nn.Module, x: Tensor, dtype: torch.dtype) -> float:
    """Wall time of one forward and backward with respect to input and weights."""
    x = x.detach().requires_grad_()
    module.zero_grad()
    start = time.perf_counter()
    with torch.autocast(x.device.type, dtype=dtype, enabled=dtype != torch.float32):
        y = module(x)
    y.backward(torch.ones_like(y))
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(case: tuple, repeats: int, dtype: torch.dtype, device: str) -> dict[str, float | str]:
    name, layer, c_in, c_out, window, size = case
    ours = layer(c_in, c_out, window).to(device)
    plain = nn.ConvTranspose3d(c_in, c_out, ours.kernel_size, ours.stride, ours.padding).to(device)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(4, c_in, *size, device=device)
    forms = {"plain": (plain, x), "ours": (ours, x.contiguous(memory_format=torch.channels_last_3d))}
    times: dict[str, list[float]] = {form: [] for form in forms}
    for turn in range(repeats + 2):  # the first two warm up
        for form, (module, images) in forms.items():
            elapsed = seconds(module, images, dtype)
            if turn >= 2:
                times[form].append(elapsed)
    medians = {form: 1e3 * statistics.median(values) for form, values in times.items()}
    return {"case": name, **medians, "ratio": medians["plain"] / medians["ours"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="timed rounds, at least 7")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="autocast precision")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if options.repeats < 7:
        parser.error(f"--repeats {options.repeats} is too few for a median: at least 7")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    print(f"{'layer, batch 4':40} {'plain ms':>10} {'ours ms':>10} {'ratio':>7}")
    rows = []
    for case in CASES:
        row = compare(case, options.repeats, getattr(torch, options.dtype), options.device)
        rows.append(row)
        print(f"{row['case']:40} {row['plain']:10.1f} {row['ours']:10.1f} {row['ratio']:7.2f}")
    if options.json:
        setting = {"torch": torch.__version__, "machine": platform.processor() or platform.machine()}
        setting |= {key: str(getattr(options, key)) for key in ("dtype", "threads", "device", "repeats")}
        options.json.write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
