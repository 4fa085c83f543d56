"""A page that moves, in a real browser: what it asks, when, and what it says of it.

The page is nothing but the script that all live pages have, before a server that
writes down when it was asked; so nothing else can keep it from asking.
"""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings

from tests.browser.driver import Browser, missing

pytestmark = pytest.mark.slow
SCRIPT = Path(settings.BASE_DIR, "mlops/core/static/work/live.js")
EVERY_S, LATE_S = 5.0, 3.0
PAGE = """<!doctype html><title>live</title>
<div id="work-texts" data-live="live" data-polling="asks every 5 s" data-lost="lost"
 data-paused="paused"></div><p id="sign"></p>
<script type="module">
import { live } from "/live.js";
const poll = () => fetch("/poll");
live({ stream: STREAM, poll, sign: document.getElementById("sign") });
</script>"""
NO_STREAM, IS_STREAM = '"/nothing?a=1"', '"/stream?a=1"'


class Server(ThreadingHTTPServer):
    """Answers with the page, and knows when it was polled and who streams."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stream = NO_STREAM
        self.polled: list[float] = []
        self.streamed: list[float] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def asked(self) -> int:
        return len(self.polled) + len(self.streamed)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self._send("text/html", PAGE.replace("STREAM", self.server.stream).encode())
        elif path == "/live.js":
            self._send("text/javascript", SCRIPT.read_bytes())
        elif path == "/poll":
            self.server.polled.append(time.monotonic())
            self._send("application/json", b"{}")
        elif path == "/stream":
            self.server.streamed.append(time.monotonic())
            self._send("text/event-stream", b"event: end\ndata: 1\n\n")
        else:
            self.send_error(404)

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def page(tmp_path) -> Iterator[Browser]:
    if lacking := missing():
        pytest.skip(lacking)
    made = Browser(tmp_path / "profile")
    yield made
    made.close()


def test_page_without_a_stream_asks_every_five_seconds_and_says_so(server, page):
    page.open(server.url)

    page.wait(lambda: len(server.polled) > 4, "five questions")

    gaps = [
        later - before
        for before, later in zip(server.polled[2:], server.polled[3:], strict=False)
    ]
    assert all(gap > EVERY_S - LATE_S for gap in gaps), gaps
    assert page.text.strip() == "asks every 5 s"
    assert page.run("return document.getElementById('sign').dataset.state") == "polling"


@pytest.mark.parametrize("stream", [NO_STREAM, IS_STREAM])
def test_page_in_a_hidden_tab_asks_nothing_until_it_is_seen_again(server, page, stream):
    server.stream = stream
    page.open(server.url)
    page.wait(lambda: server.asked() > 2, "some questions")

    page.minimize()
    page.wait(lambda: page.text.strip() == "paused", "a page that says it rests")
    asked, since = server.asked(), time.monotonic()
    page.wait(lambda: time.monotonic() > since + 2 * EVERY_S, "two times 5 s")

    assert page.run("return document.hidden")
    assert server.asked() == asked
    page.restore()
    page.wait(lambda: server.asked() > asked + 1, "questions again")
    assert page.text.strip() in {"live", "asks every 5 s"}
