"""Work shared by several processes of this machine, each with one thread."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_workers(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Apply a function to items and yield the results in their order.

    Args:
        function: of a module, and picklable, where there are several workers.
        items: likewise.
        workers: processes; 1 works in this one. A script that asks for more needs `if __name__ == "__main__"`.
    Raises:
        OSError: if a worker was killed.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start) as pool:
        try:
            yield from pool.map(function, items)
        except BrokenExecutor:
            raise OSError("a worker was killed, out of memory perhaps: fewer workers need less") from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread, as in a worker: several threads round sums otherwise than one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _start() -> None:
    """Work in one thread, and not longer than the process that gives the work, which may be killed."""
    torch.set_num_threads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
