"""Server-sent events: a live page's status, events, log lines and figures."""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

import orjson
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from deployments.streams import (
    HUB,
    RETRY,
    Places,
    StreamPosition,
    StreamSubscription,
    is_position,
)
from deployments.viewsets.base import TAGS, DeploymentBase
from mlops.core.errors import BadHeader, BadQuery, Unavailable
from mlops.core.headers import LAST_EVENT_ID
from mlops.core.json import JSONRenderer
from mlops.core.queries import single, whole
from mlops.core.schema.parameters import header_parameter

MAX_STREAMS = 8
"""Over the API's own port, in a process. Each takes one of its threads; half of them
must stay free."""
MAX_LISTENED = 500
"""Over the port of streams, in a process. None of them takes a thread."""
DEFAULT_S, MAX_S = 25, 60
LEAST_WAIT_S = 1.0
LAST = "last_event_id"
EVENTS: dict[str, Any] = {
    "deployment": {"$ref": "#/components/schemas/DeploymentResponse"},
    "event": {"$ref": "#/components/schemas/DeploymentEventResponse"},
    "log": {"type": "string", "description": "One line, without its end."},
    "end": {"$ref": "#/components/schemas/DeploymentStatus"},
}
DATA: dict[str, Any] = {
    "description": "The data of one event, by its name as `x-events` has it.",
    "anyOf": list(EVENTS.values()),
}
_threads, _listened = Places(MAX_STREAMS), Places(MAX_LISTENED)


class EventStreamRenderer(BaseRenderer):
    """Lets `Accept: text/event-stream` through; what it renders itself are errors."""

    media_type = "text/event-stream"
    format = "event-stream"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return orjson.dumps(data, default=str)


class StreamViewSet(DeploymentBase):
    renderer_classes = [EventStreamRenderer, JSONRenderer]
    action_permissions = {"stream": "view"}
    untagged = frozenset({"stream"})

    @extend_schema(
        operation_id="streamDeployment",
        summary="Stream Deployment",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "seconds",
                {"type": "integer", "minimum": 1, "maximum": MAX_S},
                default=DEFAULT_S,
                description="After how many seconds the answer ends.",
            ),
            OpenApiParameter(
                LAST,
                LAST_EVENT_ID.schema,
                description=(
                    f"As the header {LAST_EVENT_ID.name}, which comes before it: for a "
                    "page that opens an EventSource anew, which sends no header then."
                ),
            ),
            header_parameter(LAST_EVENT_ID),
        ],
        responses={(200, "text/event-stream"): DATA},
        extensions={"x-events": EVENTS},
    )
    def stream(self, request: Request, deployment_id: str) -> StreamingHttpResponse:
        """Server-sent events for a while; the client then connects again.

        With the last id that it saw it goes on behind that event and log line. The
        events are `deployment` (as getDeployment without logs, when anything of it
        has changed), `event` (as listDeploymentEvents), `log` (a line) and `end` (the
        status, when the deployment has ended). `x-events` has the type of each one's
        data, which is JSON.

        A web process answers eight streams at its own address, further ones are 503;
        where it has a port of streams (`MLOPS_STREAM_PORT`), the same path answers 500
        there. Who has lost the right to see it gets nothing more after `seconds`.
        """
        seconds = whole(request, "seconds", default=DEFAULT_S, least=1, most=MAX_S)
        deployment = self.get_object()
        position = StreamPosition.named(_last_id(request))
        is_listened = isinstance(request._request, ASGIRequest)  # noqa: SLF001 - DRF's
        places = _listened if is_listened else _threads
        if not places.take():
            raise Unavailable("All live streams are taken; poll, or try again.")
        made = (_ListenedStream if is_listened else _ThreadStream)(places, seconds)
        made.begin(HUB.subscribe(deployment.pk, position))
        return StreamingHttpResponse(
            made,
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


class _Stream:
    """A place, and what is sent there; its end, closed or lost, gives it back."""

    def __init__(self, places: Places, seconds: int) -> None:
        self._give_back: Callable[[], object] = weakref.finalize(self, places.give_back)
        self._ends_at = time.monotonic() + seconds
        self._subscription = StreamSubscription(b"", is_complete=True)

    def begin(self, subscription: StreamSubscription) -> None:
        self._subscription = subscription
        weakref.finalize(self, subscription.close)

    def close(self) -> None:
        self._subscription.close()
        self._give_back()

    def _left_s(self) -> float:
        """Return for how long news may be waited for, 0 if it is over."""
        if self._subscription.is_over:
            return 0
        left = self._ends_at - time.monotonic()
        return left if left >= LEAST_WAIT_S else 0


class _ThreadStream(_Stream):
    """A stream that waits in the thread that sends it."""

    def begin(self, subscription: StreamSubscription) -> None:
        super().begin(subscription)
        self._messages = _messages(subscription, self._left_s)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._messages)
        except StopIteration:
            self.close()
            raise


def _messages(
    subscription: StreamSubscription, left_s: Callable[[], float]
) -> Iterator[bytes]:
    news = threading.Event()
    subscription.listen(news.set)
    yield RETRY
    while True:
        news.clear()
        if chunk := subscription.take():
            yield chunk
        if not (left := left_s()):
            return
        HUB.follow()
        news.wait(left)


class _ListenedStream(_Stream):
    """A stream that waits in the loop that sends it."""

    _news: asyncio.Event | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._news is None:
            self._news = asyncio.Event()
            self._subscription.listen(_waking(self._news))
            return RETRY
        while True:
            self._news.clear()
            if chunk := self._subscription.take():
                return chunk
            if not (left := self._left_s()):
                self.close()
                raise StopAsyncIteration
            HUB.follow()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)


def _waking(news: asyncio.Event) -> Callable[[], None]:
    """Return what sets an event of this loop from another thread."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            loop.call_soon_threadsafe(news.set)

    return wake


def _last_id(request: Request) -> str:
    """Return the id that a client has seen last, "" of a newcomer."""
    header = LAST_EVENT_ID.name
    if sent := request.headers.get(header):
        if not is_position(sent):
            raise BadHeader(f"{header} must be an id of this stream.", field=header)
        return sent
    asked = single(request, LAST)
    if asked is not None and not is_position(asked):
        raise BadQuery(f"{LAST} must be an id of this stream.", field=LAST)
    return asked or ""
