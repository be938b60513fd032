"""Times the forms of one computation against each other, in turns, and says how much memory each needs.

A bench is a file of this folder with a function `cases(setting) -> Iterator[Case]`. A case holds forms, callables
without arguments that compute the same, the plain form first:

    def cases(setting: Setting) -> Iterator[Case]:
        x = setting.randn(4, 64, 32, 32)
        forms = {"plain": forward_backward(plain, x), "ours": forward_backward(ours, x)}
        yield Case(name="layer at 32x32", forms=forms, flops=3e9)

Forms leave nothing behind: derivatives come from `torch.autograd.grad`, not into `.grad`. `python
packages/vg-layers/bench --help` says how to run.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

Result = Tensor | tuple[Tensor, ...]
Form = Callable[[], Result]

UNIT = 1536  # the unit is a product of two float32 matrices of this size
WARM_UP = 2  # rounds that are not counted
SAMPLE_SECONDS = 0.01  # a quick form is called again and again for at least this long


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a run measures."""

    device: torch.device
    dtype: torch.dtype = torch.float32
    repeats: int = 9  # counted rounds
    tiny: bool = False  # cases shrink: the figures mean nothing, but all runs

    def randn(self, *shape: int, requires_grad: bool = True) -> Tensor:
        return torch.randn(shape, device=self.device, dtype=self.dtype, requires_grad=requires_grad)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One computation and its forms, the plain one first."""

    name: str
    forms: dict[str, Form]
    flops: float = 0.0  # arithmetic that the computation needs, 2 a multiply-add; 0: not said
    moved: float = 0.0  # bytes that it must read and write; 0: not said


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of one form of one case."""

    case: str
    form: str
    milliseconds: float  # median
    fastest: float
    slowest: float
    ratio: float  # time of the plain form / time of this one: above 1 where this one is faster
    limit: float | None  # time at the rate of the unit / time of this form: 1 is all arithmetic can do
    gigabytes_per_second: float | None
    memory: float  # peak above the inputs, MiB
    memory_ratio: float | None  # memory of this form / memory of the plain one
    difference: float  # of the (first) result from the plain form's, relative to its size


def forward(function: Callable[..., Tensor], *inputs: Tensor) -> Form:
    """The values alone, as in inference."""

    def form() -> Result:
        with torch.no_grad():
            return function(*inputs)

    return form


def forward_backward(function: Callable[..., Tensor], *inputs: Tensor) -> Form:
    """The gradients of the function's inputs and, when it is a module, of its parameters."""
    wanted = _wanted(function, inputs)
    with torch.no_grad():
        y = function(*inputs)
    values = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    cotangent = torch.empty_like(y).copy_(values)  # in the layout that the form has

    def form() -> Result:
        return torch.autograd.grad(function(*inputs), wanted, cotangent)

    return form


def second_order(function: Callable[..., Tensor], *inputs: Tensor) -> Form:
    """The gradients of half the squared norm of the first input's gradient, as a gradient penalty takes them."""
    wanted = _wanted(function, inputs)

    def form() -> Result:
        y = function(*inputs)
        (gradient,) = torch.autograd.grad(y.square().sum(), inputs[0], create_graph=True)
        return torch.autograd.grad(gradient.square().sum() / 2, wanted)

    return form


def unit(setting: Setting) -> float:
    """Seconds of the matrix product that other times can be held against."""
    a, b = (torch.randn(UNIT, UNIT, device=setting.device) for _ in range(2))
    times = [_seconds(lambda: a @ b, setting.device) for _ in range(WARM_UP + setting.repeats)]
    return statistics.median(times[WARM_UP:])


def measure(case: Case, setting: Setting, unit_seconds: float) -> list[Row]:
    """Time the forms of a case in turns, A B A B, so that a busy moment disturbs all; then their memory and results."""
    device = setting.device
    calls = {name: 1 + int(SAMPLE_SECONDS / _seconds(form, device)) for name, form in case.forms.items()}
    times: dict[str, list[float]] = {name: [] for name in case.forms}
    for turn in range(WARM_UP + setting.repeats):
        for name, form in case.forms.items():
            elapsed = _seconds(form, device, calls[name])
            if turn >= WARM_UP:
                times[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    memory = {name: peak_memory(form, device) for name, form in case.forms.items()}
    plain = next(iter(case.forms))
    expected = case.forms[plain]()
    limit = case.flops * unit_seconds / (2 * UNIT**3)
    return [
        Row(
            case=case.name,
            form=name,
            milliseconds=1e3 * seconds,
            fastest=1e3 * min(times[name]),
            slowest=1e3 * max(times[name]),
            ratio=medians[plain] / seconds,
            limit=limit / seconds if case.flops else None,
            gigabytes_per_second=case.moved / seconds / 1e9 if case.moved else None,
            memory=memory[name] / 2**20,
            memory_ratio=memory[name] / memory[plain] if memory[plain] else None,
            difference=_difference(case.forms[name](), expected),
        )
        for name, seconds in medians.items()
    ]


def peak_memory(form: Form, device: torch.device) -> int:
    """Bytes that a form holds at its worst moment above what stood before, its results included.

    On a CPU the allocations and releases of PyTorch are read from the profiler's trace: unlike the resident set they do
    not depend on what the allocator kept from earlier, and are the same in every run. Buffers inside the BLAS are not
    seen.
    """
    form()  # what is kept for good, such as a cached basis, is there already
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        form()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        form()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    held = peak = 0
    for event in sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: float(e["ts"])):
        held += event["args"]["Bytes"]
        peak = max(peak, held)
    return peak


def table(rows: Iterable[Row]) -> str:
    """The rows as plain text."""
    heads = ("case", "form", "ms", "ratio", "limit", "GB/s", "MiB", "memory", "differs")
    lines = [_line(heads)]
    for row in rows:
        figures = (
            f"{row.milliseconds:.2f}",
            f"{row.ratio:.2f}",
            "" if row.limit is None else f"{row.limit:.0%}",
            "" if row.gigabytes_per_second is None else f"{row.gigabytes_per_second:.1f}",
            f"{row.memory:.1f}",
            "" if row.memory_ratio is None else f"{row.memory_ratio:.2f}",
            f"{row.difference:.0e}",
        )
        lines.append(_line((row.case, row.form, *figures)))
    return "\n".join(lines)


def save(rows: Iterable[Row], about: dict[str, object], path: Path) -> None:
    """Write rows and what is to be known about them as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


def run(cases: Iterator[Case], setting: Setting, unit_seconds: float) -> list[Row]:
    """Measure case after case, printing as it goes; a case is dropped before the next one is made."""
    rows: list[Row] = []
    for case in cases:
        new = measure(case, setting, unit_seconds)
        print(table(new) if not rows else table(new).split("\n", 1)[1], flush=True)
        rows += new
        del case
    return rows


def _wanted(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    parameters = function.parameters() if isinstance(function, nn.Module) else ()
    return [tensor for tensor in (*inputs, *parameters) if tensor.requires_grad]


def _seconds(form: Callable[[], object], device: torch.device, calls: int = 1) -> float:
    """Wall time of one call."""
    _wait(device)
    start = time.perf_counter()
    for _ in range(calls):
        form()
    _wait(device)
    return (time.perf_counter() - start) / calls


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _difference(result: Result, expected: Result) -> float:
    """The relative distance of two results, or of the first tensors of them: parameters may differ in number."""
    a, b = (x if isinstance(x, Tensor) else x[0] for x in (result, expected))
    return ((a - b).double().norm() / b.double().norm().clamp(min=1e-30)).item()


def _line(cells: tuple[str, ...]) -> str:
    case, form, *figures = cells
    return f"{case:48} {form:12}" + "".join(f"{figure:>10}" for figure in figures)
