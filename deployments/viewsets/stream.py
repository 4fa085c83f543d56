"""Server-sent events: a live page's status, events, log lines and figures."""

import re
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from deployments.logs import path_of
from deployments.models import Deployment
from deployments.serializers import DeploymentEventSerializer
from deployments.serving import logs
from deployments.states import FINAL
from deployments.viewsets.base import TAGS, DeploymentBase, shown
from mlops.core.errors import BadQuery, Unavailable
from mlops.core.headers import LAST_EVENT_ID
from mlops.core.json import JSONRenderer
from mlops.core.schema.parameters import header_parameter

MAX_STREAMS = 8
"""Of one process. Each takes one of its threads; half of them must stay free."""
DEFAULT_S, MAX_S = 25, 60
POLL_S = 1.0
MAX_DIGITS = 9
ID = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,20})-([0-9]{1,15}))?")
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
_free = threading.BoundedSemaphore(MAX_STREAMS)


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
        """
        seconds = _whole(request.query_params.get("seconds", str(DEFAULT_S)))
        if not 1 <= seconds <= MAX_S:
            raise BadQuery(f"seconds must be between 1 and {MAX_S}.", field="seconds")
        deployment = self.get_object()
        position = _StreamPosition.of(_last_id(request), deployment)
        if not _free.acquire(blocking=False):
            raise Unavailable("All live streams are taken; poll, or try again.")
        return StreamingHttpResponse(
            _Stream(deployment, position, seconds),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


@dataclass(slots=True)
class _StreamPosition:
    """Where a client is: the last event's number, and how far it has read the log."""

    path: Path
    sequence: int
    log: logs.Position

    @classmethod
    def of(cls, last_id: str, deployment: Deployment) -> "_StreamPosition":
        """Return the place that an id names; a newcomer starts at the log's end."""
        path = path_of(str(deployment.pk))
        found = ID.fullmatch(last_id)
        if found is None:
            return cls(path, 0, logs.end_of(path))
        sequence, *position = (int(number or 0) for number in found.groups())
        if found[2] is None:
            return cls(path, sequence, logs.end_of(path))
        return cls(path, sequence, logs.Position(*position))

    def message(self, kind: str, data: Any) -> bytes:
        """Return a message whose id brings a client back to here."""
        body = orjson.dumps(data, default=str)
        position = (self.sequence, self.log.copied_at, self.log.offset)
        return b"id: %d-%d-%d\nevent: %s\ndata: %s\n\n" % (
            *position,
            kind.encode(),
            body,
        )


class _Stream:
    """The messages of one stream; its end, closed or lost, gives its place back."""

    def __init__(
        self, deployment: Deployment, position: _StreamPosition, seconds: int
    ) -> None:
        self._messages = _messages(deployment, position, seconds)
        self._give_back = weakref.finalize(self, _free.release)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._messages)
        except StopIteration:
            self.close()
            raise

    def close(self) -> None:
        self._give_back()


def _messages(
    deployment: Deployment, position: _StreamPosition, seconds: int
) -> Iterator[bytes]:
    ends_at = time.monotonic() + seconds
    shown: dict[str, Any] = {}
    yield b"retry: 1000\n\n"
    while True:
        events = deployment.events.filter(sequence__gt=position.sequence)
        for event in events.order_by("sequence"):
            position.sequence = event.sequence
            yield position.message("event", DeploymentEventSerializer(event).data)
        if (now := _snapshot(deployment)) != shown:
            shown = now
            yield position.message("deployment", shown)
        for line, behind in logs.read_on(position.path, position.log):
            position.log = behind
            yield position.message("log", line.text)
        if deployment.status in FINAL:
            yield position.message("end", deployment.status)
            return
        if time.monotonic() + POLL_S > ends_at:
            return
        time.sleep(POLL_S)
        found = Deployment.objects.detailed().filter(pk=deployment.pk).first()
        if found is None:
            return
        deployment = found


def _snapshot(deployment: Deployment) -> dict[str, Any]:
    return shown(deployment)


def _last_id(request: Request) -> str:
    """Return the id that a client has seen last, "" of a newcomer."""
    text = request.headers.get(LAST_EVENT_ID.name, "")
    if text and not ID.fullmatch(text):
        raise BadQuery(f"{LAST_EVENT_ID.name} must be an id that this stream gave.")
    return text


def _whole(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if plain else -1
