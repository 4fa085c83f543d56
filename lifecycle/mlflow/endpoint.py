"""Endpoints of the protocol: authentication, permission, transaction, error shape.

A view takes an `MlflowCall` and returns a JSON-serializable mapping or a response of
its own. It knows no HTTP status codes.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from lifecycle.mlflow import rate
from lifecycle.mlflow.errors import Denied, answer_to, error_response
from lifecycle.mlflow.fields import Fields, read_fields
from lifecycle.mlflow.identity import MlflowCaller, caller_of
from lifecycle.mlflow.limits import MAX_BODY_BYTES
from lifecycle.mlflow.page_requests import finish
from mlops.core.models import User
from mlops.core.request_log import CALLER

logger = logging.getLogger(__name__)

Answer = Mapping[str, Any] | bytes | HttpResponseBase
NOTHING: Final = b"{}"


@dataclass(frozen=True, slots=True)
class MlflowCall:
    """An authenticated, authorized request: the caller and the parsed fields."""

    request: HttpRequest
    caller: MlflowCaller
    fields: Fields
    path: Mapping[str, str]

    @property
    def by(self) -> User | None:
        return self.caller.user


View = Callable[[MlflowCall], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A view and what it needs.

    `writes` wraps it in one transaction. `streams` leaves the body (and any
    transaction) to the view. `permission` "" requires only an authenticated caller;
    `is_open` not even that.
    """

    view: View
    permission: str = ""
    writes: bool = False
    streams: bool = False
    is_open: bool = False
    max_bytes: int = MAX_BODY_BYTES

    @property
    def changes_something(self) -> bool:
        """Whether a request counts as a write of its caller."""
        return self.writes or (self.streams and bool(self.permission))


@dataclass(frozen=True, slots=True, eq=False)
class MlflowRoute:
    """The callable behind one URL: an endpoint per HTTP method."""

    endpoints: Mapping[str, Endpoint]
    csrf_exempt: bool = field(default=True, init=False)
    """Cookies open only what `identity` lets them, with a check of its own."""

    def __call__(self, request: HttpRequest, **path: str) -> HttpResponseBase:
        response = self._answer_or_refusal(request, path)
        finish(request, response)
        return response

    def _answer_or_refusal(
        self, request: HttpRequest, path: Mapping[str, str]
    ) -> HttpResponseBase:
        try:
            request.get_host()  # raises for a name that is not ours
            return self._answer(request, path)
        except Exception as exc:
            if (answer := answer_to(exc)) is not None:
                return answer
            logger.exception("An MLflow request failed: %s", request.path)
            return error_response("INTERNAL_ERROR", "Something broke on our side.")

    def _answer(
        self, request: HttpRequest, path: Mapping[str, str]
    ) -> HttpResponseBase:
        method = "GET" if request.method == "HEAD" else request.method or ""
        endpoint = self.endpoints.get(method)
        if endpoint is not None and endpoint.is_open:
            return _response(endpoint.view(_stranger(request)))
        writes = method != "GET" if endpoint is None else endpoint.changes_something
        caller = caller_of(request, writes=writes)
        if caller.user is not None:
            request.META[CALLER] = caller.user.username
        if endpoint is None:
            return self._not_allowed()
        if not caller.may(endpoint.permission):
            raise Denied(f"This needs the permission {endpoint.permission}.")
        if endpoint.changes_something:
            rate.count(caller.user_id)
        return _run(endpoint, request, caller, path)

    def _not_allowed(self) -> HttpResponse:
        answer = error_response(
            "BAD_REQUEST",
            "This address does not take that method.",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
        )
        answer["Allow"] = ", ".join(sorted(self.endpoints))
        return answer


def _run(
    endpoint: Endpoint,
    request: HttpRequest,
    caller: MlflowCaller,
    path: Mapping[str, str],
) -> HttpResponseBase:
    if endpoint.streams:
        return _response(endpoint.view(MlflowCall(request, caller, Fields({}), path)))
    call = MlflowCall(request, caller, read_fields(request, endpoint.max_bytes), path)
    if not endpoint.writes:
        return _response(endpoint.view(call))
    with transaction.atomic():
        answer = endpoint.view(call)
    return _response(answer)


def _stranger(request: HttpRequest) -> MlflowCall:
    nobody = MlflowCaller(None, frozenset(), may_all=False)
    return MlflowCall(request, nobody, Fields({}), {})


def _response(answer: Answer) -> HttpResponseBase:
    if isinstance(answer, HttpResponseBase):
        return answer
    body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    return HttpResponse(body, content_type="application/json")
