"""Memory that something large took, and that nobody needs any more."""

import ctypes
import gc


def give_back() -> None:
    """Collect garbage and return free memory to the kernel.

    By malloc_trim(3) where the C library has it; otherwise a process stays as large as
    it ever was.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
