"""Seconds and memory of a function, in a process of its own."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Cost(NamedTuple):
    """What a call took."""

    seconds: float
    """By the clock on the wall."""
    cpu_seconds: float
    """Of all threads."""
    megabytes: float
    """Peak of the resident memory above what was there before the call, arguments included; Linux alone tells it."""


def alone(function: Callable[..., T], *given: Any) -> T:
    """Call a function of a module in a fresh process, which inherits the environment."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(function, *given).result()


def cost(function: Callable[..., T], *given: Any) -> tuple[T, Cost]:
    """Call a function here and measure it."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident now
    before = _kilobytes("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*given)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return result, Cost(seconds, cpu_seconds, (_kilobytes("VmHWM") - before) / 1024)


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
