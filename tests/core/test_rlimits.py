"""Limits that a process puts on itself before it reads what others have made."""

import os
import signal
import subprocess
import sys

CONFINED = """
import os, sys
from mlops.sandbox.rlimits import SandboxLimits, confine
confine(SandboxLimits(1 << 30, parent=int(sys.argv[1])))
print("lives", flush=True)
os.read(0, 1)
"""


def confined(parent: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CONFINED, str(parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_process_whose_parent_has_gone_before_is_killed_at_once():
    with confined(parent=os.getpid() + (1 << 22)) as orphan:
        output, _ = orphan.communicate(timeout=60)

    assert (orphan.returncode, output) == (-signal.SIGKILL, b"")


def test_a_process_with_its_parent_goes_on():
    with confined(parent=os.getpid()) as child:
        output, _ = child.communicate(b"x", timeout=60)

    assert (child.returncode, output) == (0, b"lives\n")
