"""The ASGI application of live streams, for a server of their own beside the web's."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops.settings")

_web = get_wsgi_application()

# It asks for models, which are there only now.
from mlops.streams import StreamApplication  # noqa: E402

application = StreamApplication(_web)
