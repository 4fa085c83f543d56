"""No library reports to anybody, from any process that imports the project."""

import os
import subprocess
import sys

import mlops


def test_telemetry_is_off_whatever_the_environment_says():
    environment = os.environ | dict.fromkeys(mlops.SILENT, "0")
    code = "import os, mlops; print(*[os.environ[name] for name in mlops.SILENT])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == list(mlops.SILENT.values())
