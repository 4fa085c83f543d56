"""The port of live streams: a real listener, and what pages are told of it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from deployments.models import Deployment
from deployments.streams import HUB, Places
from deployments.viewsets import stream
from mlops import checks, listener, streams
from mlops.core import stream_port
from mlops.core.models import ApiToken
from tests.deployments.factories import DeploymentFactory
from tests.deployments.targets.waiting import until
from tests.ports import free_port

HOME = "/api/v1/ml/lifecycle/deployments"
committing = pytest.mark.django_db(transaction=True)
OWN = settings.OWN_ORIGINS[1]
CORS = settings.CORS_ALLOWED_ORIGINS[0]


@pytest.fixture(autouse=True)
def quiet_afterwards():
    """Leave no reader behind that would ask the next test's database."""
    yield
    until(lambda: "stream-reader" not in names_of_threads(), 15)


def names_of_threads():
    return {one.name for one in threading.enumerate()}


@pytest.fixture
def token(person):
    def give(role="viewer", scope="read"):
        return ApiToken.issue(person(role), f"{role}-{scope}", scopes=[scope])[1]

    return give


class Port:
    """A listener in this loop, and connections to it."""

    def __init__(self):
        self._listener = listener.listening("127.0.0.1", free_port())
        self._open = []

    async def __aenter__(self):
        self._task = asyncio.create_task(
            streams.serve(get_wsgi_application(), self._listener)
        )
        return self

    async def __aexit__(self, *_error):
        for writer in self._open:
            writer.close()
        answering = asyncio.all_tasks() - {asyncio.current_task(), self._task}
        if answering:
            await asyncio.wait(answering, timeout=10)
        self._task.cancel()
        self._listener.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, path, **headers):
        """Return the status, the headers and a reader of the rest."""
        address = self._listener.getsockname()
        reader, writer = await asyncio.open_connection(*address)
        self._open.append(writer)
        lines = {"Host": "localhost", **headers}
        head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        given = dict(line.lower().split(": ", 1) for line in rest if line)
        return int(first.split()[1]), given, reader

    async def problem(self, path, **headers):
        status, given, reader = await self.ask(path, **headers)
        body = json.loads(await reader.readexactly(int(given["content-length"])))
        return status, given["content-type"], without_id(body)


def without_id(body):
    return {name: value for name, value in body.items() if name != "request_id"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def fail(deployment):
    """Fail it in a thread, whose connection ends with it."""
    try:
        deployment.fail("no model")
    finally:
        connections.close_all()


@committing
def test_a_hundred_streams_take_no_thread_each_and_all_see_a_change(token):
    deployment = Deployment.objects.get(pk=DeploymentFactory(status="pending").pk)
    path, signed = f"{HOME}/{deployment.pk}/stream?seconds=60", bearer(token())

    async def watch():
        async with Port() as port:
            (_, _, first) = await port.ask(path, **signed)
            await first.readuntil(b"event: deployment")
            few = threading.active_count()
            rest = [(await port.ask(path, **signed))[2] for _ in range(99)]
            for one in rest:
                await one.readuntil(b"event: deployment")
            many = threading.active_count()
            await asyncio.to_thread(fail, deployment)
            for one in (first, *rest):
                await asyncio.wait_for(one.readuntil(b'event: end\ndata: "failed"'), 60)
            return few, many

    few, many = asyncio.run(watch())

    assert many <= few + streams.THREADS
    until(lambda: HUB.watched == 0, 15)


@committing
def test_refusals_are_those_of_the_web(token):
    known = f"{HOME}/{DeploymentFactory(active=True).pk}/stream"
    asked = [
        (known, {}, 401),
        (known, bearer(token("nobody")), 403),
        (known, bearer(token(scope="write")), 403),
        (f"{HOME}/none/stream", bearer(token("deployer")), 404),
        (f"{known}?seconds=0", bearer(token("approver")), 400),
        (f"{known}?last_event_id=x", bearer(token("admin")), 400),
    ]
    client = APIClient()

    async def ask():
        async with Port() as port:
            return [await port.problem(path, **sent) for path, sent, _ in asked]

    for (path, sent, status), told in zip(asked, asyncio.run(ask()), strict=True):
        web = client.get(path, headers=sent)
        assert told == (status, web["Content-Type"], without_id(web.json()))
        assert web.status_code == status


@committing
def test_what_is_no_stream_is_told_where_the_api_is(token):
    signed = bearer(token())

    async def ask():
        async with Port() as port:
            paths = (HOME, "/admin/", "/healthz", "/nothing")
            return [await port.problem(path, **signed) for path in paths]

    for status, kind, body in asyncio.run(ask()):
        assert (status, kind) == (404, "application/problem+json")
        assert f"the API is at port {settings.PORT}" in body["detail"]


@committing
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [(OWN, OWN), (CORS, CORS), ("http://localhost:1", None), ("null", None)],
)
def test_only_pages_of_ours_and_named_ones_may_read_a_stream(token, origin, allowed):
    path, signed = f"{HOME}/{DeploymentFactory(active=True).pk}/stream", bearer(token())

    async def ask():
        async with Port() as port:
            return (await port.ask(path, Origin=origin, **signed))[:2]

    status, given = asyncio.run(ask())

    assert status == 200
    assert given["content-type"] == "text/event-stream"
    assert given["cache-control"] == "no-store"
    assert given.get("access-control-allow-origin") == allowed
    both = given.get("access-control-allow-credentials")
    assert both == ("true" if allowed else None)


@committing
def test_the_session_of_the_admin_opens_a_stream(admin_user):
    path = f"{HOME}/{DeploymentFactory(active=True).pk}/stream"
    client = Client()
    client.force_login(admin_user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    async def ask():
        async with Port() as port:
            return (await port.ask(path, Cookie=cookie, Origin=OWN))[0]

    assert asyncio.run(ask()) == 200


@committing
def test_a_place_is_given_back_by_who_leaves(token, monkeypatch):
    path, signed = f"{HOME}/{DeploymentFactory(active=True).pk}/stream", bearer(token())
    monkeypatch.setattr(stream, "_listened", Places(1))

    async def ask():
        async with Port() as port:
            first, _, _ = await port.ask(path, **signed)
            second = await port.problem(path, **signed)
            port._open[0].close()
            while (await port.ask(path, **signed))[0] != 200:
                await asyncio.sleep(0)
            return first, second

    first, (status, _, body) = asyncio.run(ask())

    assert (first, status, body["code"]) == (200, 503, "unavailable")


@committing
def test_too_many_connections_are_closed(monkeypatch):
    monkeypatch.setattr(streams, "MAX_CONNECTIONS", 1)

    async def ask():
        async with Port() as port:
            await port.ask("/")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await port.ask("/")

    asyncio.run(ask())


@committing
def test_a_stream_over_the_web_is_fed_by_the_same_reader(api):
    deployment = Deployment.objects.get(pk=DeploymentFactory(status="pending").pk)
    answer = api("viewer").get(f"{HOME}/{deployment.pk}/stream?seconds=60")
    told = iter(answer.streaming_content)
    begun = next(told) + next(told)

    deployment.fail("no model")

    assert b"event: end" not in begun
    assert b"".join(told).endswith(b'event: end\ndata: "failed"\n\n')


# What pages are told ------------------------------------------------------------------
@pytest.fixture
def opened():
    stream_port.opened(8502)
    yield
    stream_port.closed()


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8500", "http://localhost:8502"),
        ("127.0.0.1", "http://127.0.0.1:8502"),
        ("[::1]:8500", "http://[::1]:8502"),
    ],
)
def test_a_page_streams_from_the_port_of_the_host_that_it_came_from(
    opened, settings, host, origin
):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

    assert stream_port.stream_origin(RequestFactory().get("/", HTTP_HOST=host)) == (
        origin
    )


@pytest.mark.parametrize("setting", ["BEHIND_PROXY", "HTTPS"])
def test_where_a_browser_cannot_reach_the_port_a_page_streams_from_its_own_origin(
    opened, settings, setting
):
    request = RequestFactory().get("/")
    setattr(settings, setting, True)

    before = stream_port.stream_origin(request)
    settings.STREAM_URL = "https://live.example.org"

    assert before == ""
    assert stream_port.stream_origin(request) == "https://live.example.org"


@pytest.mark.django_db
def test_the_page_may_stream_from_there_and_says_so_to_its_script(admin_client, opened):
    deployment = DeploymentFactory(active=True)
    page = f"/admin/deployments/deployment/{deployment.pk}/work/"

    there = admin_client.get(page)
    stream_port.closed()
    gone = admin_client.get(page)

    address = f"{HOME}/{deployment.pk}/stream"
    assert there.context["data"]["stream"] == f"http://testserver:8502{address}"
    assert " http://testserver:8502;" in there["Content-Security-Policy"]
    assert gone.context["data"]["stream"] == address
    assert "8502" not in gone["Content-Security-Policy"]


# A port that cannot be had ------------------------------------------------------------
SERVING = """
from django.test import Client
from mlops.wsgi import application
from mlops.core import stream_port
print(Client(HTTP_HOST="localhost").get("/healthz").status_code, stream_port._open)
"""


def test_a_port_that_is_taken_is_logged_and_the_web_serves(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mlops.settings"}
        own = {"MLOPS_DATA_DIR": str(tmp_path), "MLOPS_STREAM_PORT": str(port)}

        done = subprocess.run(
            [sys.executable, "-c", SERVING],
            env=environment | own,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout == "200 []\n"
    assert f"127.0.0.1:{port} cannot be had" in done.stderr
    assert "others poll" in done.stderr


def test_a_port_that_another_program_answers_is_found_before_deployment(settings):
    settings.STREAM_PORT = free_port()

    nobody = checks.stream_port_is_ours()
    with socket.create_server(("127.0.0.1", settings.STREAM_PORT)) as other:
        answering = threading.Thread(target=answer_once, args=(other,))
        answering.start()
        another = checks.stream_port_is_ours()
        answering.join()

    assert nobody == []
    assert [one.id for one in another] == ["mlops.W005"]
    assert "pages poll every 5 seconds" in another[0].msg


def answer_once(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
