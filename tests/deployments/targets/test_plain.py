"""What a fresh interpreter has from the standard library: HTTP/1.1 and JSON."""

import asyncio
import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from deployments.serving.child.app import ModelServer
from deployments.serving.child.runner import Runner
from deployments.serving.child.stdlib_server import Host, Unclear, read_head
from deployments.serving.formats import LoadOptions, load
from deployments.serving.oip import wire
from tests.deployments.targets import models

ROW = json.dumps({"instances": [[5.1, 3, 1, 0]]}).encode()


@pytest.fixture
def talk(tmp_path):
    """Send bytes to a model server over one connection; return what it answers."""
    model = load(models.onnx_bytes(), LoadOptions())
    runner = Runner(30)
    app = ModelServer(model, name="iris", version="1", runner=runner, max_bytes=1000)

    async def exchange(sent: bytes) -> bytes:
        path = str(tmp_path / "s")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        host = Host(app)
        ready = asyncio.Event()
        serving = asyncio.create_task(host.run(runner, listener, ready.set))
        await ready.wait()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(sent)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        host._leaving.set()
        await serving
        return answer

    return lambda sent: asyncio.run(exchange(sent))


def post(body: bytes, path: str = "/", head: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: m\r\n{length}{head}\r\n".encode() + body


def test_one_connection_takes_one_request_after_another(talk):
    answer = talk(post(ROW) + post(ROW) + b"GET /v2 HTTP/1.1\r\nHost: m\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"x-took-ms: ") == 2
    assert b"mlops-model-server" in answer


def test_a_head_has_no_body(talk):
    answer = talk(b"HEAD /v2 HTTP/1.1\r\nHost: m\r\n\r\n")

    assert b"content-length: " in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_connection_can_be_closed_by_the_client(talk):
    assert (
        talk(post(ROW, head="Connection: close\r\n") + post(ROW)).count(b"200 OK") == 1
    )


def test_what_is_not_looked_at_is_in_nobodys_way(talk):
    answer = talk(post(b"x" * 100, "/nowhere") + post(ROW))

    assert answer.startswith(b"HTTP/1.1 404 Not Found")
    assert b"HTTP/1.1 200 OK" in answer


def test_too_large_a_body_is_413(talk):
    assert b"HTTP/1.1 413" in talk(post(b" " * 2000))


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"x" * (1 << 17) + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_unclear_is_answered_and_ends_the_connection(talk, sent):
    answer = talk(sent + post(ROW))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"content-type") == 1


def test_a_head_without_a_length_has_no_body():
    assert read_head(b"GET / HTTP/1.1\r\n\r\n").body_bytes == 0
    with pytest.raises(Unclear):
        read_head(b"")


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, "é", None, True]},
        np.arange(6).reshape(2, 3),
        np.array([1.5, np.nan, np.inf]),
        np.array([True, False]),
        {"shape": (1, 2), "data": np.float64(0.5)},
    ],
)
def test_json_is_the_same_with_and_without_orjson(value):
    plain = wire.plain_dumps(value)

    assert plain == wire.dumps(value)
    assert wire.plain_loads(plain) == wire.loads(plain)


@pytest.mark.parametrize(
    "text",
    [b"{", b"[NaN]", b"\xff", b"[" * 100_000, b"", b"[1] x", b"9" * 9000, b"[-1e400]"],
)
def test_what_is_no_json_is_refused_by_both(text):
    with pytest.raises(json.JSONDecodeError):
        wire.plain_loads(text)
    if not text.startswith(b"9"):  # orjson makes a number of it
        with pytest.raises(json.JSONDecodeError):
            wire.loads(text)


@pytest.mark.parametrize("loads", [wire.loads, wire.plain_loads])
@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_token_for_is_said_to_have_a_word(loads, name):
    for text in (f'{{"한": [1, {name}]}}', name):
        with pytest.raises(json.JSONDecodeError, match=f'send the word "{name}"'):
            loads(text.encode())


ALONE = """
import sys

OURS = {"httptools", "uvicorn", "uvloop", "orjson", "onnx", "onnxruntime", "django"}


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OURS:
            raise ModuleNotFoundError(name=name)


sys.meta_path.insert(0, Missing())
import deployments.serving.child.stdlib_server
"""


def test_an_interpreter_of_models_needs_no_package_of_ours():
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
