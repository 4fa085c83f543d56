"""onnx's node tests: what onnxruntime answers by itself is what an endpoint answers.

The table of docs/formats.md comes from here; `WRITE_PAGES=1 pytest -m slow` with this
file writes it anew.
"""

import http.client
import os
import socket
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import onnx
import onnxruntime
import pytest

from deployments.serving.child import uvicorn_server
from tests.deployments.gateway.process import KEY, GatewayProcess, publish, route
from tests.deployments.targets import nodes

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
FIRST, LAST = "<!-- onnx-node-tests -->\n", "<!-- end of onnx-node-tests -->\n"
SAMPLE = (
    *("add", "and_", "bitshift", "identity", "if_", "isinf", "isnan", "loop", "lstm"),
    *("nonmaxsuppression", "optionalgetelement", "sequence_map", "sequenceinsert"),
    *("splittosequence", "string_concat", "string_split", "unique", "where"),
)


def test_a_sample_of_them_is_equal_in_the_process():
    server = nodes.new_server()
    post = nodes.in_process(server)

    found = [nodes.judged(case, server, post) for case in nodes.cases(*SAMPLE)]

    kinds = Counter(each.kind for each in found)
    assert not [each for each in found if each.kind == "different"]
    assert kinds["equal"] >= 60


@pytest.fixture
def over_http(tmp_path_factory):
    """Return a model server whose model is put in place, and what posts to it."""
    folder = tmp_path_factory.mktemp("n")
    server, listener = nodes.new_server(), socket.socket(socket.AF_UNIX)
    path = folder / "node.sock"
    listener.bind(str(path))
    ready = threading.Event()
    threading.Thread(
        target=uvicorn_server.host,
        args=(server, server._runner, listener, ready.set),
        daemon=True,
    ).start()
    assert ready.wait(120)
    gateway = GatewayProcess(folder)
    publish(folder, "node", SimpleNamespace(path=path))
    route(folder, "node", {"deployment_id": "node"})
    connection = gateway.connect()
    yield server, posting(connection)
    connection.close()
    gateway.close()


def posting(connection: http.client.HTTPConnection) -> nodes.Post:
    name = "Inference-Header-Content-Length"

    def post(path: str, body: bytes, json_bytes: int | None):
        headers = {"Authorization": f"Bearer {KEY}"}
        if json_bytes is not None:
            headers[name] = str(json_bytes)
        connection.request("POST", f"/serving/staging/node{path}", body, headers)
        answer = connection.getresponse()
        length = answer.headers.get(name)
        return answer.status, answer.read(), None if length is None else int(length)

    return post


@pytest.mark.slow
def test_all_of_them_are_equal_over_http(over_http):
    found = [nodes.judged(case, *over_http) for case in nodes.cases()]

    assert not [each for each in found if each.kind == "different"]
    if os.environ.get("WRITE_PAGES"):
        write(found)
    listed, counted = figures(PAGE.read_text()), figures(table(found))
    assert listed["no word"] == counted["no word"]
    assert listed["equal"] <= counted["equal"], "write the page anew"


def table(found: list[nodes.Outcome]) -> str:
    kinds = Counter(each.kind for each in found)
    types = Counter(
        each.why.replace("tensor(", "").replace(")", "")
        for each in found
        if each.kind == "no word"
    )
    words = ", ".join(f"{name} {count}" for name, count in sorted(types.items()))
    return (
        f"Of the {len(found)} node tests of onnx {onnx.__version__}, each sent in JSON "
        "and as binary tensors\nthrough a gateway to a model server with onnxruntime "
        f"{onnxruntime.__version__}:\n\n"
        "| tests | outcome |\n|---:|---|\n"
        f"| {kinds['equal']} | equal, bit for bit, to what onnxruntime answers |\n"
        f"| {kinds['different']} | another answer |\n"
        f"| {kinds['no word']} | refused for types without a word in the protocol: "
        f"{words} |\n"
        f"| {kinds['not run']} | onnxruntime itself lacks the operator, or answers "
        "otherwise than the test says |\n"
    )


def figures(text: str) -> dict[str, int]:
    """Return the counts that a table has, by their outcome."""
    marks = {"equal, bit for bit": "equal", "refused for types": "no word"}
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        for mark, kind in marks.items():
            if len(cells) > 2 and cells[2].startswith(mark):
                found[kind] = int(cells[1])
    return found


def write(found: list[nodes.Outcome]) -> None:
    before, _, rest = PAGE.read_text().partition(FIRST)
    after = rest.partition(LAST)[2]
    PAGE.write_text(f"{before}{FIRST}\n{table(found)}\n{LAST}{after}")
