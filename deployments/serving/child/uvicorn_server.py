"""HTTP/1.1 for one model server by uvicorn, with a fast path for plain calls."""

import asyncio
import socket
from types import FrameType

import uvicorn
import uvloop

from deployments.serving.child.app import ModelServer
from deployments.serving.child.protocol import protocol_of
from deployments.serving.child.runner import Runner
from deployments.serving.child.serve import Ready

DRAIN_S = 10
BACKLOG = 2048


def host(
    app: ModelServer, runner: Runner, listener: socket.socket, ready: Ready
) -> None:
    """Serve until SIGTERM, then end what is under way, within DRAIN_S."""
    asyncio.set_event_loop_policy(None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_serve(app, runner, listener, ready))


async def _serve(
    app: ModelServer, runner: Runner, listener: socket.socket, ready: Ready
) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            http=protocol_of(app),
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )
    watch = asyncio.create_task(runner.watch())
    announce = asyncio.create_task(_announce(server, ready))
    await server.serve(sockets=[listener])
    watch.cancel()
    announce.cancel()


class _Server(uvicorn.Server):
    """Sleeps until it is signalled to stop; uvicorn's own polls ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, on a signal."""
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        if not await self.on_tick(0):
            await self._stopping.wait()


async def _announce(server: uvicorn.Server, ready: Ready) -> None:
    while not server.started:
        await asyncio.sleep(0.001)
    ready()
