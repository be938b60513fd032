"""Work shared by several processes of this machine, each with one thread."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
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
    with ProcessPoolExecutor(workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield from pool.map(function, items)
        except BrokenExecutor:
            raise OSError("a worker was killed, out of memory perhaps: start the same command again") from None
        finally:
            pool.shutdown(cancel_futures=True)
