"""The gateway's log: its life, requests with their ids, and the trace that goes on."""

import json
import signal
import tempfile
from pathlib import Path

import pytest

from deployments.serving.gateway.access_log import line_of
from deployments.serving.gateway.answers import Client
from deployments.serving.gateway.response_options import ResponseOptions
from tests.deployments.gateway.process import GatewayProcess, reply
from tests.deployments.targets.waiting import until

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
NOBODY = Client(None, ResponseOptions(), b"")
JSON = {"MLOPS_LOG_FORMAT": "json"}


class LoggingGateway:
    """A gateway, and the lines that it has written."""

    def __init__(self, folder, settings):
        self.path = folder / "gateway.log"
        with self.path.open("w") as file:
            self.process = GatewayProcess(
                folder, "--workers", "1", log=file, settings=settings
            )

    @property
    def text(self):
        return self.path.read_text()

    def lines(self, request_id):
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if line.get("request_id") == request_id]


@pytest.fixture(scope="module")
def gateway(data_dir):
    made = LoggingGateway(data_dir, JSON)
    yield made
    made.process.close()


def fails(server, connection, request):
    return reply(connection, b'{"error":"no"}', 500)


def asked(gateway, path, request_id, **options):
    headers = {"X-Request-ID": request_id, **options}
    answer = gateway.process.post(path, {"inputs": []}, headers=headers)
    until(lambda: gateway.lines(request_id))
    return answer


def test_an_answered_call_has_a_line_with_its_id_and_template(gateway, slot):
    here = slot()

    for n in range(3):  # the first by the slow path, the others by the fast one
        _, _, headers = asked(gateway, here.infer, f"ok-{n}")
        (line,) = gateway.lines(f"ok-{n}")

        assert headers["X-Request-ID"] == f"ok-{n}"
        assert line["route"] == "/serving/{environment}/{model}/v2/models/{model}/infer"
        assert (line["method"], line["status"]) == ("POST", 200)
        assert (line["environment"], line["model"]) == ("staging", here.model)
        assert line["duration_ms"] > 0
        assert len(line["key"]) == 12


def test_a_failed_call_has_a_line_of_its_own_beside_that(gateway, slot):
    asked(gateway, slot(fails).infer, "failed")

    until(lambda: len(gateway.lines("failed")) == 2)
    assert {line["status"] for line in gateway.lines("failed")} == {500}
    assert {line["logger"].split(".")[0] for line in gateway.lines("failed")} == {
        "mlops",
        "deployments",
    }


def test_a_refusal_names_its_request(gateway, slot):
    asked(gateway, slot().infer + "/nothing", "refused")

    assert {line["status"] for line in gateway.lines("refused")} == {404}


def test_a_trace_goes_on_to_the_model_and_into_the_log(gateway, slot):
    here = slot(fails)

    for n in range(3):
        asked(gateway, here.infer, f"trace-{n}", **TRACED)

        until(lambda n=n: len(gateway.lines(f"trace-{n}")) == 2)
        first, second = gateway.lines(f"trace-{n}")
        span = first["span_id"]
        sent = here.servers[0].requests[-1]
        assert (first["trace_id"], second["span_id"]) == (TRACE, span)
        assert span != CALLER
        assert f"\r\ntraceparent: 00-{TRACE}-{span}-01\r\n".encode() in sent


def test_without_a_trace_none_is_made_up(gateway, slot):
    here = slot()

    asked(gateway, here.infer, "plain")
    asked(gateway, here.infer, "wrong", traceparent="00-x-y-01")

    assert all(b"traceparent" not in sent for sent in here.servers[0].requests)
    assert "trace_id" not in gateway.lines("plain")[0]


def test_every_line_of_its_life_is_json(tmp_path):
    made = LoggingGateway(tmp_path, JSON)
    made.process.process.send_signal(signal.SIGHUP)
    until(lambda: "the old ones leave" in made.text)
    made.process.close()

    messages = [json.loads(line)["message"] for line in made.text.splitlines()]
    told = " ".join(messages)
    for word in ("starts", "listens at 127.0.0.1:", "serves", "reloads", "has ended"):
        assert word in told


def test_text_has_no_line_for_what_went_well():
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        made = LoggingGateway(Path(folder), {})
        made.process.get("/healthz")
        status, _, _ = made.process.post(
            "/serving/a/b", {}, headers={"X-Request-ID": "r"}
        )
        until(lambda: "request r:" in made.text)
        made.process.close()
        text = made.text

    assert status == 401
    assert "mlops.access" not in text


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/healthz", "/healthz"),
        ("/no/such/path", "unknown"),
        ("/serving/x", "unknown"),
        ("/serving/e/m", "/serving/{environment}/{model}"),
        (
            "/serving/e/m/v2/models/infer",
            "/serving/{environment}/{model}/v2/models/{model}",
        ),
        (
            "/serving/e/m/v2/models/m/versions/3/ready",
            "/serving/{environment}/{model}/v2/models/{model}/versions/{version}/ready",
        ),
        ("/serving/_d/id/v2", "/serving/_d/{deployment}/v2"),
        ("/serving/e/m/my/secret", "/serving/{environment}/{model}/{other}/{other}"),
    ],
)
def test_a_route_is_a_template(path, route):
    scope = {"raw_path": path.encode(), "method": "GET", "headers": []}

    assert line_of(scope, NOBODY, 0.0).route == route


def test_a_route_has_a_bounded_length():
    path = b"/serving/e/m/" + b"a/" * 500
    scope = {"raw_path": path, "method": "GET", "headers": []}

    assert len(line_of(scope, NOBODY, 0.0).route) < 120
