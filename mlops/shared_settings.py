"""Settings that web and gateway both read, defined once. Knows no Django."""

import sys
from pathlib import Path

from mlops import env, logs

env.refuse_misspelt()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("MLOPS_DATA_DIR", BASE_DIR / "var")
env.refuse_half_restored(DATA_DIR, (*sys.argv, "", "")[1])

ENVIRONMENT = env.text(
    "MLOPS_ENV", "development", choices=("development", "production")
)
PRODUCTION = ENVIRONMENT == "production"
OPEN_MODE = env.flag("MLOPS_OPEN_MODE")
if PRODUCTION and OPEN_MODE:
    raise env.BadSetting("MLOPS_OPEN_MODE must be off in production.")

PORT = env.integer("MLOPS_PORT", 8500, low=1, high=65535)
SERVING_PORT = env.integer("MLOPS_SERVING_PORT", 8501, low=1, high=65535)
SERVING_WORKERS = env.integer("MLOPS_SERVING_WORKERS", 2, low=1, high=16)
BEHIND_PROXY = env.flag("MLOPS_BEHIND_PROXY")
HTTPS = env.flag("MLOPS_HTTPS", default=PRODUCTION)
ALLOWED_HOSTS = env.words(
    "MLOPS_ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]"
)
CORS_ORIGINS = env.words("MLOPS_CORS_ORIGINS", "http://localhost:3000")
_SCHEME = "https" if HTTPS else "http"
OWN_ORIGINS = [
    f"{_SCHEME}://{host}{port}"
    for host in ALLOWED_HOSTS
    if not host.startswith((".", "*"))
    for port in ("", f":{PORT}")
]
"""Where the web's own pages come from: they ask models, as any other page may not."""
MAX_BODY_BYTES = env.integer("MLOPS_MAX_BODY_BYTES", 16 * 2**20, low=1024, high=2**30)
LOG_LEVEL = env.text(
    "MLOPS_LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")
)
LOG_FORMAT = env.text("MLOPS_LOG_FORMAT", logs.TEXT, choices=logs.FORMATS)
OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT") and env.address(
    "OTEL_EXPORTER_OTLP_ENDPOINT", ""
)
OTLP_HEADERS = env.text("OTEL_EXPORTER_OTLP_HEADERS")
ACCESS_LOG = env.flag("MLOPS_ACCESS_LOG", default=LOG_FORMAT == logs.JSON)
"""Whether every answered request has a line, in web and gateway."""
