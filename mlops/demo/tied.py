"""Becomes another program that ends with its parent: `tied.py PARENT PROGRAM ...`.

A script of its own, because Python between fork and exec is not safe in a process
with threads: a library's thread that is missing in the child can crash it there.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept by exec


def main(parent: int, command: list[str]) -> None:
    """Have the kernel end this process with its parent; then become the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == parent:  # no signal comes for one that ended before
        os.execvp(command[0], command)  # noqa: S606 - the stack's own commands


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
