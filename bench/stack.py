"""All of `manage.py up`, for as long as something is measured."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_S = 600.0
END_OF_BANNER = "Ctrl-C stops everything"
END_OF_DEMO = "The demo is complete"


@contextmanager
def running(
    environment: Mapping[str, str],
    out: Path,
    *arguments: str,
    python: str = sys.executable,
    until: str = END_OF_BANNER,
) -> Iterator[tuple[int, str]]:
    """Run everything; yield its process and what it said `until` then, as `out` has it.

    Raises RuntimeError with the end of that if it does not start.
    """
    command = [python, "manage.py", "up", *arguments]
    with out.open("w") as file:
        process = subprocess.Popen(  # noqa: S603 - ours
            command, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_S
        while until not in out.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(out.read_text()[-2000:])
            time.sleep(0.5)
        yield process.pid, out.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)
