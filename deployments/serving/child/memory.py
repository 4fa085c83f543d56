"""Memory that loading a model took, and that nobody needs any more."""

import ctypes


def trim() -> None:
    """Give what is free back to the kernel, where the C library can; malloc_trim(3).

    A process may wait for days; what was read, parsed and packed stays in it otherwise.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
