"""Who is acting in the current request, for logs and the audit trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from mlops.tracing import TraceSpan


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known of the request that is being answered; `via` as in `Via`."""

    request_id: str = ""
    remote_address: str = ""
    reason: str = ""
    via: str = "system"
    span: TraceSpan | None = None


_NOBODY = RequestContext()

current: ContextVar[RequestContext] = ContextVar("request_context", default=_NOBODY)


@contextmanager
def reasoned(reason: str) -> Iterator[None]:
    """Add why something is done to what the trail says of it."""
    reset = current.set(replace(current.get(), reason=reason))
    try:
        yield
    finally:
        current.reset(reset)


@contextmanager
def command_line() -> Iterator[None]:
    """Let what is written meanwhile be known as a person's at the command line."""
    reset = current.set(RequestContext(via="command line"))
    try:
        yield
    finally:
        current.reset(reset)
