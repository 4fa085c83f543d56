"""Memory of some processes, as if nothing else ran on the machine.

PSS divides a page of a library among all who have mapped it, strangers too: with many
other Python programs it comes out too small. Here a page of a file counts once, however
many of these processes, or others, have it. Anonymous memory is shared with relatives
alone, so that the kernel's share of it is right. Needs Linux, and no privilege.
"""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

PAGE_BYTES = 4096
ENTRY_BYTES = 8
PRESENT, OF_A_FILE = 1 << 63, 1 << 61
"""Bits of an entry; pagemap.rst of the kernel's documentation."""

Page = tuple[str, str, int]
"""Device, inode and number of a page within its file."""


def alone_bytes(pids: Iterable[int]) -> int:
    """Return what these processes hold: anonymous, and each page of a file once."""
    files, anonymous = set[Page](), 0
    for pid in pids:
        anonymous += _rolled_up(pid, "Pss_Anon")
        files.update(_file_pages(pid))
    return anonymous + len(files) * PAGE_BYTES


def pss_bytes(pid: int) -> int:
    return _rolled_up(pid, "Pss")


def _rolled_up(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) * 1024


def _file_pages(pid: int) -> Iterator[Page]:
    """Yield the pages of files, and of memory without a file that is shared."""
    mappings = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
        for mapping in mappings:
            addresses, _, offset, device, inode, *_ = mapping.split(maxsplit=5)
            if inode == "0":
                continue
            start, end = (int(each, 16) for each in addresses.split("-"))
            first = int(offset, 16) // PAGE_BYTES
            pagemap.seek(start // PAGE_BYTES * ENTRY_BYTES)
            entries = array(
                "Q", pagemap.read((end - start) // PAGE_BYTES * ENTRY_BYTES)
            )
            for number, entry in enumerate(entries, first):
                if entry & PRESENT and entry & OF_A_FILE:
                    yield device, inode, number
