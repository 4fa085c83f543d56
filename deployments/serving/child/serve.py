"""Serves one model from its own process, on a socket that is already bound."""

import logging
import os
import socket
from collections.abc import Callable
from typing import Any

from deployments.serving.child import report
from deployments.serving.child.app import ModelServer
from deployments.serving.child.loading_errors import finding_of
from deployments.serving.child.modelfile import ModelSource
from deployments.serving.child.runner import Runner
from deployments.serving.oip import metadata
from deployments.serving.terms import TargetRefused
from mlops import memory

logger = logging.getLogger(__name__)

Ready = Callable[[], None]
Host = Callable[[ModelServer, Runner, socket.socket, Ready], None]
"""Speaks HTTP on the socket until SIGTERM; calls `Ready` once it does."""


def run(
    source: ModelSource,
    shut_in: Callable[[], object],
    host: Host,
    job: dict[str, Any],
    descriptors: dict[str, int],
) -> int:
    """Load the model and serve until SIGTERM; return the process's exit status.

    What it takes is imported, then `shut_in` takes the process's rights, then the
    model is looked at.
    """
    source.warm_up()
    shut_in()
    try:
        model = source.load()
    except Exception as error:
        finding = finding_of(error)
        is_known = isinstance(error, (TargetRefused, MemoryError))
        if not is_known and "transient" not in finding:
            raise
        logger.error("not loaded: %s", finding)  # noqa: TRY400 - sentences, no traceback
        report.send(descriptors["report"], finding)
        return 1
    memory.trim()
    runner = Runner(job["predict_limit_s"])
    app = ModelServer(
        model,
        name=job["model_name"],
        version=job["model_version"],
        runner=runner,
        max_bytes=job["max_body_bytes"],
    )
    if job["before"]:
        app.before = metadata.signature_in(job["before"])

    def ready() -> None:
        logger.info("ready")
        report.send(descriptors["report"], {"ready": True})

    host(app, runner, socket.socket(fileno=descriptors["listener"]), ready)
    return os.EX_OK
