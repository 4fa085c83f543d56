"""docs/production.md, done: its commands in order, without root and in a folder."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGE = settings.BASE_DIR / "docs" / "production.md"
UNITS = settings.BASE_DIR / "docs" / "ops" / "systemd"
START = "sudo systemctl enable --now mlops-web mlops-worker mlops-gateway"
PORTS = ("8500", "8501", "8502", "8503")
FOLDERS = {
    "/etc/mlops": "etc",
    "/var/lib/mlops": "data",
    "/var/backups/mlops": "backup",
}
BIN = str(Path(sys.executable).parent)


def database_url():
    """Return the suite's own PostgreSQL, "" for SQLite in the folder."""
    found = connection.settings_dict
    if connection.vendor != "postgresql":
        return ""
    who = f"{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}"
    return urlunsplit(("postgres", who, f"/{found['NAME']}", "", ""))


class Machine:
    """A folder in the place of the machine's, and ports that are free."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = {port: str(free_port()) for port in PORTS}
        self.programs = {}

    def here(self, text):
        """Return a text of the page or a unit with this machine's paths and ports."""
        for port, own in self.ports.items():
            text = re.sub(rf"\b{port}\b", own, text)
        text = text.replace(
            "DATABASE_URL=postgres:///mlops?host=/run/postgresql", self.url
        )
        text = re.sub(r"(/opt/mlops/)?\.venv/bin", BIN, text)
        for name, own in FOLDERS.items():
            text = text.replace(name, str(self.folder / own))
        return text.replace("/opt/mlops", str(settings.BASE_DIR))

    @property
    def url(self):
        return f"DATABASE_URL={database_url()}"

    def run(self, lines, *before):
        script = "\n".join(["set -e", *before, *lines])
        return subprocess.run(
            ["bash", "-c", self.here(script)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def log(self, name):
        return self.folder / f"{name}.log"

    def start(self, unit):
        """Start what a unit starts, with what it sets."""
        text = self.here(unit.read_text().replace("\\\n", " "))
        (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        own = dict(
            one.split("=", 1)
            for one in re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
        )
        if "PROMETHEUS_MULTIPROC_DIR" in own:
            own["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder / "multi")
            Path(own["PROMETHEUS_MULTIPROC_DIR"]).mkdir()
        kept = dict(
            one.split("=", 1)
            for one in (self.folder / "etc" / "environment").read_text().split()
        )
        with self.log(unit.stem).open("w") as log:
            self.programs[unit.stem] = subprocess.Popen(
                shlex.split(line),
                cwd=settings.BASE_DIR,
                env={"PATH": os.environ["PATH"], **kept, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self):
        for process in self.programs.values():
            process.terminate()
        for process in self.programs.values():
            process.wait(60)


@pytest.fixture
def machine():
    with tempfile.TemporaryDirectory(prefix="op-") as name:
        folder = Path(name)
        for part in FOLDERS.values():
            (folder / part).mkdir(mode=0o700)
        made = Machine(folder)
        yield made
        made.stop()


def lines_of(text):
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return "".join(blocks).splitlines()


PATIENT = "curl -sS --fail --retry 90 --retry-all-errors --retry-delay 1"


def without_root(lines):
    return [
        line.replace("curl --fail", PATIENT)
        for line in lines
        if not line.startswith("sudo ")
    ]


def objects(text, count):
    """Return the first JSON objects of a text, which follow each other."""
    found, decoder = [], json.JSONDecoder()
    for _ in range(count):
        made, end = decoder.raw_decode(text)
        found.append(made)
        text = text[end:].lstrip()
    return found


def test_the_page_leads_to_three_programs_that_are_fit_for_work(machine):
    lines = lines_of(PAGE.read_text())
    at = lines.index(START)

    first = machine.run(without_root(lines[:at]))
    assert first.returncode == 0, first.stderr
    for unit in sorted(UNITS.glob("*.service")):
        machine.start(unit)
    into = ["cd /opt/mlops", "set -a", ". /etc/mlops/environment", "set +a"]
    second = machine.run(without_root(lines[at + 1 :]), *into)

    logs = {name: machine.log(name).read_text() for name in machine.programs}
    assert second.returncode == 0, (second.stderr, logs)
    web, gateway, worker = objects(second.stdout, 3)
    assert {each["status"] for each in (web, gateway, worker)} == {"ok"}
    assert worker["checks"]["loop"] == "ok"
    assert web["others"]["static_files"]["state"] == "ok"
    for name, text in logs.items():
        written = [json.loads(line) for line in text.splitlines()]
        assert written, name
        assert all(
            {"time", "level", "logger", "message"} <= set(one) for one in written
        )
