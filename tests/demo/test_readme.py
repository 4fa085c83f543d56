"""The transcripts of README and docs, line by line, against a live server."""

import os
import subprocess
import threading
import time
import uuid
from itertools import chain
from pathlib import Path

import pytest
from django.conf import settings

from tests.demo.live import LiveStack
from tests.demo.transcript import commands

pytestmark = pytest.mark.slow

COMMAND_TIMEOUT_S = 180
ROUTE_TIMEOUT_S = 60
BASE = Path(settings.BASE_DIR)
TRANSCRIPTS = (BASE / "README.md", BASE / "docs" / "datasets.md")


class Shell:
    """One bash that keeps its variables from command to command."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, line: str) -> str:
        """Return what the command printed; one that takes too long fails."""
        mark = uuid.uuid4().hex
        watchdog = threading.Timer(COMMAND_TIMEOUT_S, self._bash.kill)
        watchdog.start()
        self._bash.stdin.write(f"{line}\necho {mark}\n")
        self._bash.stdin.flush()
        output = ""
        while mark not in output:
            read = self._bash.stdout.readline()
            assert read, f"$ {line}\n{output}\n(ended after {COMMAND_TIMEOUT_S} s?)"
            output += read
        watchdog.cancel()
        return output.replace(mark, "").strip()

    def close(self) -> None:
        self._bash.kill()
        self._bash.communicate()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = LiveStack(tmp_path_factory.mktemp("live"))
    stack.start()
    yield stack
    assert stack.stop() == 0, stack.output[-4000:]


@pytest.fixture
def shell(stack, tmp_path):
    (tmp_path / "mlops").symlink_to(settings.BASE_DIR / "mlops")
    names = {"scientist": "SCIENTIST", "approver": "APPROVER"}
    tokens = {variable: stack.tokens[name] for name, variable in names.items()}
    shell = Shell(tmp_path, os.environ | tokens)
    yield shell
    shell.close()


def test_every_line_of_the_transcripts_does_what_it_says(stack, shell):
    for command in chain(*(commands(page.read_text()) for page in TRANSCRIPTS)):
        if command.line.startswith("export SCIENTIST="):
            continue

        output = run_here(stack, shell, command)

        assert command.is_met_by(output), f"$ {command.line}\n{output}"


def run_here(stack, shell, command):
    """Run a command against the stack's own ports.

    The gateway learns of a switch a moment after the database, so a prediction may
    be asked for again.
    """
    line = command.line.replace("localhost:8500", f"localhost:{stack.port}")
    line = line.replace("localhost:8501", f"localhost:{stack.serving_port}")
    deadline = time.monotonic() + ROUTE_TIMEOUT_S
    while True:
        output = shell.run(line).replace(f":{stack.serving_port}", ":8501")
        is_late = time.monotonic() > deadline or not line.endswith("/infer")
        if command.is_met_by(output) or is_late:
            return output
