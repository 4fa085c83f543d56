"""Sends requests through four gateway processes while the database is away.

    python -m tests.deployments.counting sqlite|postgresql

A whole stack of its own: database, reconciler, gateways, a model. What was sent and
what is counted in the end is printed as JSON.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from tests import pg

AWAY_S, WORKERS, MANY = 3.0, 4, 1000
PATH = "/serving/development/iris/v2/models/iris/infer"
NO_SERVER = 77
Away = Callable[[], AbstractContextManager[None]]


@contextmanager
def postgresql() -> Iterator[Away]:
    """Give a server of its own; while it is away it is not running."""
    binaries = pg.find_binaries()
    if binaries is None:
        sys.exit(NO_SERVER)
    with pg.private_server(binaries) as server:
        os.environ["DATABASE_URL"] = server.url

        @contextmanager
        def away() -> Iterator[None]:
            server.stop()
            yield
            server.start()

        yield away


@contextmanager
def sqlite() -> Iterator[Away]:
    """Use a file; while it is away, somebody else has locked all of it."""
    os.environ.pop("DATABASE_URL", None)

    @contextmanager
    def away() -> Iterator[None]:
        from django.conf import settings  # noqa: PLC0415 - after set-up

        name = settings.DATABASES["default"]["NAME"]
        other = sqlite3.connect(name, isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
        other.close()

    yield away


def main() -> None:
    database = {"sqlite": sqlite, "postgresql": postgresql}[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="count-") as name:
        os.environ["MLOPS_TEST_DIR"] = name
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        with database() as away:
            django.setup()
            call_command("migrate", verbosity=0)
            with reconciling():
                found = sent_and_counted(Path(name), away)
    sys.stdout.write(json.dumps(found))


@contextmanager
def reconciling() -> Iterator[None]:
    """Run a reconciler, and stop it and every model at the end."""
    command = [sys.executable, "manage.py", "reconcile"]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
        subprocess.run([*command, "--stop"], check=True)


def sent_and_counted(folder: Path, away: Away) -> dict[str, object]:
    # These need the settings.
    from deployments.models import TrafficWindow  # noqa: PLC0415
    from tests.deployments.targets.waiting import until  # noqa: PLC0415

    deployment = served()
    clients = sent(folder, away)

    def counted():
        return TrafficWindow.objects.totals([deployment.pk]).get(deployment.pk)

    until(lambda: (found := counted()) and found.request_count >= clients.sent)
    rows = deployment.windows.minutes().order_by()
    return {
        "sent": clients.sent,
        "answered": clients.statuses[200],
        "counted": counted().request_count,
        "errors": counted().error_count,
        "gateways": rows.values("gateway").distinct().count(),
    }


def served():
    """Return a deployment that serves, and that the clients have the key of."""
    from deployments.models import DeploymentKey  # noqa: PLC0415
    from tests.deployments.factories import VersionFactory  # noqa: PLC0415
    from tests.deployments.gateway.process import DIGEST  # noqa: PLC0415
    from tests.deployments.stack import is_settled, requested  # noqa: PLC0415
    from tests.deployments.targets.models import onnx_bytes  # noqa: PLC0415
    from tests.deployments.targets.waiting import until  # noqa: PLC0415

    made = requested(VersionFactory(model__name="iris", content=onnx_bytes()))
    DeploymentKey.objects.create(slot=made.slot, name="clients", digest=DIGEST)
    until(lambda: is_settled(made))
    return made


def sent(folder: Path, away: Away):
    """Return clients that asked before, while and after the database was away."""
    from tests.deployments.gateway.clients import Clients  # noqa: PLC0415
    from tests.deployments.gateway.process import GatewayProcess  # noqa: PLC0415
    from tests.deployments.targets.waiting import until  # noqa: PLC0415

    gateway = GatewayProcess(folder, "--workers", str(WORKERS))
    gateways = folder / "run" / "gateways"
    until(lambda: len(list(gateways.glob("*.json"))) == WORKERS)
    django.db.connection.close()
    with Clients(gateway, PATH, count=2 * WORKERS) as clients:
        until(lambda: clients.sent > MANY)
        with away():
            end = time.monotonic() + AWAY_S
            until(lambda: time.monotonic() > end)
        before = clients.sent
        until(lambda: clients.sent > before + MANY)
    gateway.close()
    return clients


if __name__ == "__main__":
    main()
