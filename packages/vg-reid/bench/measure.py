"""Seconds and memory of a function, in a process of its own or in several."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

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


def together(processes: int, function: Callable[..., Cost], *given: Any) -> Cost:
    """Call a function in fresh processes of one thread each, and add up what it says that it cost.

    It gets a `start` as its last argument, at which the processes wait for each other: once warm they start together.
    The seconds are those of the slowest.
    """
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, spawn, initializer=torch.set_num_threads, initargs=(1,))
    with spawn.Manager() as manager, pool:
        start = manager.Barrier(processes, timeout=600).wait
        calls = [pool.submit(function, *given, start) for _ in range(processes)]
        seconds, cpu_seconds, megabytes = zip(*(call.result() for call in calls), strict=True)
    return Cost(max(seconds), sum(cpu_seconds), sum(megabytes))


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
