#!/usr/bin/env python
"""Django's command line for this project; the gateway starts without Django."""

import os
import sys

from mlops.env import BadSetting


def main() -> None:
    if sys.argv[1:2] == ["serve_models"]:
        from deployments.gateway.__main__ import become_gateway  # noqa: PLC0415

        become_gateway(sys.argv[2:])  # returns only for what Django has to look at
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    try:
        main()
    except BadSetting as error:
        sys.exit(str(error))
