"""Live streams over ASGI: the web's own middleware and view, without a thread each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from socket import socket
from typing import Any

import orjson
from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from deployments.viewsets import StreamViewSet
from mlops.core import stream_port
from mlops.core.problems import CONTENT_TYPE, problem

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_CONNECTIONS = 600
MAX_BODY_BYTES = 64 << 10
UNASKED_S = 10
"""For how long a connection may be silent before its first request."""
THREADS = 2
"""For what is asked of the database before a stream begins."""


class StreamRequest(ASGIRequest):
    """A request to the port of streams."""


class StreamHandler(ASGIHandler):
    """Django's ASGI, with the middleware and views that WSGI has loaded already.

    What is synchronous runs in a few threads that all requests share: Django's own
    way has each request keep a thread until its answer has ended.
    """

    request_class = StreamRequest

    def __init__(self, application: WSGIHandler) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(THREADS, "stream-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.handle(scope, receive, send)

    async def read_body(self, receive: Receive) -> BytesIO:
        """Leave out what a request has as its body: none of these means anything."""
        taken = 0
        while True:
            message = await receive()
            taken += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or taken > MAX_BODY_BYTES:
                raise RequestAborted
            if not message.get("more_body", False):
                return BytesIO()

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._respond, request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; no connection to the database stays open for these few requests."""
        try:
            return self._application.get_response(request)
        finally:
            connections.close_all()


class StreamApplication:
    """Answers streams; anything else is 404, and is told where the API is."""

    def __init__(self, application: WSGIHandler) -> None:
        self._handler = StreamHandler(application)
        check_request_enabled.connect(comes_from_our_pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_stream(scope["path"]):
            await self._handler(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send)


def is_stream(path: str) -> bool:
    """Whether a path is one of the addresses of streams."""
    try:
        found = resolve(path)
    except Resolver404:
        return False
    return getattr(found.func, "cls", None) is StreamViewSet


def comes_from_our_pages(request: HttpRequest, **_signal: object) -> bool:
    """Whether the web's own page asks, which is at another port and so elsewhere."""
    if not isinstance(request, StreamRequest):
        return False
    return request.headers.get("Origin") in settings.OWN_ORIGINS


async def _refuse(send: Send) -> None:
    detail = (
        "Only live streams are answered at this port, such as "
        "/api/v1/ml/lifecycle/deployments/{deployment_id}/stream; the API is at port "
        f"{settings.PORT}."
    )
    body = orjson.dumps(problem(404, "not_found", detail))
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's, for so many connections; one that says nothing is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # a TCP one
        if len(self.connections) > MAX_CONNECTIONS:
            self.transport.abort()
            return
        self.timeout_keep_alive_task = self.loop.call_later(
            UNASKED_S, self.timeout_keep_alive_handler
        )


async def serve(application: WSGIHandler, listener: socket) -> None:
    """Answer what comes to a listening socket, until the process ends."""
    config = Config(
        StreamApplication(application),
        http=BoundedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        headers=[("Server", stream_port.SERVER)],
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    state.default_headers = config.encoded_headers
    server = await loop.create_server(
        lambda: BoundedProtocol(config, state, {}, loop), sock=listener
    )
    await server.serve_forever()
