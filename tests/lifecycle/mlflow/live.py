"""The WSGI application on the database of a running test; see `test_real_client`."""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from django.conf import settings

settings.DATABASES["default"].update(json.loads(os.environ["LIVE_DATABASE"]))

from mlops.wsgi import application  # noqa: E402 - reads the settings

__all__ = ["application"]
