"""What a process gives back."""

import subprocess
import sys

import pytest

SCRIPT = """
import sysconfig
from pathlib import Path
import numpy as np
from mlops import memory

def mapped_kb():
    rss, found = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line[0] in "0123456789abcdef":
            rss = "numpy" in line
        elif rss and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found

matrix = np.arange(9.0).reshape(3, 3)
product = np.linalg.inv(matrix + np.eye(3))
before = mapped_kb()
memory.unmap_code(Path(sysconfig.get_path("platlib")) / "numpy")
memory.unmap_code(Path(sysconfig.get_path("platlib")) / "numpy.libs")
after = mapped_kb()
again = np.linalg.inv(matrix + np.eye(3))
print(after < before * 0.75, bool((product == again).all()), mapped_kb() > after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux's /proc")
def test_code_that_was_unmapped_goes_on_to_work_and_comes_back():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "True", "True"]
