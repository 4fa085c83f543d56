"""Server info, and the answer to unsupported endpoints."""

from http import HTTPStatus
from typing import Final

from django.http import HttpResponse

from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import MlflowError, UnknownEndpoint
from mlops import __version__

SPOKEN_VERSION: Final = "3.17.2"


def health(_call: MlflowCall) -> Answer:
    return HttpResponse("OK", content_type="text/plain")


def version(_call: MlflowCall) -> Answer:
    """Return the supported protocol version."""
    return HttpResponse(SPOKEN_VERSION, content_type="text/plain")


def server_info(_call: MlflowCall) -> Answer:
    """Return server capabilities (no multipart uploads) and the server's version."""
    return {
        "mlops_version": __version__,
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
    }


def unknown(call: MlflowCall) -> Answer:
    raise UnknownEndpoint(
        f"This server does not speak {call.request.method} {call.request.path}."
    )


def single_slash(call: MlflowCall) -> Answer:
    """Send a client that doubled the slash after the host to the address it meant."""
    query = call.request.META.get("QUERY_STRING", "")
    target = f"/{call.path['rest']}" + (f"?{query}" if query else "")
    return HttpResponse(
        status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": target}
    )


def not_spoken(_call: MlflowCall) -> Answer:
    raise MlflowError(
        "Traces, the gateway, prompt optimisation and GraphQL are not spoken here.",
        code="NOT_IMPLEMENTED",
    )
