"""Every request is counted once, over processes that come and go."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from tests.deployments import counting

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_was_sent_is_counted_exactly_though_the_database_was_away(database):
    done = subprocess.run(
        [sys.executable, "-m", "tests.deployments.counting", database],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        timeout=300,
        check=False,
    )
    if done.returncode == counting.NO_SERVER:
        pytest.skip("there is no PostgreSQL to start")

    found = json.loads(done.stdout)
    assert found["answered"] == found["counted"] == found["sent"] > 2 * counting.MANY
    assert (found["errors"], found["gateways"]) == (0, counting.WORKERS)
