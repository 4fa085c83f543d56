"""Memory that something large took, and that nobody needs any more."""

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r--p|r-xp) \S+ \S+ \S+ +(/.*)")
MADV_DONTNEED = 4


def give_back() -> None:
    """Collect garbage and return free memory to the kernel."""
    gc.collect()
    trim()


def trim() -> None:
    """Return what is free to the kernel, where the C library can; malloc_trim(3).

    A process may wait for days; otherwise it stays as large as it ever was.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def unmap_code(folder: Path) -> None:
    """Take the pages of libraries below a folder out of this process.

    They stay in the kernel's cache of files, which is free memory to whoever needs it;
    what is called again is mapped again, within milliseconds. Pages that were written,
    by relocations, stay: a file has no copy of them.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "madvise"):
        return
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in _unwritten(folder.resolve()):
        libc.madvise(start, end - start, MADV_DONTNEED)


def _unwritten(folder: Path) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of mappings of files of which this process has written none.

    As proc_pid_smaps(5) tells; nothing where there is no such file.
    """
    try:
        lines = Path("/proc/self/smaps").read_text().splitlines()
    except OSError:
        return
    candidate: tuple[int, int] | None = None
    for line in lines:
        if line[0] in "0123456789abcdef":
            candidate = _within(line, folder)
        elif candidate and line.split() == ["Anonymous:", "0", "kB"]:
            yield candidate


def _within(line: str, folder: Path) -> tuple[int, int] | None:
    mapping = MAPPING.fullmatch(line)
    if mapping is None:
        return None
    start, end, _, path = mapping.groups()
    if not Path(path).is_relative_to(folder):
        return None
    return int(start, 16), int(end, 16)
