"""The two servers under test, one worker each, and what they cost."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.foreign import HERE

READY_S = 90
_MAKE_CALLER = """
from mlops.core.models import ApiToken, User
user = User.objects.create_superuser("bench", password=None)
print(ApiToken.issue(user, "bench")[1])
"""


_LET_IN = """
from mlops.core.models import User
user = User.objects.get(username="bench")
user.set_password({password!r})
user.save()
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where, who, and the token that opens it ("" for none)."""

    name: str
    port: int
    process: psutil.Process
    token: str = ""

    def cpu_s(self) -> float:
        """Return the CPU seconds that the server and its children have used."""
        family = [self.process, *self.process.children(recursive=True)]
        total = 0.0
        for one in family:
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total


@contextmanager
def theirs(python: Path, folder: Path) -> Iterator[Server]:
    """Run `mlflow server` on its default store, SQLite, with one worker."""
    port = free_port()
    command = [
        *(str(python), "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with _running(command, env, folder, port) as process:
        yield Server("mlflow", port, process)


@contextmanager
def ours(
    folder: Path,
    *,
    synchronous: str = "FULL",
    threads: int = 1,
    syncs_files: bool = True,
    **settings: str,
) -> Iterator[Server]:
    """Run this project with one worker on a fresh SQLite file."""
    port = free_port()
    env = {
        **environment(folder),
        "MLOPS_SQLITE_SYNCHRONOUS": synchronous,
        "MLOPS_ARTIFACT_SYNC": "on" if syncs_files else "off",
        **settings,
    }
    token = prepared(env)
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1"),
        *("--blocking-threads", str(threads), "--log-level", "warning"),
        *("--host", "127.0.0.1", "--port", str(port), "mlops.wsgi:application"),
    ]
    with _running(command, env, HERE, port) as process:
        yield Server("ours", port, process, token)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of our commands on the store in a folder."""
    env = {
        **os.environ,
        "MLOPS_DATA_DIR": str(folder),
        "MLOPS_LOG_LEVEL": "ERROR",
    }
    env.pop("DATABASE_URL", None)
    return env


def set_password(folder: Path, password: str) -> None:
    """Let the one user of the store in a folder sign in by a password."""
    command = [sys.executable, str(HERE / "manage.py"), "shell", "--verbosity", "0"]
    subprocess.run(  # noqa: S603 - our own manage.py
        [*command, "-c", _LET_IN.format(password=password)],
        check=True,
        cwd=HERE,
        env=environment(folder),
    )


def prepared(env: dict[str, str]) -> str:
    """Migrate the database and return a token that may do everything."""
    manage = [sys.executable, str(HERE / "manage.py")]
    subprocess.run(  # noqa: S603 - our own manage.py
        [*manage, "migrate", "--verbosity", "0"], check=True, env=env, cwd=HERE
    )
    issued = subprocess.run(  # noqa: S603 - our own manage.py
        [*manage, "shell", "--verbosity", "0", "-c", _MAKE_CALLER],
        check=True,
        env=env,
        cwd=HERE,
        capture_output=True,
        text=True,
    )
    return issued.stdout.strip().splitlines()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(
    command: list[str], env: dict[str, str], folder: Path, port: int
) -> Iterator[psutil.Process]:
    with subprocess.Popen(  # noqa: S603 - the servers under test
        command,
        env=env,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as started:
        process = psutil.Process(started.pid)
        try:
            _wait(port)
            yield process
        finally:
            for child in process.children(recursive=True):
                child.terminate()
            started.terminate()
            started.wait(timeout=20)


def _wait(port: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no server on port {port}")
