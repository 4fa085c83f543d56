"""Server-sent events: a live page's status, events, log lines and figures."""

import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from deployments import logs
from deployments.models import Deployment, TrafficWindow
from deployments.serializers import DeploymentEventSerializer, DeploymentSerializer
from deployments.states import FINAL
from deployments.viewsets.base import TAGS, DeploymentBase
from mlops.core.errors import BadQuery, Unavailable
from mlops.core.json import JSONRenderer

MAX_STREAMS = 8
"""Of one process. Each takes one of its threads; half of them must stay free."""
DEFAULT_S, MAX_S = 25, 60
POLL_S = 1.0
MAX_DIGITS = 9
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
        description=(
            "Server-sent events for a while; the browser then connects again and "
            "goes on where it was. Events: `deployment` (as getDeployment without "
            "logs), `event`, `log`; `end` when the deployment has ended."
        ),
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "seconds", {"type": "integer", "minimum": 1, "maximum": MAX_S}
            ),
            OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def stream(self, request: Request, deployment_id: str) -> StreamingHttpResponse:
        seconds = _whole(request.query_params.get("seconds", str(DEFAULT_S)))
        if not 1 <= seconds <= MAX_S:
            raise BadQuery(f"seconds must be between 1 and {MAX_S}.", field="seconds")
        seen = max(0, _whole(request.headers.get("Last-Event-ID", "0")))
        deployment = self.get_object()
        if not _free.acquire(blocking=False):
            raise Unavailable("All live streams are taken; poll, or try again.")
        return StreamingHttpResponse(
            _Stream(deployment, seen, seconds),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


class _Stream:
    """The messages of one stream; its end, closed or lost, gives its place back."""

    def __init__(self, deployment: Deployment, seen: int, seconds: int) -> None:
        self._messages = _messages(deployment, seen, seconds)
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


def _messages(deployment: Deployment, seen: int, seconds: int) -> Iterator[bytes]:
    ends_at = time.monotonic() + seconds
    shown: dict[str, Any] = {}
    since = timezone.now()
    yield b"retry: 1000\n\n"
    while True:
        for event in deployment.events.filter(sequence__gt=seen).order_by("sequence"):
            seen = event.sequence
            yield _message("event", DeploymentEventSerializer(event).data, seen)
        if (now := _snapshot(deployment)) != shown:
            shown = now
            yield _message("deployment", shown, seen)
        for line in logs.tail(str(deployment.pk), lines=200, since=since):
            since = line.at or since
            yield _message("log", line.text, seen)
        if deployment.status in FINAL:
            yield _message("end", deployment.status, seen)
            return
        if time.monotonic() + POLL_S > ends_at:
            return
        time.sleep(POLL_S)
        found = Deployment.objects.detailed().filter(pk=deployment.pk).first()
        if found is None:
            return
        deployment = found


def _snapshot(deployment: Deployment) -> dict[str, Any]:
    figures = TrafficWindow.objects.totals([deployment.pk])
    return dict(DeploymentSerializer(deployment, context={"figures": figures}).data)


def _message(kind: str, data: Any, sequence: int) -> bytes:
    body = orjson.dumps(data, default=str)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (sequence, kind.encode(), body)


def _whole(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if plain else -1
