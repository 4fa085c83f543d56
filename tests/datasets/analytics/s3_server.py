"""An S3 endpoint on localhost: real HTTP in front of moto's own S3.

moto's stand-alone server needs Flask; its mock answers `requests`, so a small server
hands every call to that.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from moto import mock_aws

_AWS = "https://s3.amazonaws.com"
_DROPPED = {"host", "connection", "transfer-encoding", "content-length"}


class _Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _DROPPED
        }
        answer = requests.request(
            self.command,
            _AWS + self.path,
            headers=headers,
            data=self.rfile.read(length),
            timeout=10,
            stream=True,
        )
        body = b"" if self.command == "HEAD" else answer.content
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _DROPPED:
                self.send_header(name, value)
        size = answer.headers.get("Content-Length", len(body))
        self.send_header("Content-Length", str(size if not body else len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def s3_endpoint() -> Iterator[str]:
    """Give the address of an empty S3 store."""
    with mock_aws():
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Forwarder)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
