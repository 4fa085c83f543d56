"""Who is acting in the current request, for logs and the audit trail."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known of the request that is being answered."""

    request_id: str = ""
    remote_address: str = ""


_NOBODY = RequestContext()

current: ContextVar[RequestContext] = ContextVar("request_context", default=_NOBODY)
