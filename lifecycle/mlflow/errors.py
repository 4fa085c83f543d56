"""Error responses in the MLflow protocol's shape.

The client branches on `error_code` and retries 429 and 5xx, so a mistake of the
client's is never a 5xx here.
"""

import logging
from http import HTTPStatus
from typing import ClassVar

import orjson
from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError, IntegrityError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpResponse
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
    Throttled,
)

from mlops.core.byte_store import disk_full_message
from mlops.core.errors import DomainError, Kind

logger = logging.getLogger(__name__)

STATUS_OF_CODE = {
    "INVALID_PARAMETER_VALUE": HTTPStatus.BAD_REQUEST,
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "RESOURCE_ALREADY_EXISTS": HTTPStatus.BAD_REQUEST,
    "RESOURCE_DOES_NOT_EXIST": HTTPStatus.NOT_FOUND,
    "ENDPOINT_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "REQUEST_LIMIT_EXCEEDED": HTTPStatus.TOO_MANY_REQUESTS,
    "NOT_IMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
    "TEMPORARILY_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
}
_CODE_OF_KIND: dict[Kind, str] = {
    "not_found": "RESOURCE_DOES_NOT_EXIST",
    "forbidden": "PERMISSION_DENIED",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
    "conflict": "BAD_REQUEST",
}
Shape = tuple[str, str]
_CODE_OF_REFUSAL: dict[type[APIException], str] = {
    AuthenticationFailed: "UNAUTHENTICATED",
    NotAuthenticated: "UNAUTHENTICATED",
    PermissionDenied: "PERMISSION_DENIED",
    Throttled: "REQUEST_LIMIT_EXCEEDED",
}
_SHAPE_OF_REQUEST: dict[type[Exception], Shape] = {
    RequestDataTooBig: ("INVALID_PARAMETER_VALUE", "The request body is too large."),
    DisallowedHost: ("BAD_REQUEST", "This server does not go by that name."),
    SuspiciousOperation: ("BAD_REQUEST", "The request is malformed."),
}


class MlflowError(Exception):
    """An answer other than success; `code` is one of the protocol's names."""

    code: ClassVar[str] = "BAD_REQUEST"
    status: int | None = None

    def __init__(
        self, message: str, *, code: str = "", status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.wire_code = code or self.code
        self.status = status


class InvalidValue(MlflowError):
    code = "INVALID_PARAMETER_VALUE"


class Missing(MlflowError):
    code = "RESOURCE_DOES_NOT_EXIST"


class Exists(MlflowError):
    code = "RESOURCE_ALREADY_EXISTS"


class Denied(MlflowError):
    code = "PERMISSION_DENIED"


class Unauthenticated(MlflowError):
    code = "UNAUTHENTICATED"


class UnknownEndpoint(MlflowError):
    code = "ENDPOINT_NOT_FOUND"


def answer_to(exc: Exception) -> HttpResponse | None:
    """Return the answer to an exception of a view; None if it is our own fault."""
    shape = shape_of(exc)
    if shape is None:
        return None
    response = error_response(*shape, status=getattr(exc, "status", None))
    if wait_s := getattr(exc, "wait", None):  # of Throttled, in whole seconds
        response["Retry-After"] = str(wait_s)
    return response


def error_response(
    code: str, message: str, *, status: int | None = None
) -> HttpResponse:
    """Return the protocol's error body; a 401 carries `WWW-Authenticate`."""
    response = HttpResponse(
        orjson.dumps({"error_code": code, "message": message}),
        status=status or STATUS_OF_CODE[code],
        content_type="application/json",
    )
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Basic realm="mlflow", Bearer realm="mlflow"'
    return response


def shape_of(exc: Exception) -> Shape | None:
    """Return code and message of an exception of a view; None if it is our own."""
    if isinstance(exc, MlflowError):
        return exc.wire_code, exc.message
    if isinstance(exc, DomainError):
        code = _CODE_OF_KIND.get(exc.kind, "INVALID_PARAMETER_VALUE")
        if exc.code == "already_exists":
            code = "RESOURCE_ALREADY_EXISTS"
        return code, exc.message
    for kind, code in _CODE_OF_REFUSAL.items():
        if isinstance(exc, kind):
            return code, str(exc.detail)
    for known, shape in _SHAPE_OF_REQUEST.items():
        if isinstance(exc, known):
            return shape
    return _shape_of_storage(exc)


def _shape_of_storage(exc: Exception) -> Shape | None:
    match exc:
        case ProtectedError() | RestrictedError():
            return "BAD_REQUEST", "Other things still refer to this one."
        case IntegrityError():
            logger.warning(
                "An integrity error reached the MLflow endpoints", exc_info=exc
            )
            return "BAD_REQUEST", "This clashes with what is stored already."
        case DataError() | OverflowError():
            return (
                "INVALID_PARAMETER_VALUE",
                "A value is out of the range that is stored.",
            )
        case OperationalError():
            logger.warning("The database did not answer", exc_info=exc)
            return "TEMPORARILY_UNAVAILABLE", "The database did not answer; try again."
        case OSError() if want := disk_full_message(exc):
            logger.error("Nothing can be stored: %s", exc)
            return "TEMPORARILY_UNAVAILABLE", f"{want} Nothing was stored."
        case _:
            return None
