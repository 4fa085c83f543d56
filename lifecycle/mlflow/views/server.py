"""What the server says of itself, and of what it does not speak."""

from http import HTTPStatus
from typing import Final

from django.http import HttpResponse

from lifecycle.mlflow.door import Answer, Call
from lifecycle.mlflow.errors import MlflowError, UnknownEndpoint
from mlops import __version__

SPOKEN_VERSION: Final = "3.17.2"


def health(_call: Call) -> Answer:
    return HttpResponse("OK", content_type="text/plain")


def version(_call: Call) -> Answer:
    """Return the protocol version that is spoken, for clients that ask."""
    return HttpResponse(SPOKEN_VERSION, content_type="text/plain")


def server_info(_call: Call) -> Answer:
    """Say that artifacts go up in one piece, and to which version of this server."""
    return {
        "mlops_version": __version__,
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
    }


def unknown(call: Call) -> Answer:
    raise UnknownEndpoint(
        f"This server does not speak {call.request.method} {call.request.path}."
    )


def single_slash(call: Call) -> Answer:
    """Send a client that doubled the slash after the host to the address it meant."""
    query = call.request.META.get("QUERY_STRING", "")
    target = f"/{call.path['rest']}" + (f"?{query}" if query else "")
    return HttpResponse(
        status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": target}
    )


def not_spoken(_call: Call) -> Answer:
    raise MlflowError(
        "Traces, the gateway, prompt optimisation and GraphQL are not spoken here.",
        code="NOT_IMPLEMENTED",
    )
