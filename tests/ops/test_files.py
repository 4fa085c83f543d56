"""The kit of the person on call: what it names is there."""

import json
import re
import shlex
import tempfile
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from prometheus_client.exposition import generate_latest

from mlops import env
from mlops.core import gauges, metrics
from mlops.worker.heartbeat import Heartbeat
from tests.deployments.gateway.process import GatewayProcess

OPS = settings.BASE_DIR / "docs" / "ops"
METRIC = re.compile(r"\bmlops_[a-z_]+\b")
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
SUFFIXES = {
    "counter": ("",),
    "gauge": ("",),
    "summary": ("_count", "_sum"),
    "histogram": ("_bucket", "_count", "_sum"),
}
ON_POSTGRESQL = {"mlops_database_connections", "mlops_database_max_connections"}
VARIABLE = re.compile(r"\b(?:MLOPS_[A-Z_]+|DATABASE_URL)\b")


def rules():
    groups = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels():
    every = json.loads((OPS / "dashboard.json").read_text())["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def queries():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def named_in(page):
    """Return the names of the series that a page of metrics has or may have."""
    return {
        name + suffix
        for name, kind in TYPE.findall(page)
        for suffix in SUFFIXES.get(kind, ("",))
    }


@pytest.fixture(scope="module")
def gateway_page():
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        gateway = GatewayProcess(Path(folder), "--workers", "1")
        yield gateway.get("/metrics")[1]
        gateway.close()


def test_every_metric_that_alerts_and_dashboard_name_is_scraped(
    client, db, gateway_page
):
    client.get("/healthz")
    heart = Heartbeat()
    heart.round_of("x", 0.1, failed=False)
    worker = metrics.worker_registry(heart.families, gauges.build_of("worker"))
    scraped = (
        named_in(client.get("/metrics").content.decode())
        | named_in(generate_latest(worker).decode())
        | named_in(gateway_page)
        | ON_POSTGRESQL
    )

    texts = [rule["expr"] for rule in rules()] + queries()
    named = {name for text in texts for name in METRIC.findall(text)}

    assert named - scraped == set()
    assert len(named) > 25


def test_every_alert_has_its_section_in_the_runbook():
    sections = re.findall(r"^## (\w+)$", (OPS / "runbook.md").read_text(), re.MULTILINE)

    assert sections == [rule["alert"] for rule in rules()]
    for rule in rules():
        page = f"docs/ops/runbook.md#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook"] == page
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_panel_asks_something_and_lies_beside_the_others():
    cells = set()
    for panel in panels():
        assert all(target["expr"] for target in panel["targets"])
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not own & cells
        cells |= own
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))


def units():
    return sorted((OPS / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", units(), ids=lambda path: path.stem)
def test_a_unit_starts_a_program_that_is_there(unit):
    text = unit.read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = shlex.split(line)

    assert program.startswith("/opt/mlops/.venv/bin/")
    if arguments[0] == "manage.py":
        assert arguments[1] in get_commands()
    else:
        config = arguments[arguments.index("--log-config") + 1]
        assert (settings.BASE_DIR / config).is_file()


def test_every_setting_that_the_kit_names_is_one():
    files = [path for path in OPS.rglob("*") if path.is_file()]
    files.append(settings.BASE_DIR / "docs" / "production.md")

    named = {name for path in files for name in VARIABLE.findall(path.read_text())}

    assert named - {"DATABASE_URL"} <= env.NAMES


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf", "haproxy.cfg"])
def test_a_proxy_leads_to_every_port_and_hides_what_is_inside(name):
    text = (OPS / name).read_text()

    for port in ("8500", "8501", "8502"):
        assert f"127.0.0.1:{port}" in text
    assert "metrics" in text
    assert "readyz" in text
