"""What is said of a process that ended before it had said anything."""

import os
import signal
import subprocess
import sys

import pytest

from datasets.analytics.endings import Ending, ending, named

LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_{}, ({}, {}))\n"
PROGRAMS = {
    "bytearray(1 << 40)": Ending.MEMORY,
    LIMITED.format("AS", 1 << 30, 1 << 30) + "bytes(2 << 30)": Ending.MEMORY,
    LIMITED.format("CPU", 1, 9) + "while True: pass": Ending.TIME,
    "import signal; signal.alarm(1); signal.pause()": Ending.TIME,
    "import os; os.kill(os.getpid(), 9)": Ending.KILLED,
    "import os; os.abort()": Ending.CRASHED,
    "import ctypes; ctypes.string_at(0)": Ending.CRASHED,
    "import pathlib; pathlib.Path('/dev/full').write_text('x')": Ending.DISK,
    "raise ValueError": Ending.CRASHED,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_ending_is_known_by_status_and_log(program):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0))\n" + program,
        ],
        capture_output=True,
        check=False,
        cwd=os.sep,
    )

    assert ending(done.returncode, done.stderr) is PROGRAMS[program]


def test_a_code_has_a_name():
    assert named(-signal.SIGSEGV) == "SIGSEGV"
    assert named(3) == "status 3"
    assert named(-99) == "signal 99"
