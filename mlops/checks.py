"""What `manage.py check` finds wrong with this installation."""

import http.client
import ipaddress
import os
import tempfile
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from mlops import env
from mlops.core import health
from mlops.core.models import User
from mlops.core.stream_port import SERVER

PATIENCE_S = 5
IPV4 = 4


@register(Tags.security)
def data_folder_is_ours(**_options: Any) -> list[CheckMessage]:
    """The data folder can be written, and nobody else can read it."""
    folder = settings.DATA_DIR
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return [
            Error(
                f"The data folder {folder} cannot be written: {error.strerror}.",
                hint="Set MLOPS_DATA_DIR to a folder of the user that runs this.",
                id="mlops.E001",
            )
        ]
    if os.name == "posix" and folder.stat().st_mode & 0o007:
        return [
            Warning(
                f"Everybody on this machine can look into the data folder {folder}.",
                hint=f"chmod 700 {folder}",
                id="mlops.W001",
            )
        ]
    return []


@register(Tags.security)
def origins_are_exact(**_options: Any) -> list[CheckMessage]:
    """Every allowed origin is one origin: credentials go to it."""
    return [
        Error(
            f"MLOPS_CORS_ORIGINS holds {origin!r}; name scheme, host and port exactly.",
            id="mlops.E002",
        )
        for origin in settings.CORS_ALLOWED_ORIGINS
        if "*" in origin or "://" not in origin or origin.endswith("/")
    ]


@register(Tags.security)
def open_mode_is_reported(**_options: Any) -> list[CheckMessage]:
    """Open mode is for trying things out, and says so."""
    if not settings.OPEN_MODE:
        return []
    return [
        Warning("MLOPS_OPEN_MODE lets anyone do anything here.", id="mlops.W002"),
    ]


@register(Tags.security)
def settings_are_known(**_options: Any) -> list[CheckMessage]:
    """No variable looks like a setting of ours that nobody reads."""
    return [
        Warning(
            f"{name} is set, and is no setting.",
            hint="README lists all of them.",
            id="mlops.W004",
        )
        for name in env.unknown()
    ]


@register(Tags.security, deploy=True)
def database_answers(**_options: Any) -> list[CheckMessage]:
    """The database that DATABASE_URL names lets us in."""
    probe = connection.copy()
    if probe.vendor == "postgresql":
        options = {"connect_timeout": PATIENCE_S} | probe.settings_dict["OPTIONS"]
        probe.settings_dict = probe.settings_dict | {"OPTIONS": options}
    try:
        probe.ensure_connection()
    except OperationalError as error:
        reason = " ".join(str(error).split())
        return [
            Error(
                f"The database does not answer: {reason}",
                hint="Set DATABASE_URL to one that runs, and whose password is right.",
                id="mlops.E003",
            )
        ]
    finally:
        probe.close()
    return []


@register(Tags.security, deploy=True)
def static_files_are_collected(**_options: Any) -> list[CheckMessage]:
    """Production serves the pages' styles from one folder, which is filled."""
    if not settings.PRODUCTION or health.static_files_are_collected():
        return []
    return [
        Warning(
            f"{settings.STATIC_ROOT} has no static files: pages have no styles.",
            hint="manage.py collectstatic --noinput",
            id="mlops.W006",
        )
    ]


@register(Tags.security, deploy=True)
def stream_port_is_ours(**_options: Any) -> list[CheckMessage]:
    """What answers at the port of live streams is a web process, if anything does."""
    port = settings.STREAM_PORT
    if not port or _server_at(settings.STREAM_HOST, port) in {None, SERVER}:
        return []
    return [
        Warning(
            f"Port {port} is not the live streams': another program answers there, so "
            "that pages poll every 5 seconds.",
            hint="Set MLOPS_STREAM_PORT to one that is free.",
            id="mlops.W005",
        )
    ]


def _reached(host: str) -> str:
    """Return where what listens at a host is asked: of every address, the loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == IPV4 else "::1"


def _server_at(host: str, port: int) -> str | None:
    """Return the name of the server that answers there, "" of none, None if nobody."""
    asked = http.client.HTTPConnection(_reached(host), port, timeout=PATIENCE_S)
    try:
        asked.request("GET", "/")
        return asked.getresponse().getheader("Server", "")
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        asked.close()


@register(Tags.database)
def addresses_are_one_accounts(**options: Any) -> list[CheckMessage]:
    """No e-mail address of two accounts is left from before that was refused."""
    folded = ("core", "0004_fold_names")
    applied = MigrationRecorder(connection).applied_migrations
    if not options.get("databases") or folded not in applied():
        return []
    shared = User.objects.filter(address_is_shared=True).order_by("address_key", "pk")
    return [
        Warning(
            f"{user.username} cannot sign in by {user.email}: another account has it "
            "as its address or user name.",
            hint="Change one of them in the admin; user names sign in as before.",
            id="mlops.W003",
        )
        for user in shared
    ]
