"""What is said of a process that ended before it had said anything."""

import os
import signal
import subprocess
import sys

import pytest

from datasets.analytics.exit_reasons import ExitReason, exit_code_name, exit_reason

LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_{}, ({}, {}))\n"
PROGRAMS = {
    "bytearray(1 << 40)": ExitReason.MEMORY,
    LIMITED.format("AS", 1 << 30, 1 << 30) + "bytes(2 << 30)": ExitReason.MEMORY,
    LIMITED.format("CPU", 1, 9) + "while True: pass": ExitReason.TIME,
    "import signal; signal.alarm(1); signal.pause()": ExitReason.TIME,
    "import os; os.kill(os.getpid(), 9)": ExitReason.KILLED,
    "import os; os.abort()": ExitReason.CRASHED,
    "import ctypes; ctypes.string_at(0)": ExitReason.CRASHED,
    "import pathlib; pathlib.Path('/dev/full').write_text('x')": ExitReason.DISK,
    "raise ValueError": ExitReason.CRASHED,
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

    assert exit_reason(done.returncode, done.stderr) is PROGRAMS[program]


def test_a_code_has_a_name():
    assert exit_code_name(-signal.SIGSEGV) == "SIGSEGV"
    assert exit_code_name(3) == "status 3"
    assert exit_code_name(-99) == "signal 99"
