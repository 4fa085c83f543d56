"""A live stack for tests: `manage.py up` in a folder and on ports of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from mlops.shared_settings import BASE_DIR
from tests.ports import free_port

START_TIMEOUT_S = 400
STOP_TIMEOUT_S = 60
TOKEN = re.compile(r"^  (admin|scientist|approver) +(mlops_\S+)", re.MULTILINE)
END_OF_BANNER = "Ctrl-C stops everything"
DEMO_COMES, DEMO_IS_TOLD = "The demo is being told", "The demo is complete"


class LiveStack:
    """Everything that `make run` starts; its output is read as it comes.

    `database_url` is "" for SQLite in the folder; without it, it is the environment's.
    `code` is the checkout that starts; it may be another release's.
    """

    code = BASE_DIR

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        database_url: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port, self.serving_port = free_port(), free_port()
        self.stream_port = free_port()
        self.output = ""
        self._arguments = arguments
        self._settings = dict(settings or {})
        if database_url is not None:
            self._settings["DATABASE_URL"] = database_url

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def serving_url(self) -> str:
        return f"http://localhost:{self.serving_port}"

    @property
    def tokens(self) -> dict[str, str]:
        return dict(TOKEN.findall(self.output))

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start it, and stop it whatever happens then."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *self._arguments],
            cwd=self.code,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_up():
            assert self.process.poll() is None, self.output[-4000:]
            assert time.monotonic() < deadline, self.output[-4000:]
            time.sleep(0.1)

    def _is_up(self) -> bool:
        """Whether everything serves and the demo, if it is told, has been."""
        tells = DEMO_COMES in self.output and DEMO_IS_TOLD not in self.output
        assert "story broke off" not in self.output, self.output[-4000:]
        return END_OF_BANNER in self.output and not tells

    def manage(self, *arguments: str) -> str:
        """Run a command of the stack's own store, as its operator would."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=self._environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def stop(self, number: int = signal.SIGINT) -> int:
        """Interrupt it as Ctrl-C does and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        finally:
            self.process.kill()
            self._reader.join(5)

    def _read(self) -> None:
        with self.process.stdout as output:
            for line in output:
                self.output += line

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("MLOPS_") and key != "DJANGO_SETTINGS_MODULE"
        }
        own = {
            "MLOPS_DATA_DIR": str(self.folder),
            "MLOPS_PORT": str(self.port),
            "MLOPS_SERVING_PORT": str(self.serving_port),
            "MLOPS_STREAM_PORT": str(self.stream_port),
        }
        return kept | own | self._settings
