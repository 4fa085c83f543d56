"""Thousands of broken bodies through the gateway: the client's fault, nobody's harm."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.deployments.gateway.clients import Clients, iris_request
from tests.deployments.gateway.process import KEY
from tests.deployments.gateway.real import infer_path, serving
from tests.deployments.targets.models import onnx_bytes, xgboost_bytes
from tests.deployments.targets.test_protocol import anything, nearly
from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.slow
MODELS = {"iris": onnx_bytes, "boosted": xgboost_bytes}
HEADERS = {"Authorization": f"Bearer {KEY}"}

many = settings(
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@st.composite
def damaged(draw):
    """Return a good request of which some bytes are others, more or fewer."""
    raw = bytearray(iris_request())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw) - 1))
        piece = draw(st.binary(max_size=3) | st.sampled_from([b"[", b'"', b"1e999"]))
        raw[at : at + draw(st.integers(0, 3))] = piece
    return bytes(raw)


bodies = (
    st.binary(max_size=200)
    | damaged()
    | (anything | nearly).map(lambda body: json.dumps(body).encode())
)


@pytest.fixture(scope="module")
def gateway():
    contents = {name: content() for name, content in MODELS.items()}
    with serving(**contents, neighbour=onnx_bytes(1)) as made:
        yield made


@pytest.fixture(scope="module")
def connection(gateway):
    made = gateway.connect()
    yield made
    made.close()


@pytest.fixture(scope="module")
def neighbours(gateway):
    """Ask another model of the same gateway all the while; it notices nothing."""
    with Clients(gateway, infer_path("neighbour"), count=1) as clients:
        yield clients
        until(lambda: clients.sent > 100)
    assert clients.statuses.keys() == {200}, clients.errors


@many
@given(body=bodies, name=st.sampled_from(sorted(MODELS)), is_plain=st.booleans())
def test_no_body_makes_a_server_error(connection, neighbours, body, name, is_plain):
    path = f"/serving/staging/{name}" if is_plain else infer_path(name)
    connection.request("POST", path, body, HEADERS)
    answer = connection.getresponse()
    found = json.loads(answer.read())

    assert answer.status in (200, 400), (answer.status, found, body)
    assert (answer.status == 200) != (found.keys() == {"error"})


@many
@given(rest=st.text("/%?#.v2infermodels<C3", max_size=30))
@example(rest="2")
@example(rest="v2")
def test_no_path_makes_one_either(connection, neighbours, rest):
    path = f"/serving/staging/iris/{rest}"
    connection.request("POST", path, b"{}", HEADERS)
    answer = connection.getresponse()

    assert answer.read()
    is_page = answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    wanted = (405,) if is_page else (400, 404)
    assert answer.status in wanted, (answer.status, path)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_good_request_still_works(gateway, neighbours, name):
    about, body = gateway.get(f"/serving/staging/{name}")[1], json.loads(iris_request())
    body["inputs"][0]["name"] = about["inputs"][0]["name"]

    assert gateway.post(infer_path(name), body)[0] == 200
