"""Memory counts as if nothing else ran."""

import mmap
import os
import subprocess
import sys

import pytest

from bench.alone import PAGE_BYTES, alone_bytes

MB = 1 << 20
HOLDER = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sum(mapped[::4096])
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def mapping(tmp_path):
    """Start a process that has mapped 8 MB of a file, as often as it is called."""
    path, running = tmp_path / "shared", []
    path.write_bytes(os.urandom(8 * MB))

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        running.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in running:
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux's /proc")
def test_a_page_counts_once_and_whole_whoever_else_has_it(mapping):
    one = mapping()
    before = alone_bytes([one])
    others = [mapping() for _ in range(3)]

    after = alone_bytes([one])
    both = alone_bytes([one, others[0]])

    assert abs(after - before) < MB  # PSS would have lost 6 MB
    assert both - after < 6 * MB  # the second one's own, without the file
    assert PAGE_BYTES == mmap.PAGESIZE
