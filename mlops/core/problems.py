"""One error shape for all of /api: problem+json (RFC 9457).

`type, title, status, detail` (always a string), `code` for programs, and
`errors[]` of `{loc, msg, type}` where fields are at fault.
"""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from mlops.core.byte_store import disk_full_message
from mlops.core.context import current
from mlops.core.errors import BadHeader, BadQuery, DomainError, Kind, Throttled
from mlops.core.health import MIGRATIONS_MISSING, lacks_migrations

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
BODILESS = frozenset({"GET", "HEAD", "DELETE"})
MAX_INDEX_DIGITS = 10  # a longer number in a path is a name
MOST_ERRORS = 50
"""So many fields at fault are listed; the sentence says how many more there are."""
STATUS_OF_KIND: dict[Kind, int] = {
    "invalid": 422,
    "bad_query": 400,
    "not_found": 404,
    "conflict": 409,
    "forbidden": 403,
    "too_large": 413,
    "unsupported": 415,
    "unavailable": 503,
    "precondition_failed": 412,
    "throttled": 429,
    "unauthenticated": 401,
}
# RFC 9110's, where versions of Python differ.
_TITLES = {
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
FieldError = dict[str, Any]
Shaped = tuple[int, str, str, list[FieldError]]


def problem(
    status: int, code: str, detail: str, errors: list[FieldError] | None = None
) -> dict[str, Any]:
    """Return the body of an error answer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
    }
    if request_id := current.get().request_id:
        body["request_id"] = request_id
    return body


def problem_response(
    status: int, code: str, detail: str, errors: list[FieldError] | None = None
) -> HttpResponse:
    """Return an error answer where no DRF view is at hand (middleware, 404)."""
    body = orjson.dumps(problem(status, code, detail, errors))
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def exception_handler(
    exc: Exception,
    context: dict[str, Any],
) -> Response | None:
    """Turn an exception of a view into its answer; None lets it become a 500."""
    shaped = _shape(exc, context)
    if shaped is None:
        return None
    return Response(
        _body(exc, shaped),
        status=shaped[0],
        headers=_headers(exc, shaped[0]),
        content_type=CONTENT_TYPE,
    )


def answer_to(exc: Exception) -> HttpResponse:
    """Return the answer to an exception outside DRF; raises it if it has none."""
    shaped = _shape(exc)
    if shaped is None:
        raise exc
    response = HttpResponse(
        orjson.dumps(_body(exc, shaped), default=str),
        status=shaped[0],
        content_type=CONTENT_TYPE,
    )
    for name, value in _headers(exc, shaped[0]).items():
        response[name] = value
    return response


def _body(exc: Exception, shaped: Shaped) -> dict[str, Any]:
    """Return the body, with what a domain error adds for programs (`allowed`, …)."""
    extra = exc.extra if isinstance(exc, DomainError) else {}
    return {**extra, **problem(*shaped)}


def _headers(exc: Exception, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(exc, exceptions.APIException):
        if header := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(exc, Throttled):
        headers["Retry-After"] = str(exc.retry_after_s)
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="api"')
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return headers


def _shape(  # noqa: C901, PLR0911 - one line per kind
    exc: Exception, context: Mapping[str, Any] = MappingProxyType({})
) -> Shaped | None:
    match exc:
        case DomainError():
            return _of_domain(exc, context)
        case exceptions.ValidationError():
            return _of_fields(exc.detail)
        case ModelInvalid():
            return _of_fields(_as_detail(exc))
        case Http404():
            return 404, "not_found", "There is nothing here.", []
        case PermissionDenied():
            return 403, "forbidden", "You may not do this.", []
        case SuspiciousOperation():
            return _of_suspicion(exc, context)
        case exceptions.UnsupportedMediaType():
            return 415, exc.default_code, f"{exc.detail}{_taken(context)}", []
        case exceptions.APIException():
            code = exc.get_codes()
            code = code if isinstance(code, str) else exc.default_code
            return exc.status_code, code, str(exc.detail), []
    return _of_storage(exc)


def _of_suspicion(exc: Exception, context: Mapping[str, Any]) -> Shaped:
    """Return what Django refuses before a view looks at it: counts and sizes."""
    request = context.get("request")
    is_body = request is not None and request.method not in BODILESS
    match exc:
        case RequestDataTooBig() | TooManyFieldsSent() | TooManyFilesSent() if is_body:
            return 413, "too_large", "The form has too many parts.", []
        case TooManyFieldsSent():
            return 400, "bad_query", "The query has too many parameters.", []
    return 400, "bad_request", "The request is malformed.", []


def _taken(context: Mapping[str, Any]) -> str:
    """Return a sentence that says which media types a view reads."""
    parsers = getattr(context.get("view"), "parser_classes", ())
    types = ", ".join(parser.media_type for parser in parsers)
    return f" This reads {types}." if types else ""


def _of_fields(detail: Any) -> Shaped:
    errors = list(_field_errors(detail, ["body"]))
    return 422, "invalid", _sentence(errors), errors[:MOST_ERRORS]


def _of_domain(exc: DomainError, context: Mapping[str, Any]) -> Shaped:
    loc = [_place(exc, context), *_steps(exc.field)]
    errors = [{"loc": loc, "msg": exc.message, "type": exc.code}] if exc.field else []
    return STATUS_OF_KIND[exc.kind], exc.code, exc.message, errors


def _place(exc: DomainError, context: Mapping[str, Any]) -> str:
    """Return where the field at fault came from: path, query, header or body.

    The domain does not know; only a body can be at fault where there is one, unless
    the error says otherwise.
    """
    request = context.get("request")
    if isinstance(exc, BadHeader):
        return "header"
    if exc.field in getattr(context.get("view"), "kwargs", ()):
        return "path"
    is_in_query = request is not None and exc.field in request.query_params
    if isinstance(exc, BadQuery) or is_in_query:
        return "query"
    if request is None or request.method not in BODILESS:
        return "body"
    return "path" if exc.kind == "not_found" else "query"


def _steps(field: str) -> list[str | int]:
    """Return the way to a field: `metrics.0.value` is metrics, 0, value."""
    return [
        int(part) if part.isdecimal() and len(part) < MAX_INDEX_DIGITS else part
        for part in field.split(".")
    ]


def _of_storage(exc: Exception) -> Shaped | None:
    match exc:
        case ProtectedError() | RestrictedError():
            return 409, "in_use", "Other things still refer to this one.", []
        case IntegrityError():
            logger.warning(
                "An integrity error reached the exception handler", exc_info=exc
            )
            return 409, "conflict", "This clashes with what is stored already.", []
        case DataError():
            return 422, "invalid", "A value is out of the range that is stored.", []
        case OperationalError() | ProgrammingError():
            return _of_database(exc)
        case OSError() if want := disk_full_message(exc):
            logger.error("Nothing can be stored: %s", exc)
            return 503, "no_room", f"{want} Nothing was stored.", []
        case _:
            return None


def _of_database(exc: Exception) -> Shaped | None:
    if lacks_migrations(exc):
        logger.error("%s %s", MIGRATIONS_MISSING, exc)
        return 503, "unavailable", MIGRATIONS_MISSING, []
    if isinstance(exc, ProgrammingError):
        return None  # a statement of ours is wrong
    logger.warning("The database did not answer", exc_info=exc)
    return 503, "unavailable", "The database did not answer; try again.", []


def _as_detail(exc: ModelInvalid) -> Any:
    return exc.message_dict if hasattr(exc, "error_dict") else exc.messages


def _field_errors(detail: Any, loc: list[str | int]) -> Iterator[FieldError]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            own = loc if key in {"non_field_errors", "__all__"} else [*loc, key]
            yield from _field_errors(value, own)
    elif isinstance(detail, list):
        for position, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _field_errors(value, [*loc, position] if nested else loc)
    else:
        yield {
            "loc": loc,
            "msg": str(detail),
            "type": getattr(detail, "code", "invalid"),
        }


def _sentence(errors: list[FieldError]) -> str:
    """Return one line that names the first field at fault."""
    if not errors:
        return "The request is not valid."
    first = errors[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{field}: {first['msg']}{more}" if field else f"{first['msg']}{more}"
