"""The WSGI application that granian or any other WSGI server runs.

Where `MLOPS_STREAM_PORT` is set, live streams have that port in the same process.
"""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from mlops import listener

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops.settings")

application = get_wsgi_application()

if settings.STREAM_PORT:
    listener.start(application, host=settings.STREAM_HOST, port=settings.STREAM_PORT)
