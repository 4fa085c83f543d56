"""The port of live streams inside a web process: one thread, whatever is open.

The web does without it: a port that is taken is logged, and pages poll.
"""

import asyncio
import logging
import select
import socket
import threading

from django.core.handlers.wsgi import WSGIHandler

from mlops.core import stream_port

logger = logging.getLogger(__name__)

UNSENT_MS = 20_000
"""For how long a client may take nothing of what it is sent."""
BACKLOG = 512


def start(application: WSGIHandler, *, host: str, port: int) -> bool:
    """Listen, and answer in a thread; return False if the port cannot be had."""
    try:
        listener = listening(host, port)
    except OSError as error:
        logger.warning(
            "Live streams have no port of their own: %s:%d cannot be had (%s). Eight "
            "pages stream over the web's, others poll; MLOPS_STREAM_PORT chooses "
            "another.",
            host,
            port,
            error.strerror or error,
        )
        return False
    stream_port.opened(port)
    threading.Thread(
        target=_serve, args=(application, listener), name="stream-port", daemon=True
    ).start()
    return True


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, beside those of the other web workers.

    The kernel cuts off who takes nothing for `UNSENT_MS`. Raises OSError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS)
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _serve(application: WSGIHandler, listener: socket.socket) -> None:
    """Answer until the process ends; the server is imported when somebody comes."""
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    poller.poll()
    # What it imports takes megabytes, which most processes never need.
    from mlops.streams import serve  # noqa: PLC0415

    try:
        asyncio.run(serve(application, listener))
    finally:
        stream_port.closed()
        listener.close()
