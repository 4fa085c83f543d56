"""Serves one model from its own process, on a socket that is already bound."""

import asyncio
import logging
import os
import socket
from typing import Any

import uvicorn

from deployments.targets.base import Refused
from deployments.targets.child import modelfile, report
from deployments.targets.child.app import ModelServer
from deployments.targets.child.door import protocol_of
from deployments.targets.child.runner import Runner
from deployments.targets.child.sandbox import Limits, confine

logger = logging.getLogger(__name__)

DRAIN_S = 10
BACKLOG = 2048


def run(job: dict[str, Any], descriptors: dict[str, int]) -> int:
    """Load the model and serve until SIGTERM; return the process's exit status."""
    modelfile.import_reader(descriptors["model"])
    confine(Limits(job["memory_bytes"]))
    try:
        content = modelfile.read(descriptors["model"], job["sha256"])
        model = modelfile.load_model(content, job)
    except (Refused, MemoryError) as error:
        reason = str(error) or "There is too little memory to load it."
        logger.error("not loaded: %s", reason)  # noqa: TRY400 - a sentence, no traceback
        report.send(descriptors["report"], {"refused": reason})
        return 1
    finally:
        os.close(descriptors["model"])
    del content
    runner = Runner(job["predict_limit_s"])
    app = ModelServer(
        model,
        name=job["model_name"],
        version=job["model_version"],
        runner=runner,
        max_bytes=job["max_body_bytes"],
    )
    listener = socket.socket(fileno=descriptors["listener"])
    asyncio.set_event_loop_policy(None)
    with asyncio.Runner(loop_factory=_new_loop) as loop:
        loop.run(_serve(app, runner, listener, descriptors["report"]))
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - absent on some platforms

    return uvloop.new_event_loop()


async def _serve(
    app: ModelServer, runner: Runner, listener: socket.socket, pipe: int
) -> None:
    server = uvicorn.Server(
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
    announce = asyncio.create_task(_announce(server, pipe))
    await server.serve(sockets=[listener])
    watch.cancel()
    announce.cancel()


async def _announce(server: uvicorn.Server, pipe: int) -> None:
    while not server.started:
        await asyncio.sleep(0.001)
    logger.info("ready")
    report.send(pipe, {"ready": True})
