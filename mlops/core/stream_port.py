"""Where live streams are answered: this process's own port of them, if it is open."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

SERVER = "mlops-streams"
"""What the port's answers have as `Server`, by which a check tells it from others."""
_open: list[int] = []


def opened(port: int) -> None:
    """Note that this process listens there."""
    _open[:] = [port]


def closed() -> None:
    """Note that it listens no more."""
    _open.clear()


def stream_origin(request: HttpRequest) -> str:
    """Return the origin that a page may stream from, "" for its own.

    That is `MLOPS_STREAM_URL`, else the port of this host where a browser reaches it:
    without a proxy in front, which has to lead to it, and without TLS, which it does
    not speak.
    """
    if settings.STREAM_URL:
        parts = urlsplit(settings.STREAM_URL)
        return f"{parts.scheme}://{parts.netloc}"
    if not _open or settings.BEHIND_PROXY or settings.HTTPS:
        return ""
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    named = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{named}:{_open[0]}"
