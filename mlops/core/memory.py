"""Memory that something large took, and that nobody needs any more."""

import ctypes
import gc


def give_back() -> None:
    """Collect what is unreachable, and give what is free back to the kernel.

    A process that worked hard once stays large otherwise: malloc_trim(3), where the C
    library has it.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
