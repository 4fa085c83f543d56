"""Large files pass through the server; they are never in its memory."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psutil
import pytest

from mlops.core.models import ApiToken
from tests.lifecycle.mlflow.conftest import FILES
from tests.lifecycle.mlflow.server import live_server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MEGABYTE = 1 << 20
FILE_MB, PART_MB, GROWTH_MB = 500, 300, 60


def resident_mb(pid):
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / MEGABYTE


def test_half_a_gigabyte_up_and_down_leaves_the_memory_as_it_was(
    mlflow, experiment, run_id, person
):
    _, token = ApiToken.issue(person("data scientist"), "streams")
    path = f"{FILES}/{experiment}/{run_id}/artifacts/big.bin"
    headers = {"Authorization": f"Bearer {token}"}
    most = 0.0

    def watched(chunks):
        nonlocal most
        for number, chunk in enumerate(chunks):
            if number % 50 == 0:
                most = max(most, resident_mb(pid))
            yield chunk

    def received(answer):
        chunks = iter(lambda: answer.read(MEGABYTE), b"")
        return answer.status, sum(len(chunk) for chunk in watched(chunks))

    with (
        live_server() as (url, pid),
        closing(HTTPConnection(urlsplit(url).netloc, timeout=120)) as client,
    ):
        client.request("GET", path, headers=headers)  # all of the code is loaded
        client.getresponse().read()
        before = resident_mb(pid)
        sent = watched(bytes(MEGABYTE) for _ in range(FILE_MB))
        length = {"Content-Length": str(FILE_MB * MEGABYTE)}
        client.request("PUT", path, sent, {**headers, **length})
        client.getresponse().read()
        client.request("GET", path, headers=headers)
        whole = received(client.getresponse())
        asked = {"Range": f"bytes=0-{PART_MB * MEGABYTE - 1}"}
        client.request("GET", path, headers={**headers, **asked})
        part = received(client.getresponse())

    assert whole == (200, FILE_MB * MEGABYTE)
    assert part == (206, PART_MB * MEGABYTE)
    assert most - before < GROWTH_MB
