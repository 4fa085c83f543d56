"""One BLAS thread for a matrix product, because we split the rows ourselves.

Two OpenBLAS threads on two busy cores took 5-12 times the CPU, spinning.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_thread_per_product() -> Iterator[None]:
    """Limit BLAS to one thread per product while the block runs, in all threads."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
