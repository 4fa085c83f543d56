"""The worker's own port: `/healthz`, `/readyz` and `/metrics`, and nothing else."""

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry

from mlops.core import gauges, health, metrics
from mlops.worker.heartbeat import HEARTBEAT

logger = logging.getLogger(__name__)

READY_S, ALIVE_S = 60.0, 180.0
"""For how long the main loop may be silent; a pass may have much to do."""
PATIENCE_S = 5.0
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


def start(host: str, port: int) -> bool:
    """Listen, and answer in threads; return False if the port cannot be had."""
    try:
        server = _WorkerServer((host, port), _Answers)
    except OSError as error:
        logger.warning(
            "The worker has no port of its own: %s:%d cannot be had (%s); "
            "MLOPS_WORKER_PORT chooses another.",
            host,
            port,
            error.strerror or error,
        )
        return False
    threading.Thread(target=server.serve_forever, name="port", daemon=True).start()
    return True


def alive() -> JsonResponse:
    """Answer 200 unless the main loop has been silent for minutes."""
    is_alive = HEARTBEAT.age_s < ALIVE_S
    status = "ok" if is_alive else "silent"
    return JsonResponse({"status": status}, status=200 if is_alive else 503)


def ready() -> JsonResponse:
    """Answer 200 when the loop comes round, and database and store are fit for work."""
    loop = "ok" if HEARTBEAT.age_s < READY_S else "silent"
    state = {
        "is_leader": HEARTBEAT.is_leader,
        "heartbeat_age_s": round(HEARTBEAT.age_s, 3),
    }
    return health.answer({"loop": loop, **health.own_checks()}, worker=state)


def _registry() -> CollectorRegistry:
    return metrics.worker_registry(HEARTBEAT.families, gauges.build_of("worker"))


class _WorkerServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type["_Answers"]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)


class _Answers(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version = "mlops-worker"

    def do_GET(self) -> None:
        try:
            self._send(self._found())
        finally:
            connections.close_all()

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
        logger.debug(format, *arguments)

    def _found(self) -> HttpResponse:
        match self.path.partition("?")[0]:
            case "/healthz":
                return alive()
            case "/readyz":
                return ready()
            case "/metrics":
                return metrics.page_for(self._request(), self._address(), _registry)
        return JsonResponse({"error": "There is nothing at this path."}, status=404)

    def _request(self) -> HttpRequest:
        """Return as much of a request as asks who somebody is."""
        made = HttpRequest()
        made.method = "GET"
        made.META["HTTP_AUTHORIZATION"] = self.headers.get("Authorization", "")
        return made

    def _address(self) -> str:
        """Return the caller's address, "" of who came through a proxy."""
        if any(name in self.headers for name in FORWARDED):
            return ""
        return str(self.client_address[0]).removeprefix("::ffff:")

    def _send(self, answer: HttpResponse) -> None:
        self.send_response(answer.status_code)
        for name, value in answer.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)
