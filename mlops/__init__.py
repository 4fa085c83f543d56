"""The project package; whatever process imports it keeps libraries from reporting."""

import os

__version__ = "1.0.0"
"""The product's; `info.version` of the OpenAPI document and server-info read it."""

SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}

# Before any library is imported that looks at them; children inherit them.
os.environ.update(SILENT)
