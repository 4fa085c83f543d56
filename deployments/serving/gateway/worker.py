"""One process of the gateway: it serves until it is signalled to leave.

SIGTERM lets what is under way end and closes the rest; SIGUSR1 lets every kept
connection end with an answer that says so. When the supervisor is gone the worker
leaves as on SIGTERM.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from deployments.serving.gateway.app import Gateway
from deployments.serving.gateway.guard import AnonymousConnections
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.protocol import GatewayProtocol

KEEP_ALIVE_S = 75
DRAIN_S = 15.0
BACKLOG = 2048
RETIRE = signal.SIGUSR1
ORDERS = (signal.SIGTERM, RETIRE)
"""Signals that are blocked until the worker listens to them."""


@dataclass(frozen=True, slots=True)
class Files:
    """Sockets and files that a worker inherits from its supervisor.

    `lifeline` ends with the supervisor, `ready` hears when the worker serves, `totals`
    is memory that all workers count in.
    """

    listener: socket.socket
    lifeline: int
    ready: int
    totals: int


def work(options: GatewayOptions, files: Files) -> None:
    """Serve until signalled to leave."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Worker(options, files).run())


class Worker:
    def __init__(self, options: GatewayOptions, files: Files) -> None:
        self._files = files
        GatewayProtocol.anonymous = AnonymousConnections(options.workers)
        self._config = uvicorn.Config(
            Gateway(options, files.totals),
            http=GatewayProtocol,
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._leaving, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        files = self._files
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(RETIRE, self._leaving.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)
        loop.add_reader(files.lifeline, self._stop)
        lifespan = self._config.lifespan_class(self._config)
        await lifespan.startup()
        if lifespan.should_exit:
            raise SystemExit(os.EX_SOFTWARE)
        server = await loop.create_server(
            self._protocol(loop, lifespan.state), sock=files.listener, backlog=BACKLOG
        )
        os.write(files.ready, b"r")
        await self._leaving.wait()
        loop.remove_reader(files.lifeline)
        server.close()
        await self._release()
        await lifespan.shutdown()

    def _protocol(
        self, loop: asyncio.AbstractEventLoop, state: dict[str, Any]
    ) -> Callable[[], GatewayProtocol]:
        return lambda: GatewayProtocol(self._config, self._state, state, loop)

    def _stop(self) -> None:
        self._leaving.set()
        self._stopping.set()

    async def _release(self) -> None:
        """Wait until kept connections have ended, then for what is under way."""
        for each in self._connections():
            each.retire()
        if not self._stopping.is_set():
            await self._until_idle(KEEP_ALIVE_S, self._stopping)
        for each in self._connections():
            each.shutdown()
        await self._until_idle(DRAIN_S, asyncio.Event())

    async def _until_idle(self, limit_s: float, enough: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while (self._state.connections or self._state.tasks) and not enough.is_set():
            if loop.time() > deadline:
                return
            await asyncio.sleep(0.02)

    def _connections(self) -> list[GatewayProtocol]:
        return [
            each
            for each in self._state.connections
            if isinstance(each, GatewayProtocol)
        ]
