"""Requests of MLflow's own pages: which addresses are theirs, what answers add.

The pages are signed in by our cookies; programs are not, and have other addresses.
"""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from mlops.core.browser_sessions import hand_back

PREFIX: Final = "mlflow/"
"""Below it are the pages, and all that they ask for."""
RENEWED: Final = "mlops.renewed_session"
"""Where a request keeps the tokens that its answer hands back."""
_FOR_PAGES: Final = (
    "/ajax-api/",
    "/graphql",
    "/get-artifact",
    "/model-versions/get-artifact",
)


def is_for_pages(path: str) -> bool:
    """Whether an address is one of the pages', below the prefix or at the root."""
    return path.removeprefix(f"/{PREFIX}"[:-1]).startswith(_FOR_PAGES)


def finish(request: HttpRequest, response: HttpResponseBase) -> None:
    """Hand back renewed tokens; ask for no password, which browsers would ask for."""
    if (pair := request.META.get(RENEWED)) is not None:
        hand_back(response, pair, secure=request.is_secure())
    if response.status_code == HTTPStatus.UNAUTHORIZED and is_for_pages(
        request.path_info
    ):
        response.headers["WWW-Authenticate"] = 'Bearer realm="mlflow"'
