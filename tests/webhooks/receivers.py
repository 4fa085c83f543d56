"""A receiver of webhooks: a real web server that keeps what it was sent."""

import http.server
import json
import threading


class Receiver:
    """Answers `status`, or what `answers` says, with `headers`; keeps what came."""

    def __init__(self):
        self.requests, self.status = [], 200
        self.answers = lambda _event: self.status
        self.headers = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers(json.loads(body))
                receiver.requests.append((dict(self.headers), body))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_arguments):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def events(self):
        return [json.loads(body) for _headers, body in self.requests]

    @property
    def types(self):
        return [event["type"] for event in self.events]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
