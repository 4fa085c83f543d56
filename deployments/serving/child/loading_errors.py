"""Classification of load errors for the report: the file's fault or not.

`refused` is the file's; `transient` the machine's, and is tried again. Memory that
ended below the process's own limit ends the same way with any luck of the machine:
with `out_of_memory` beside it a refusal counts when it was so twice.
"""

import errno
import mmap
import resource
from collections.abc import Iterator
from typing import Any

from deployments.serving.formats.base import TOO_LITTLE_MEMORY, is_memory
from deployments.serving.terms import TargetRefused
from mlops.sandbox.rlimits import mapped_bytes

PASSING = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EAGAIN),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
"""What may be otherwise when it is tried again."""
NO_THREAD = "can't start new thread"
"""CPython's only word for it, a RuntimeError."""
MACHINE_LACKS = "the machine has too little memory free"
SPARE_BYTES = 1 << 20


def finding_of(error: Exception) -> dict[str, Any]:
    """Return what is reported of an error that ended loading."""
    raised = [*_chain(error)]
    if any(is_memory(one) or _number(one) == errno.ENOMEM for one in raised):
        if machine_lacks_memory():
            return {"transient": MACHINE_LACKS}
        return {"refused": TOO_LITTLE_MEMORY, "out_of_memory": True}
    for one in raised:
        if _number(one) in PASSING or NO_THREAD in str(one):
            return {"transient": str(one)[:500]}
    if isinstance(error, TargetRefused):
        return {"refused": str(error)}
    return {"refused": f"Loading it raised {type(error).__name__}: {error}"[:500]}


def is_file_fault(error: Exception) -> bool:
    """Whether it is the file's fault, and would be on any machine."""
    return finding_of(error).keys() == {"refused"}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was made of, which `from None` leaves there."""
    while error is not None:
        yield error
        error = error.__context__


def _number(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def machine_lacks_memory() -> bool:
    """Whether the kernel refuses addresses that the process's own limit allows.

    Allocated, never touched: what the kernel grants costs it nothing.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return True
    left = most - mapped_bytes() - SPARE_BYTES
    if left <= 0:
        return False
    try:
        mmap.mmap(-1, left, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return True
    return False
