"""HTTP and the inference protocol at the gateway, in front of any model server."""

import gzip
import http.client
import json
import re
import socket
import time
import zlib
from email.utils import parsedate_to_datetime

import pytest

from tests.deployments.gateway.process import (
    KEY,
    GatewayProcess,
    publish,
    reply,
    route,
)
from tests.deployments.targets.waiting import until

PAGE = "http://localhost:3000"
LONG = json.dumps({"long": "x" * 5000}).encode()


@pytest.fixture(scope="module")
def small_gateway(data_dir):
    """Return a gateway that takes bodies of 100,000 bytes, and its log."""
    path = data_dir / "gateway.log"
    with path.open("wb") as log:
        made = GatewayProcess(data_dir, "--max-body-bytes", "100000", log=log)
    made.log = path
    yield made
    made.close()


def long(server, connection, request) -> bool:
    return reply(connection, LONG)


def failing(server, connection, request) -> bool:
    return reply(connection, b'{"error":"no"}', 500)


def raw(gateway, method, path, body=b"", headers=None, *, key=KEY):
    """Return status, headers and bytes as they came."""
    connection = gateway.connect()
    head = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(method, path, body, {**head, **(headers or {})})
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


# Content codings ----------------------------------------------------------------------


def packed(body: bytes) -> bytes:
    """Pack it without the time, which would be in the names of tests."""
    return gzip.compress(body, mtime=0)


CODED = {
    "gzip": packed,
    "x-gzip": packed,
    "deflate": zlib.compress,
    "Deflate": lambda body: zlib.compress(body, wbits=-15),
    "identity": bytes,
}


@pytest.mark.parametrize("coding", CODED)
def test_a_coded_body_reaches_the_model_as_it_was(gateway, slot, coding):
    here, body = slot(), b'{"a": %d}' % 7 * 200

    coded = CODED[coding](body)
    status, *_ = raw(gateway, "POST", here.infer, coded, {"Content-Encoding": coding})

    assert status == 200
    (request,) = here.servers[0].requests
    assert request.endswith(b"\r\n\r\n" + body)
    assert b"content-encoding" not in request


def test_members_of_gzip_are_one_body(gateway, slot):
    here = slot()
    body = gzip.compress(b"[1,") + gzip.compress(b"2]")

    assert (
        raw(gateway, "POST", here.infer, body, {"Content-Encoding": "gzip"})[0] == 200
    )
    assert here.servers[0].requests[0].endswith(b"[1,2]")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_refused_at_the_limit(small_gateway, slot, coding):
    here = slot()
    bomb = CODED[coding](bytes(1 << 30))
    before = time.process_time()

    status, _, body = raw(
        small_gateway, "POST", here.infer, bomb[:90_000], {"Content-Encoding": coding}
    )

    assert (status, here.servers[0].requests) == (413, [])
    assert b"100000" in body
    assert time.process_time() - before < 10


def test_exactly_the_limit_is_taken_and_a_byte_more_is_not(small_gateway, slot):
    here, head = slot(), {"Content-Encoding": "gzip"}

    most = packed(b" " * 100_000)
    more = packed(b" " * 100_001)
    assert raw(small_gateway, "POST", here.infer, most, head)[0] == 200
    assert raw(small_gateway, "POST", here.infer, more, head)[0] == 413


@pytest.mark.parametrize(
    ("coding", "body", "refusal"),
    [
        ("gzip", b"no", (400, "is not gzip, or its gzip is damaged")),
        ("gzip", packed(b"[1]")[:-5] + b"12345", (400, "its gzip is damaged")),
        ("gzip", packed(b"[1]")[:-1], (400, "breaks off within its gzip")),
        ("gzip", packed(b"[1]")[:1], (400, "breaks off within its gzip")),
        (
            "gzip",
            packed(b"[1]") + packed(b"2")[:-1],
            (400, "breaks off within its gzip"),
        ),
        ("gzip", packed(b"[1]") + b"x", (400, "goes on after the end of its gzip")),
        ("gzip", packed(b"") * 100, (400, "more than 64 gzip members")),
        ("deflate", b"\xff", (400, "is not deflate, or its deflate is damaged")),
        ("deflate", zlib.compress(b"[1]")[:-1], (400, "breaks off within its deflate")),
        (
            "deflate",
            zlib.compress(b"[1]") + b"x",
            (400, "after the end of its deflate"),
        ),
        ("deflate", zlib.compress(b"1") + packed(b"2"), (400, "after the end of its")),
        ("br", b"no", (415, "must be gzip or deflate")),
        ("gzip, gzip", packed(packed(b"[1]")), (415, "must be gzip or deflate")),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(
    gateway, slot, coding, body, refusal
):
    here, (status, said) = slot(), refusal

    found, headers, answer = raw(
        gateway, "POST", here.infer, body, {"Content-Encoding": coding}
    )

    assert (found, here.servers[0].requests) == (status, [])
    assert said in json.loads(answer)["error"]
    assert (headers.get("Accept-Encoding") is not None) == (status == 415)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0.1, deflate;q=0.9", "deflate"),
        ("*", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("br", None),
        ("gzip;q=x", None),
        ("", None),
    ],
)
def test_a_long_answer_is_coded_as_its_client_wants(gateway, slot, accepted, coding):
    here = slot(long)

    for _ in range(3):  # the slow path first, then over a kept connection
        _, headers, body = raw(
            gateway, "POST", here.infer, b"{}", {"Accept-Encoding": accepted}
        )

        assert headers.get("Content-Encoding") == coding
        unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}
        assert unpack[coding](body) == LONG
        assert int(headers["Content-Length"]) == len(body)


def test_a_short_answer_is_not_coded(gateway, slot):
    _, headers, body = raw(
        gateway, "POST", slot().infer, b"{}", {"Accept-Encoding": "gzip"}
    )

    assert (headers.get("Content-Encoding"), body) == (None, b"{}")


# Binary tensors -----------------------------------------------------------------------


def test_the_length_of_the_json_passes_both_ways(gateway, slot):
    name = "Inference-Header-Content-Length"

    def binary(server, connection, request) -> bool:
        head = (
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n%b: 2\r\n" % name.lower().encode()
        )
        connection.sendall(
            head + b"content-type: application/octet-stream\r\n\r\n{}\0\1\2\3"
        )
        return True

    here = slot(binary)

    for _ in range(3):
        status, headers, body = raw(gateway, "POST", here.infer, b"{}\0", {name: "2"})

        assert (status, headers[name], body) == (200, "2", b"{}\0\1\2\3")
        assert headers["Content-Type"] == "application/octet-stream"
    for request in here.servers[0].requests:
        assert b"\r\ninference-header-content-length: 2\r\n" in request


# Methods ------------------------------------------------------------------------------


def test_head_is_get_without_the_body(gateway, slot):
    here = slot()

    for path in ("/v2", f"/v2/models/{here.model}", "/v2/health/ready"):
        status, headers, body = raw(gateway, "HEAD", here.base + path)

        assert (status, body) == (200, b"")
        assert headers["Content-Length"] == "2"
    assert all(each.startswith(b"GET ") for each in here.servers[0].requests)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v2/models/m/infer", "POST, OPTIONS"),
        ("/v2/models/m", "GET, HEAD, OPTIONS"),
        ("", "GET, HEAD, POST, OPTIONS"),
        ("/v2/repository/index", "GET, HEAD, POST, OPTIONS"),
    ],
)
def test_methods_are_told_without_a_key(gateway, slot, path, allow):
    here = slot()

    status, headers, body = raw(gateway, "OPTIONS", here.base + path, key=None)
    refused, refusal, _ = raw(gateway, "PATCH", here.base + path)

    assert (status, headers["Allow"], body) == (204, allow, b"")
    assert (refused, refusal["Allow"]) == (405, allow)
    assert here.servers[0].requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/2",
        "/v2/models",
        "/v2/health",
        "/v2/health/started",
        "/v2/models/m/load",
        "/v2/models/m/versions",
        "/v2/models/m/versions/1/unload",
        "/v2//models/m",
        "/v2/models/m/ready/now",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_where_there_is_nothing_no_method_is_right(gateway, slot, path, method):
    here = slot()

    told = raw(gateway, "OPTIONS", here.base + path, key=None)[1]["Allow"]
    status, headers, body = raw(gateway, method, here.base + path, b"{}")
    without_key = raw(gateway, method, here.base + path, b"{}", key=None)[0]

    assert (status, without_key, told) == (404, 401, "OPTIONS")
    assert body == b'{"error":"There is nothing at this path."}'
    assert "Allow" not in headers
    assert here.servers[0].requests == []


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_the_gateways_own_pages_are_read_alone(gateway, path, method):
    told = raw(gateway, "OPTIONS", path, key=None)[1]["Allow"]

    status, headers, _ = raw(gateway, method, path, key=None)

    assert raw(gateway, "HEAD", path, key=None)[0] == 200
    assert (status, headers["Allow"], told) == (405, *["GET, HEAD, OPTIONS"] * 2)


# Other origins ------------------------------------------------------------------------


def preflight(gateway, path, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return raw(gateway, "OPTIONS", path, headers=asked, key=None)


def test_a_page_of_a_known_origin_may_ask_and_read(gateway, slot):
    here = slot()

    status, headers, _ = preflight(gateway, here.infer, PAGE)

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in headers["Access-Control-Allow-Methods"]
    taken = headers["Access-Control-Allow-Headers"]
    assert {"authorization", "content-type"} <= set(taken.split(", "))
    for _ in range(3):
        _, headers, _ = raw(gateway, "POST", here.infer, b"{}", {"Origin": PAGE})

        assert headers["Access-Control-Allow-Origin"] == PAGE
        assert headers["Vary"] == "Origin"
        assert "X-Request-ID" in headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers


def test_a_page_may_read_what_was_refused(gateway, slot):
    status, headers, _ = raw(
        gateway, "POST", slot().infer, b"{}", {"Origin": PAGE}, key="no"
    )

    assert (status, headers["Access-Control-Allow-Origin"]) == (401, PAGE)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", PAGE + "/", "*"])
def test_a_page_of_another_origin_is_told_nothing(gateway, slot, origin):
    here = slot()

    for headers in (
        preflight(gateway, here.infer, origin)[1],
        raw(gateway, "POST", here.infer, b"{}", {"Origin": origin})[1],
    ):
        assert not [name for name in headers if name.lower().startswith("access-")]


def test_origins_are_those_of_the_setting(data_dir, slot, monkeypatch):
    here = slot()
    gateway = GatewayProcess(
        data_dir, "--cors-origins", "https://a.example https://b.example"
    )
    try:
        for origin in ("https://a.example", "https://b.example"):
            found = preflight(gateway, here.infer, origin)[1]
            assert found["Access-Control-Allow-Origin"] == origin
        assert (
            "Access-Control-Allow-Origin" not in preflight(gateway, here.infer, PAGE)[1]
        )
    finally:
        gateway.close()


# Health -------------------------------------------------------------------------------

PROBES = ["/v2/health/live", "/v2/health/ready"]


@pytest.mark.parametrize("key", [None, "wrong", KEY])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_needs_no_key(gateway, slot, key, method):
    here = slot()

    for path in (*PROBES, f"/v2/models/{here.model}/ready"):
        assert raw(gateway, method, here.base + path, key=key)[0] == 200


@pytest.mark.parametrize("key", [None, KEY])
def test_what_is_not_there_and_what_is_not_ready_answer_alike(
    gateway, slot, data_dir, key
):
    here = slot()
    publish(data_dir, here.id)  # no instance
    until(lambda: raw(gateway, "GET", here.base + PROBES[1], key=None)[0] == 503)
    sick = slot(failing)

    answers_of = [
        (status, {*headers} - {"date", "x-request-id"}, body)
        for base in (here.base, sick.base, "/serving/staging/nothing")
        for path in (*PROBES, "/v2/models/m/ready")
        for status, headers, body in [raw(gateway, "GET", base + path, key=key)]
    ]

    assert answers_of == [answers_of[0]] * 9
    assert answers_of[0][0] == 503
    assert answers_of[0][2] == b""


def test_only_health_is_open(gateway, slot):
    here = slot()

    for path in ("/v2", f"/v2/models/{here.model}", "/v2/health/other", "/v2/health"):
        assert raw(gateway, "GET", here.base + path, key=None)[0] == 401
    for path in PROBES:
        assert raw(gateway, "POST", here.base + path, key=None)[0] == 401


# Ids and dates ------------------------------------------------------------------------


def test_an_id_comes_back_and_reaches_the_model(gateway, slot):
    here = slot()

    for n in range(3):
        sent = {"X-Request-ID": f"mine-{n}.a_Z"}
        assert raw(gateway, "POST", here.infer, b"{}", sent)[1]["X-Request-ID"] == (
            f"mine-{n}.a_Z"
        )
        request = here.servers[0].requests[n]
        assert request.partition(b"\r\n\r\n")[0].endswith(
            b"\r\nx-request-id: mine-%d.a_Z" % n
        )


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "é", '"', "a,b"])
def test_an_id_that_is_not_sane_is_replaced(gateway, slot, sent):
    _, headers, _ = raw(
        gateway, "POST", slot().infer, b"{}", {"X-Request-ID": sent.encode("latin-1")}
    )

    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]+", headers["X-Request-ID"])


def test_every_answer_has_an_id_of_its_own_and_a_date(gateway, slot):
    here, ids = slot(), set()

    for method, path, key in (
        ("POST", here.infer, KEY),
        ("POST", here.infer, KEY),
        ("POST", here.infer, None),
        ("GET", "/", None),
        ("GET", "/nothing", None),
        ("OPTIONS", here.infer, None),
        ("GET", here.base + PROBES[0], None),
        ("GET", "/serving/staging/nothing" + PROBES[0], None),
    ):
        _, headers, _ = raw(gateway, method, path, key=key)
        ids.add(headers["X-Request-ID"])
        assert (
            abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time()) < 99
        )

    assert len(ids) == 8


def test_what_fails_is_in_the_log_with_its_id_and_what_succeeds_is_not(
    small_gateway, slot
):
    good, bad = slot(), slot(failing)

    def named(path, name, key=KEY):
        return raw(small_gateway, "POST", path, b"{}", {"X-Request-ID": name}, key=key)[
            0
        ]

    for n in range(3):
        assert named(good.infer, f"good-{n}") == 200
        assert named(bad.infer, f"bad-{n}") == 500
    assert named(good.infer, "stranger", key=None) == 401

    until(lambda: "request stranger: 401" in small_gateway.log.read_text())
    lines = small_gateway.log.read_text()
    for n in range(3):
        assert f"request bad-{n}: 500: deployment {bad.id}" in lines
    assert "good-" not in lines


# The repository -----------------------------------------------------------------------


def test_the_index_has_the_versions_that_serve(gateway, slot, data_dir):
    here, other = slot(version="1"), slot(version="2")
    route(
        data_dir,
        here.model,
        {"deployment_id": here.id, "version": "1", "weight": 90},
        {"deployment_id": other.id, "version": "2", "weight": 10},
    )
    path = f"{here.base}/v2/repository/index"

    def index(body=b""):
        return json.loads(raw(gateway, "POST", path, body)[2])

    def entry(version, state="READY"):
        return {"name": here.model, "version": version, "state": state, "reason": ""}

    until(lambda: len(index()) == 2)
    assert index() == [entry("1"), entry("2")]
    publish(data_dir, other.id, version="2")
    until(lambda: index() == [entry("1"), entry("2", "UNAVAILABLE")])
    assert index(b'{"ready": true}') == [entry("1")]
    assert raw(gateway, "GET", path)[0] == 200
    for wrong in (b"{", b"[]", b'{"ready": 1}'):
        assert raw(gateway, "POST", path, wrong)[0] == 400
    assert raw(gateway, "POST", path, key=None)[0] == 401
    direct = f"/serving/_d/{here.id}/v2/repository/index"
    until(lambda: raw(gateway, "POST", direct)[0] == 200 or None)
    assert json.loads(raw(gateway, "POST", direct)[2]) == [entry("1")]


def test_models_are_not_loaded_or_unloaded_here(gateway, slot):
    here = slot()

    for verb in ("load", "unload"):
        path = f"{here.base}/v2/repository/models/{here.model}/{verb}"
        assert raw(gateway, "POST", path)[0] == 404
    assert here.servers[0].requests == []


# HTTP/1.0 -----------------------------------------------------------------------------


def exchanged(gateway, head: str, body: bytes = b"") -> tuple[list[bytes], bool]:
    """Send a request twice over one connection; return the answers to both."""
    request = head.encode() + b"\r\n" + body
    found = []
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as connection:
        for _ in range(2):
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            try:
                answer.begin()
            except (OSError, http.client.HTTPException):
                return found, False
            answer.read()
            found.append(answer.headers.get("Connection", "").encode())
    return found, True


def test_http_1_0_stays_open_where_it_asks_to(gateway, slot):
    here = slot()
    head = (
        f"POST {here.infer} HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 2\r\n"
    )

    assert exchanged(gateway, head + "Connection: keep-alive\r\n", b"{}") == (
        [b"keep-alive", b"keep-alive"],
        True,
    )
    assert exchanged(gateway, head, b"{}")[1] is False
    assert len(here.servers[0].requests) == 3
