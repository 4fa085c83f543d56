"""Starts the gateway: `python -m deployments.gateway`, without Django.

What the command line does not say is taken from the settings that web and gateway
share. The gateway keeps no variable but these: it has no use for secrets.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployments.serving.gateway.options import GatewayOptions
from mlops.env import BadSetting

MODULE = "deployments.gateway"
ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR", "TZ"),
    *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
    *("MLFLOW_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY", "DO_NOT_TRACK"),
    *("MLOPS_DATA_DIR", "MLOPS_ENV", "MLOPS_OPEN_MODE", "MLOPS_LOG_LEVEL"),
    *("MLOPS_PORT", "MLOPS_SERVING_PORT", "MLOPS_SERVING_WORKERS"),
    *("MLOPS_CORS_ORIGINS", "MLOPS_MAX_BODY_BYTES", "MLOPS_BEHIND_PROXY"),
    *("MLOPS_ALLOWED_HOSTS", "MLOPS_HTTPS", "MLOPS_LOG_FORMAT", "MLOPS_ACCESS_LOG"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"),
)
ALIASES = {"read_s": ("--read-timeout",)}


def become_gateway(arguments: Sequence[str]) -> None:
    """Replace this process by the gateway; return if an argument is not for it."""
    if _parser().parse_known_args(arguments)[1]:
        return
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    command = [sys.executable, "-m", MODULE, *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - ourselves, no shell


def main() -> None:
    """Serve as the command line says. Exits with one line for what makes no sense."""
    if not os.environ.keys() <= set(KEPT):
        become_gateway(sys.argv[1:])
    chosen = options(sys.argv[1:])
    from deployments.serving.gateway.supervisor import serve  # noqa: PLC0415 - heavy

    sys.exit(serve(chosen))


def options(arguments: Sequence[str]) -> GatewayOptions:
    """Return what the command line and the settings say. Raises BadSetting."""
    return GatewayOptions(**vars(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each field of the options is one."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", allow_abbrev=False)
    shared = _shared()
    for field in dataclasses.fields(GatewayOptions):
        default = shared.get(field.name, field.default)
        if isinstance(default, bool):
            continue
        name = "--" + field.name.replace("_", "-")
        names = (name, *ALIASES.get(field.name, ()))
        kind = type(field.default)
        parser.add_argument(*names, dest=field.name, default=default, type=kind)
    parser.add_argument("--open", dest="needs_key", action="store_false")
    parser.set_defaults(**shared)
    return parser


def _shared() -> dict[str, Any]:
    """Return what the settings say of options. Raises BadSetting."""
    from mlops import shared_settings  # noqa: PLC0415 - may raise

    return {
        "data_dir": str(shared_settings.DATA_DIR),
        "port": shared_settings.SERVING_PORT,
        "workers": shared_settings.SERVING_WORKERS,
        "max_body_bytes": shared_settings.MAX_BODY_BYTES,
        "needs_key": not shared_settings.OPEN_MODE,
        "behind_proxy": shared_settings.BEHIND_PROXY,
        "is_production": shared_settings.PRODUCTION,
        "log_level": shared_settings.LOG_LEVEL,
        "log_format": shared_settings.LOG_FORMAT,
        "access_log": shared_settings.ACCESS_LOG,
        "otlp_endpoint": shared_settings.OTLP_ENDPOINT,
        "otlp_headers": shared_settings.OTLP_HEADERS,
        "cors_origins": " ".join(
            (*shared_settings.CORS_ORIGINS, *shared_settings.OWN_ORIGINS)
        ),
    }


if __name__ == "__main__":
    try:
        main()
    except BadSetting as error:
        sys.exit(str(error))
