"""A page of another origin asks a model, as a browser lets it."""

import functools
import http.server
import threading

import pytest

from tests.browser.driver import Browser, missing
from tests.deployments.gateway.process import KEY, GatewayProcess
from tests.deployments.gateway.real import infer_path, serving
from tests.deployments.targets.models import onnx_bytes

pytestmark = pytest.mark.slow

ASK = """
window.found = null;
const [url, key, body] = arguments;
fetch(url, {method: "POST", body: body, headers: {
  "Authorization": "Bearer " + key, "Content-Type": "application/json",
  "X-Request-ID": "from-a-page"}})
.then(async answer => { window.found = {
  status: answer.status, id: answer.headers.get("X-Request-ID"),
  version: answer.headers.get("X-Model-Version"), body: await answer.json()}; })
.catch(error => { window.found = {error: String(error)}; });
"""
BODY = (
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", '
    '"data": [5.1, 3.5, 1.4, 0.2]}]}'
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the address of a page that a server of another port has."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>another</title>here")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(folder)
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def window(tmp_path, page):
    if lacking := missing():
        pytest.skip(lacking)
    made = Browser(tmp_path / "profile")
    made.open(page)
    yield made
    made.close()


def predicted(window, gateway, key=KEY):
    url = f"http://127.0.0.1:{gateway.port}{infer_path('iris')}"
    window.run(ASK, url, key, BODY)
    window.wait(lambda: window.run("return window.found"), "an answer")
    return window.run("return window.found")


def test_a_page_of_a_configured_origin_infers_and_another_does_not(window, page):
    with serving(iris=onnx_bytes()) as other:
        gateway = GatewayProcess(other.data_dir, "--cors-origins", page)
        try:
            found = predicted(window, gateway)
            refused = predicted(window, gateway, key="wrong")
            elsewhere = predicted(window, other)
        finally:
            gateway.close()

    assert (found["status"], found["id"]) == (200, "from-a-page")
    assert found["version"] == "1"
    assert found["body"]["outputs"][0]["data"] == [0]
    assert (refused["status"], list(refused["body"])) == (401, ["error"])
    assert "error" in elsewhere
