"""A real gateway process, and model servers that behave as a test says."""

import contextlib
import functools
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from pathlib import Path

from deployments.serving.publishing import FilePublisher, route_name
from tests.deployments.targets.waiting import until
from tests.ports import free_port

PATIENT = ("--read-s", "30", "--hold-s", "30")
KEY = "secret-key"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


class GatewayProcess:
    """A gateway with long timeouts, for a busy machine, unless arguments set others."""

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        is_synced: bool = True,
        log=None,
        settings=None,
    ) -> None:
        self.data_dir, self._arguments, self._log = data_dir, arguments, log
        self._settings = settings or {}
        self._start()
        try:
            until(self._is_up)
            if is_synced:
                self.sync()
        except AssertionError:
            self.process.terminate()
            self.process.wait(30)
            raise

    def sync(self) -> None:
        """Wait until all its workers have every published route."""
        until(lambda: len(self._sockets() - self._before) >= self._workers())
        publisher = publisher_of(self.data_dir)
        publisher.complete()
        publisher.settle()

    def _sockets(self) -> set[Path]:
        """Return where workers listen; one that does not yet has a hidden name."""
        return set((self.data_dir / "run" / "gateways").glob("[!.]*.sock"))

    def _workers(self) -> int:
        asked = dict(zip(self._arguments, self._arguments[1:], strict=False))
        return int(asked.get("--workers", 2))

    def _start(self) -> None:
        self._before = self._sockets()
        self.port = free_port()
        command = [sys.executable, "-m", "deployments.gateway"]
        command += ["--data-dir", str(self.data_dir), "--port", str(self.port)]
        kept = {"PATH": os.environ["PATH"], **self._settings}
        command += [*PATIENT, *self._arguments]
        self.process = subprocess.Popen(command, env=kept, stderr=self._log)

    def _is_up(self) -> bool:
        """Say whether it answers; it is started anew when the port was taken."""
        if self.process.poll() is not None:
            self._start()
        with contextlib.suppress(OSError):
            return self.get("/healthz")[0] == 200
        return False

    def listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 30).close()
            return True
        return False

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body, **options):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, body=raw, **options)

    def call(self, method, path, *, body=None, key=KEY, headers=None):
        """Return (status, parsed body, headers) over a connection of its own."""
        connection = self.connect()
        head = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            connection.request(method, path, body, {**head, **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read()
            is_json = answer.headers["content-type"] == "application/json"
            parsed = json.loads(raw) if is_json and raw else raw.decode()
            return answer.status, parsed, answer.headers
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)

    def counted(self) -> dict[str, dict]:
        """Return the sums over all spool files, by deployment."""
        sums: dict[str, dict] = {}
        for path in (self.data_dir / "traffic").glob("*.json"):
            for key, tally in json.loads(path.read_bytes())["deployments"].items():
                into = sums.setdefault(key, {})
                for name, value in tally.items():
                    if isinstance(value, dict):
                        counts = into.setdefault(name, Counter())
                        counts.update(value)
                    else:
                        into[name] = into.get(name, 0) + value
        return sums

    def close(self) -> int:
        publisher_of(self.data_dir).close()
        self.process.terminate()
        return self.process.wait(30)


class FakeServer:
    """A model server of which a test says what it does with each connection."""

    def __init__(self, folder: Path, behave=None) -> None:
        self.path = folder / f"{uuid.uuid4().hex[:8]}.sock"
        self.requests: list[bytes] = []
        self.is_closed = False
        self._behave = behave or answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening: to the gateway the process is dead."""
        self.is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(
                    target=self._talk, args=(connection,), daemon=True
                ).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := read_request(connection):
                self.requests.append(request)
                if not self._behave(self, connection, request):
                    return


def read_request(connection: socket.socket) -> bytes:
    """Return one whole request, empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(
    connection: socket.socket, body: bytes = b"{}", status: int = 200, more: bytes = b""
) -> bool:
    """Answer; `more` is whole lines of the head."""
    head = b"HTTP/1.1 %d OK\r\ncontent-length: %d\r\n" % (status, len(body))
    head += more + b"content-type: application/json\r\n\r\n"
    connection.sendall(head + body)
    return True


def answers(server, connection, request) -> bool:
    return reply(connection)


@functools.cache
def publisher_of(data_dir: Path) -> FilePublisher:
    return FilePublisher(data_dir / "run")


def publish(data_dir: Path, deployment_id: str, *servers: FakeServer, version="1"):
    content = {
        "deployment_id": deployment_id,
        "version": version,
        "sockets": [str(server.path) for server in servers],
    }
    publisher = publisher_of(data_dir)
    publisher.put(f"backends/{deployment_id}", content)
    publisher.settle()


def route(
    data_dir: Path,
    model: str,
    *entries: dict,
    keys=(DIGEST,),
    key_limits=None,
    sample_rate=0.0,
) -> None:
    """Publish a slot's route; an entry's usual weight is 100."""
    usual = {"version": "1", "weight": 100, "shadow": False}
    content = {
        "environment": "staging",
        "model": model,
        "entries": [{**usual, **entry} for entry in entries],
        "keys": list(keys),
        "key_limits": key_limits or {},
        "sample_rate": sample_rate,
    }
    publisher = publisher_of(data_dir)
    publisher.put(route_name("staging", model), content)
    publisher.settle()


def memory_bytes(pid: int) -> int:
    """Return what a process and all that it started have in memory, shares once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024 + sum(memory_bytes(int(one)) for one in children)
