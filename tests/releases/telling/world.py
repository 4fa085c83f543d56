"""Where a store is filled, by whom, and what was made under which id."""

import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.demo.live import LiveStack
from tests.releases.callers import Caller, Staff

L = "/api/v1/ml/lifecycle"
F = "/api/v1/features"
D = f"{F}/datasets"


class WatchRoom:
    """Who is told of alerts: a web server that says 200 and counts."""

    def __init__(self) -> None:
        room, self.told = self, 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                room.told += 1
                self.send_response(HTTPStatus.OK)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class World:
    """A running stack; `tokens` by person and `ids` by name fill up as it is told."""

    stack: LiveStack
    room: WatchRoom
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokens |= self.stack.tokens
        found = re.search(r"as admin, password (\S+)", self.stack.output)
        assert found, "the first start shows the admin's password"
        self.staff = Staff(self.stack.url, "admin", found[1])

    def caller(self, who: str) -> Caller:
        return Caller(self.stack.url, self.tokens[who])

    @property
    def scientist(self) -> Caller:
        return self.caller("scientist")

    @property
    def approver(self) -> Caller:
        return self.caller("approver")

    @property
    def deployer(self) -> Caller:
        return self.caller("deployer")
