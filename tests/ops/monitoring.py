"""A real Prometheus and Alertmanager over a live stack, twenty times as fast."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import defaultdict
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from tests.deployments.targets.waiting import until
from tests.ports import free_port

OPS = settings.BASE_DIR / "docs" / "ops"
PROGRAMS = ("prometheus", "prometheus-alertmanager", "promtool")
SPEED = 20
SECONDS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(?<=for: )(\d+)([smh])\b|(?<=\[)(\d+)([smh])(?=\])")


def missing():
    """Return the programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def hastened(rules):
    """Return alert rules whose times are a twentieth."""

    def shorter(found):
        number, unit = found[1] or found[3], found[2] or found[4]
        return f"{max(int(number) * SECONDS[unit] // SPEED, 1)}s"

    return DURATION.sub(shorter, rules)


class Webhook:
    """The address of the person on call: what was told, in order, by alert."""

    def __init__(self):
        self.told = defaultdict(list)
        self.port = free_port()
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                for alert in json.loads(self.rfile.read(length))["alerts"]:
                    told[alert["labels"]["alertname"]].append(alert["status"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Monitoring:
    """Both programs, with the project's own files but for ports and speed."""

    def __init__(self, folder, ports):
        self.folder, self.webhook = folder, Webhook()
        self.port, self._alerts = free_port(), free_port()
        self._ports = ports | {"9093": self._alerts, "9099": self.webhook.port}
        self.write_rules()
        self._write("prometheus.yml", ("15s", "2s"))
        self._write(
            "alertmanager.yml",
            ("30s", "1s"),
            ("group_interval: 5m", "group_interval: 2s"),
        )
        self._processes = [
            self._start(
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/series",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ),
            self._start(
                "prometheus-alertmanager",
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/told",
                f"--web.listen-address=127.0.0.1:{self._alerts}",
                "--cluster.listen-address=",
            ),
        ]

    def write_rules(self, *changes):
        text = hastened((OPS / "alerts.yml").read_text())
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (self.folder / "alerts.yml").write_text(text)

    def reload(self):
        self._processes[0].send_signal(signal.SIGHUP)

    def series(self, expression):
        """Return what a query answers now."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request("GET", f"/api/v1/query?query={quote(expression)}")
            body = json.loads(connection.getresponse().read())
        assert body["status"] == "success", body
        return body["data"]["result"]

    def fired(self, *names, limit_s=180):
        """Wait until each of the alerts has been delivered."""
        told = self.webhook.told
        try:
            until(lambda: all("firing" in told[name] for name in names), limit_s)
        except AssertionError:
            raise AssertionError(
                f"of {names}, only this was told: {dict(told)}"
            ) from None

    def cleared(self, *names, limit_s=240):
        """Wait until the last word about each of them is that it is over."""
        told = self.webhook.told
        until(lambda: all(told[name][-1:] == ["resolved"] for name in names), limit_s)

    def close(self):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self.webhook.close()

    def _write(self, name, *changes):
        text = (OPS / name).read_text()
        for port, own in self._ports.items():
            text = re.sub(rf"localhost:{port}\b", f"localhost:{own}", text)
        for before, after in changes:
            text = text.replace(before, after)
        (self.folder / name).write_text(text)

    def _start(self, program, *arguments):
        with (self.folder / f"{program}.log").open("w") as log:
            return subprocess.Popen(
                [shutil.which(program), *arguments],
                env={"PATH": os.environ["PATH"]},
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def descendants(pid):
    """Return {pid: command line} of all that a process began."""
    found = {}
    with suppress(FileNotFoundError):  # it has ended meanwhile
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for child in map(int, children.split()):
            words = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= {child: words, **descendants(child)}
    return found
