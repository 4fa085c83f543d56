"""Clients that are slow, endless, half or silent cost the gateway next to nothing."""

import contextlib
import socket
import time

import pytest

from deployments.serving.gateway.guard import MOST_ANONYMOUS
from tests.deployments.gateway.clients import Clients
from tests.deployments.gateway.process import KEY, GatewayProcess, memory_bytes
from tests.deployments.targets.waiting import until

MB = 1 << 20
HALF = b"POST /serving/staging/x/v2 HTTP/1.1\r\nhost: x\r\n"
TOO_MANY = b"".join(b"x-%d: y\r\n" % number for number in range(101))


@pytest.fixture(scope="module")
def strict_gateway(data_dir):
    """Return a gateway whose clocks are short."""
    made = GatewayProcess(data_dir, "--head-s", "0.4", "--request-s", "0.8")
    yield made
    made.close()


@pytest.fixture(scope="module")
def endless_gateway(data_dir):
    """Return a gateway of one worker whose clocks do not end within a test."""
    clocks = ("--head-s", "600", "--request-s", "600")
    made = GatewayProcess(data_dir, *clocks, "--workers", "1")
    yield made
    made.close()


def talk(gateway, *pieces: bytes) -> bytes:
    """Send the pieces and return all that comes until the gateway closes."""
    with connected(gateway) as client:
        for piece in pieces:
            client.sendall(piece)
        return read_to_end(client)


def read_to_end(client: socket.socket) -> bytes:
    found = b""
    while chunk := client.recv(65536):
        found += chunk
    return found


def infer(slot, *, key=KEY, length=5, more=b"") -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n%b"
        b"content-length: %d\r\n\r\n"
    ) % (slot.infer.encode(), key.encode(), more, length)


@pytest.mark.parametrize(
    "head",
    [
        HALF + b"x: " + b"y" * 40_000,
        HALF + b"x: y\r\n" * 8_000,
        HALF + b"x: %b\r\n\r\n" % (b"y" * 40_000),
        HALF + TOO_MANY + b"\r\n",
        b"GET /" + b"y" * 40_000,
        b"\r\n" * 20_000,
    ],
)
def test_a_head_that_is_too_large_is_431(endless_gateway, head):
    found = talk(endless_gateway, head)

    assert found.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close\r\n" in found


def test_a_head_as_large_as_may_be_is_read(endless_gateway, slot):
    more = b"x: %b\r\nconnection: close\r\n" % (b"y" * 31_000)

    found = talk(endless_gateway, infer(slot(), more=more), b"12345")

    assert found.startswith(b"HTTP/1.1 200 ")


def test_half_a_head_is_408_when_its_time_is_up(strict_gateway):
    start = time.monotonic()
    found = talk(strict_gateway, HALF)

    assert time.monotonic() - start >= 0.4
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"The head did not come within 0.4 s." in found


def test_who_says_nothing_is_let_go(strict_gateway):
    assert talk(strict_gateway) == b""


def test_who_has_no_key_and_says_no_more_is_let_go(strict_gateway):
    found = talk(strict_gateway, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")

    assert found.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"zz\r\n"], id="no size"),
        pytest.param([b"-5\r\n"], id="negative size"),
        pytest.param([b"f" * 17 + b"\r\n"], id="size beyond 64 bits"),
        pytest.param([b"5\r\n12345XX0\r\n\r\n"], id="longer than its size"),
        pytest.param([b"2\r\n{}\r\n", b"qq\r\n"], id="second chunk"),
    ],
)
def test_a_chunk_that_is_none_is_400_at_once(endless_gateway, slot, pieces):
    head = infer(slot()).replace(b"content-length: 5", b"transfer-encoding: chunked")

    found = talk(endless_gateway, head, *pieces)

    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"Invalid HTTP request received." in found
    assert found.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("body", [b"", b"123"])
@pytest.mark.parametrize("length", [5, 1 << 20])
def test_a_body_that_does_not_come_is_408_when_its_time_is_up(
    strict_gateway, slot, body, length
):
    here = slot()
    for _ in range(2):  # the second head is known
        start = time.monotonic()
        found = talk(strict_gateway, infer(here, length=length), body)

        assert 0.8 <= time.monotonic() - start < 60
        assert found.startswith(b"HTTP/1.1 408 ")
        assert b"The request did not come within 0.8 s." in found
        strict_gateway.post(here.infer, b"12345")


def test_one_clock_runs_for_head_and_body(strict_gateway, slot):
    head = infer(slot(), length=1000)
    start = time.monotonic()
    with connected(strict_gateway) as client:
        client.settimeout(0.05)
        client.sendall(head)
        found = b""
        while not found:  # one byte after the other
            try:
                found = client.recv(65536)
            except TimeoutError:
                client.sendall(b"x")

    assert found.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - start >= 0.8


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_head_without_a_key_is_refused_before_its_body_comes(
    endless_gateway, slot, key
):
    here = slot()
    with connected(endless_gateway) as client:
        client.sendall(infer(here, key=key))

        assert client.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_two_keys_are_one_too_many(endless_gateway, slot):
    more = b"authorization: Bearer other\r\nconnection: close\r\n"

    found = talk(endless_gateway, infer(slot(), more=more), b"12345")

    assert found.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        (b"1.1", [b"x"], 200),
        (b"1.1", [b""], 200),
        (b"1.1", [b"models.example:8501"], 200),
        (b"1.1", [b"[::1]:8501"], 200),
        (b"1.0", [], 200),
        (b"1.1", [], 400),
        (b"1.1", [b"x", b"x"], 400),
        (b"1.0", [b"x", b"y"], 400),
        (b"1.1", [b"x/y"], 400),
        (b"1.1", [b"user@x"], 400),
        (b"1.1", [b"x:port"], 400),
        (b"1.1", ["모델".encode()], 400),
    ],
)
def test_a_request_names_one_host(endless_gateway, slot, version, hosts, status):
    here = slot()
    for _ in range(2):  # the second head of those that are good is known
        head = infer(here, more=b"connection: close\r\n")
        lines = b"".join(b"host: %b\r\n" % each for each in hosts)
        head = head.replace(b"host: x\r\n", lines)
        found = talk(
            endless_gateway, head.replace(b"HTTP/1.1", b"HTTP/" + version), b"12345"
        )

        assert found.startswith(b"HTTP/1.1 %d " % status)
        assert status == 200 or b"connection: close\r\n" in found
    assert len(here.servers[0].requests) == (2 if status == 200 else 0)


def test_a_known_connection_names_its_host_each_time(endless_gateway, slot):
    here = slot()
    good = infer(here) + b"12345"
    with connected(endless_gateway) as client:
        for _ in range(2):
            client.sendall(good)
            found = b""
            while not found.endswith(b"{}"):
                found += client.recv(65536)
        client.sendall(good.replace(b"host: x\r\n", b""))

        assert read_to_end(client).startswith(b"HTTP/1.1 400 ")
    assert len(here.servers[0].requests) == 2


def test_a_refusal_is_seen_by_who_is_still_sending(endless_gateway, slot):
    head = infer(slot(), key="wrong", length=3 << 20, more=b"connection: close\r\n")

    found = talk(endless_gateway, head, *[b"x" * (1 << 20)] * 3)

    assert found.startswith(b"HTTP/1.1 401 ")


def test_what_comes_after_a_refusal_is_no_request(endless_gateway, slot):
    here = slot()

    found = talk(endless_gateway, HALF + TOO_MANY + b"\r\n" + infer(here) + b"12345")

    assert found.count(b"HTTP/1.1 ") == 1
    assert here.servers[0].requests == []


def behaviours(slot) -> list[bytes]:
    """Return what clients without a key send and then leave unfinished."""
    return [
        b"",
        HALF,
        HALF + b"x: " + b"y" * 30_000,
        infer(slot, key="wrong", length=15_000_000) + b"y" * 500_000,
        b"G",
    ]


def test_five_hundred_strangers_cost_little_and_stop_no_prediction(
    endless_gateway, slot
):
    here = slot()
    with (
        contextlib.ExitStack() as strangers,
        Clients(endless_gateway, here.infer, count=2) as clients,
    ):
        until(lambda: clients.sent > 200)
        before = memory_bytes(endless_gateway.process.pid)
        for said in behaviours(here) * 100:
            strangers.enter_context(stranger(endless_gateway, said))
        enough = clients.sent + 200
        until(lambda: clients.sent > enough)
        after = memory_bytes(endless_gateway.process.pid)

    assert clients.statuses.keys() == {200}, clients.statuses
    assert after - before <= 32 * MB


def test_of_too_many_strangers_the_oldest_has_to_go(endless_gateway, slot):
    here = slot()
    with contextlib.ExitStack() as open_ones:
        known = open_ones.enter_context(contextlib.closing(endless_gateway.connect()))
        assert status_over(known, here) == 200
        strangers = [
            open_ones.enter_context(stranger(endless_gateway, b"")) for _ in range(600)
        ]

        strangers[0].settimeout(120)
        assert is_closed(strangers[0])
        assert is_open(strangers[-1])
        assert status_over(known, here) == 200


def test_all_processes_together_keep_no_more_strangers_than_one(data_dir):
    gateway = GatewayProcess(data_dir, "--head-s", "600", "--workers", "3")
    with contextlib.ExitStack() as open_ones:
        strangers = [
            open_ones.enter_context(stranger(gateway, b"")) for _ in range(600)
        ]

        until(lambda: sum(map(is_open, strangers)) <= MOST_ANONYMOUS)
        assert any(map(is_open, strangers[-3:]))
    gateway.close()


def connected(gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), 120)


def is_open(client) -> bool:
    client.settimeout(0)
    try:
        return bool(client.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def status_over(connection, slot) -> int:
    headers = {"Authorization": f"Bearer {KEY}"}
    connection.auto_open = connection.sock is None  # another one would not be it
    connection.request("POST", slot.infer, b"12345", headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def stranger(gateway, said: bytes) -> socket.socket:
    """Send what fits without waiting."""
    client = connected(gateway)
    client.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        client.send(said)
    return client


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
