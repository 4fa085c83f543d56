"""The project package; whatever process imports it keeps libraries from reporting."""

import os

SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}

# Before any library is imported that looks at them; children inherit them.
os.environ.update(SILENT)
