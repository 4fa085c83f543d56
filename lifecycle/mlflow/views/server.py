"""Server info, and the answer to unsupported endpoints."""

from http import HTTPStatus
from typing import Final

from django.http import HttpResponse

from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import Missing, UnknownEndpoint
from mlops import __version__

SPOKEN_VERSION: Final = "3.17.2"


def health(_call: MlflowCall) -> Answer:
    return HttpResponse("OK", content_type="text/plain")


def version(_call: MlflowCall) -> Answer:
    """Return the supported protocol version."""
    return HttpResponse(SPOKEN_VERSION, content_type="text/plain")


def server_info(_call: MlflowCall) -> Answer:
    """Return what this server can, and its version; files come and go in one piece.

    MLflow's own pages leave out what is off here.
    """
    return {
        "mlops_version": __version__,
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False, "scheduled_issue_detection": False},
    }


def current_user(call: MlflowCall) -> Answer:
    """Return who is signed in, for the pages' account menu.

    Nobody is an admin there: people, roles and passwords are not MLflow's here.
    """
    if call.by is None:
        raise Missing("Nobody is signed in: this server is in open mode.")
    user = {"id": call.by.pk, "username": call.by.username, "is_admin": False}
    return {"user": user, "is_basic_auth": False}


def gateway_endpoints(_call: MlflowCall) -> Answer:
    """Return what MLflow answers where no gateway is: one without endpoints."""
    return {"endpoints": []}


def telemetry_settings(_call: MlflowCall) -> Answer:
    """Return that the pages report nothing to anybody."""
    return {
        "disable_ui_telemetry": True,
        "disable_ui_events": [],
        "ui_rollout_percentage": 0,
    }


def telemetry(_call: MlflowCall) -> Answer:
    """Keep nothing of what pages report in spite of that."""
    return {"status": "disabled"}


def assistant_settings(_call: MlflowCall) -> Answer:
    """Return the assistant's settings: there is none here."""
    return {"providers": {}, "projects": {}, "remote_access_allowed": False}


def assistant_providers(_call: MlflowCall) -> Answer:
    return {"providers": []}


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
