"""Errors outside the API: a page with a way back for browsers, JSON for programs."""

from http import HTTPStatus

import orjson
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mlops.core.context import current
from mlops.core.problems import problem_response

PAGE = "problem.html"
FOR_PROGRAMS = ("/api/",)

_TITLES = {
    400: gettext_noop("The request is malformed"),
    403: gettext_noop("You may not do this"),
    404: gettext_noop("There is nothing here"),
    409: gettext_noop("This clashes with what is stored"),
    429: gettext_noop("Too many attempts"),
    500: gettext_noop("Something broke on our side"),
    503: gettext_noop("The server cannot answer right now"),
}


def wants_page(request: HttpRequest) -> bool:
    """Whether a person's browser asks, for what is no part of the API."""
    accepted = request.headers.get("Accept", "")
    return "text/html" in accepted and not request.path.startswith(FOR_PROGRAMS)


def problem_page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """Return the page of an error. It asks neither session nor database."""
    title = _TITLES.get(status)
    context = {
        "status": status,
        "title": _(title) if title else HTTPStatus(status).phrase,
        "detail": detail,
        "request_id": current.get().request_id,
        "is_admin": request.path.startswith("/admin/"),
    }
    answer = HttpResponse(render_to_string(PAGE, context), status=status)
    patch_vary_headers(answer, ["Accept", "Accept-Language"])
    return answer


def shown_to(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Return a problem's answer as a page: its sentence, its status, its headers."""
    page = problem_page(
        request, answer.status_code, str(orjson.loads(answer.content)["detail"])
    )
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in answer:
            page[name] = answer[name]
    return page


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if wants_page(request):
        return problem_page(request, status, _(detail))
    answer = problem_response(status, code, detail)
    patch_vary_headers(answer, ["Accept"])
    return answer


def not_found(
    request: HttpRequest,
    exception: Exception,  # noqa: ARG001 - Django passes it by name
) -> HttpResponse:
    """Answer an unknown URL (Django's handler404)."""
    return nothing_here(request, gettext_noop("There is nothing at this address."))


def nothing_here(request: HttpRequest, detail: str) -> HttpResponse:
    """Answer that there is nothing, with a sentence that is there to be translated."""
    return _answer(request, 404, "not_found", detail)


def bad_request(
    request: HttpRequest,
    exception: Exception,  # noqa: ARG001 - Django passes it by name
) -> HttpResponse:
    """Answer a request that Django itself refuses (handler400)."""
    detail = gettext_noop("The request is malformed.")
    return _answer(request, 400, "bad_request", detail)


def forbidden(
    request: HttpRequest,
    exception: Exception,  # noqa: ARG001 - Django passes it by name
) -> HttpResponse:
    """Answer a refused request outside the API (handler403)."""
    return _answer(request, 403, "forbidden", gettext_noop("You may not do this."))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer a form whose page is too old, or another site's (CSRF_FAILURE_VIEW)."""
    detail = gettext_noop(
        "The form was sent from a page that is too old, or without cookies. Go back, "
        "load the page again and repeat it."
    )
    return _answer(request, 403, "forbidden", detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a crash without a word of its insides (handler500)."""
    detail = gettext_noop("Something broke on our side.")
    return _answer(request, 500, "server_error", detail)
