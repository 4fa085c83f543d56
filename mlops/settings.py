"""All settings, read top to bottom. Values come from the environment (mlops.env)."""

import logging
import os
import secrets
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from mlops import __version__, env, shared_settings
from mlops.core import headers
from mlops.dashboard import site

django_stubs_ext.monkeypatch()

# Where things are -----------------------------------------------------------------
BASE_DIR = shared_settings.BASE_DIR
DATA_DIR = env.folder(
    "MLOPS_DATA_DIR", shared_settings.DATA_DIR, parts=("uploads", "static")
)

# What kind of place this is -------------------------------------------------------
PRODUCTION = shared_settings.PRODUCTION
DEBUG = env.flag("MLOPS_DEBUG")
MIN_SECRET_LENGTH = 50


def _kept_secret() -> str:
    """Return the laptop's own secret, made once and readable by its owner only."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        draft = path.with_name(f"secret_key.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        with suppress(FileExistsError):  # another process was first: its key holds
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def _production_secret(value: str) -> str:
    if len(value) < MIN_SECRET_LENGTH:
        raise env.BadSetting(
            "MLOPS_SECRET_KEY must hold at least 50 random characters in production."
        )
    return value


_given_secret = env.text("MLOPS_SECRET_KEY")
SECRET_KEY = (
    _production_secret(_given_secret) if PRODUCTION else _given_secret or _kept_secret()
)
ALLOWED_HOSTS = shared_settings.ALLOWED_HOSTS
if PRODUCTION and DEBUG:
    raise env.BadSetting("MLOPS_DEBUG must be off in production.")
if PRODUCTION and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise env.BadSetting(
        "MLOPS_ALLOWED_HOSTS must list this server's host names in production."
    )
OPEN_MODE = shared_settings.OPEN_MODE

# Ports and addresses --------------------------------------------------------------
PORT, SERVING_PORT = shared_settings.PORT, shared_settings.SERVING_PORT
SERVING_URL = env.address("MLOPS_SERVING_URL", f"http://localhost:{SERVING_PORT}")
# A web process opens it where it is set; `up` and the image set it.
STREAM_PORT = env.integer("MLOPS_STREAM_PORT", 0, low=0, high=65535)
HAS_STREAM_PORT = bool(env.text("MLOPS_STREAM_PORT"))
STREAM_HOST = env.text("MLOPS_STREAM_HOST", "127.0.0.1")
STREAM_URL = env.text("MLOPS_STREAM_URL") and env.address("MLOPS_STREAM_URL", "")
if STREAM_PORT in {PORT, SERVING_PORT}:
    raise env.BadSetting(
        f"MLOPS_STREAM_PORT is {STREAM_PORT}, which web or gateway has; choose another."
    )
WORKER_PORT = env.integer("MLOPS_WORKER_PORT", 0, low=0, high=65535)
WORKER_HOST = env.text("MLOPS_WORKER_HOST", "127.0.0.1")
if WORKER_PORT and WORKER_PORT in {PORT, SERVING_PORT, STREAM_PORT}:
    raise env.BadSetting(
        f"MLOPS_WORKER_PORT is {WORKER_PORT}, which another program has."
    )
OWN_ORIGINS = shared_settings.OWN_ORIGINS

# Applications ---------------------------------------------------------------------
INSTALLED_APPS = [
    "mlops.commands",  # before Django's, whose commands it replaces
    "mlops.dashboard.theme.ThemeConfig",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "django_filters",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "mlops.core",
    "mlops.worker",
    "mlops.backup",
    "mlops.doctor",
    "mlops.webhooks",
    "datasets",
    "lifecycle",
    "deployments",
    "mlops.dashboard",
    "mlops.demo",
]
MIDDLEWARE = [
    "mlops.core.middleware.RequestContextMiddleware",
    "lifecycle.mlflow.middleware.MlflowFastPathMiddleware",
    "mlops.core.metrics.MetricsMiddleware",
    "mlops.core.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mlops.core.middleware.ProblemMiddleware",
]
ROOT_URLCONF = "mlops.urls"
CSRF_FAILURE_VIEW = "mlops.core.problem_pages.csrf_failed"
WSGI_APPLICATION = "mlops.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "mlops" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database -------------------------------------------------------------------------
DATABASE_URL = env.text("DATABASE_URL")
SQLITE_SYNCHRONOUS = env.text(
    "MLOPS_SQLITE_SYNCHRONOUS", "FULL", choices=("FULL", "NORMAL")
)


def _sqlite() -> dict[str, Any]:
    """Return SQLite settings that keep writers from failing with "locked".

    IMMEDIATE takes the write lock at BEGIN, where the time-out applies; WAL lets
    readers go on meanwhile.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "mlops.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL;"
                f"PRAGMA synchronous={SQLITE_SYNCHRONOUS};"
                "PRAGMA foreign_keys=ON;"
            ),
        },
    }


DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database(DATABASE_URL) if DATABASE_URL else _sqlite()
}
if not DATABASE_URL:
    # DRF and unfold import its driver wherever it is installed, for fields that
    # only PostgreSQL has: 7 MB in each process. Without it they leave those out.
    sys.modules.setdefault("psycopg", None)  # type: ignore[arg-type]  # not to be found
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People ---------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
ADMIN_PASSWORD = env.text("MLOPS_ADMIN_PASSWORD")
AUTHENTICATION_BACKENDS = ["mlops.core.backends.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "USER_ID_CLAIM": "sub",
    "CHECK_REVOKE_TOKEN": True,
}

# The API --------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mlops.core.authentication.BearerAuthentication",
        "mlops.core.authentication.BasicAuthentication",
        "mlops.core.authentication.CookieAuthentication",
        "mlops.core.authentication.SignedInSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mlops.core.permissions.ActionPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["mlops.core.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mlops.core.json.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "mlops.core.pagination.ArrayPagination",
    "DEFAULT_FILTER_BACKENDS": ["mlops.core.filters.QueryFilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "mlops.core.schema.ApiSchema",
    "EXCEPTION_HANDLER": "mlops.core.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MLOps",
    "DESCRIPTION": "Experiments, models, deployments and datasets.",
    "VERSION": __version__,
    "OAS_VERSION": "3.0.3",
    "SERVERS": [
        {"url": "/", "description": "The server that this document comes from."},
        {
            "url": "http://localhost:8500",
            "description": "What `make run` starts on one's own machine.",
        },
    ],
    "TAGS": [
        {
            "name": "Model Lifecycle",
            "description": (
                "From an experiment over its runs to a version of a model, its "
                "approval, and where it serves."
            ),
        },
        {
            "name": "Feature Store",
            "description": (
                "Uploaded tables in versions, what is known of their columns, and the "
                "features that are defined on them."
            ),
        },
        {
            "name": "ML",
            "description": (
                "Second tag of both groups above, for clients that keep all of "
                "machine learning in one class."
            ),
        },
        {
            "name": "Auth",
            "description": (
                "Sign-in and sign-out of people, and the tokens that programs use."
            ),
        },
        {"name": "User", "description": "The account that asks."},
        {
            "name": "Audit",
            "description": "Who changed what, when and from where; append-only.",
        },
        {
            "name": "Webhooks",
            "description": "Addresses that are told what happens here.",
        },
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "AUTHENTICATION_WHITELIST": ["mlops.core.authentication.BearerAuthentication"],
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_SUFFIX": "",
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "ExperimentStatus": "lifecycle.states.ExperimentStatus",
        "RunStatus": "lifecycle.states.ShownRunStatus",
        "ModelStage": "lifecycle.states.ModelStage",
        "ChecklistStatus": "lifecycle.states.ChecklistStatus",
        "DriftSeverity": "lifecycle.states.DriftSeverity",
        "DeploymentStatus": "deployments.states.Status",
        "DeploymentEnvironment": "deployments.states.Environment",
        "HealthStatus": "deployments.states.Health",
        "RolloutType": "deployments.states.Rollout",
        "DeploymentMover": "deployments.states.Mover",
        "FeatureType": "datasets.states.FeatureType",
        "FeatureStatus": "datasets.states.FeatureStatus",
        "WebhookFormat": "mlops.webhooks.states.MessageFormat",
        "DataType": "datasets.states.DataType",
        "DatasetSourceType": "datasets.states.SourceType",
        "DatasetState": "datasets.states.VersionState",
        "DatasetFormat": "datasets.states.SourceFormat",
        "QualityStatus": "datasets.states.QualityStatus",
        "QualitySeverity": "datasets.states.RuleSeverity",
        "QualityRuleKind": "datasets.analytics.quality.RuleKind",
        "FilterOperator": "datasets.analytics.filters.Operator",
        "WebhookKind": "mlops.webhooks.kinds.CHOICES",
        "WebhookDeliveryState": "mlops.webhooks.states.MessageState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mlops.core.schema.hooks.finish",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
CORS_ALLOWED_ORIGINS = shared_settings.CORS_ORIGINS
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = [
    *(name.lower() for name in headers.SENT_ALWAYS),
    *(header.name.lower() for header in headers.REQUEST),
]
CORS_EXPOSE_HEADERS = [header.name for header in headers.RESPONSE]
CORS_URLS_REGEX = r"^/api/.*$"

# Limits ---------------------------------------------------------------------------
KEEP_UPLOADS = env.text(
    "MLOPS_KEEP_UPLOADS", "current", choices=("all", "current", "none")
)
MAX_UPLOAD_BYTES = env.integer(
    "MLOPS_MAX_UPLOAD_BYTES", 5 * 2**30, low=1024, high=2**50
)
MAX_BODY_BYTES = shared_settings.MAX_BODY_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 2**10
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "mlops.core.uploads.TidyUploadHandler",
]
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "uploads")
FILE_UPLOAD_PERMISSIONS = 0o600

# Whether an upload is answered only when its file is on the disk.
ARTIFACT_SYNC = env.flag("MLOPS_ARTIFACT_SYNC", default=True)

# A minute, 0 for no limit: wrong passwords of a name and address; writes over REST,
# writes over the MLflow protocol (in each web process), calculations of a caller.
SIGN_IN_RATE = env.integer("MLOPS_SIGN_IN_RATE", 10, low=1, high=10_000)
WRITE_RATE = env.integer("MLOPS_WRITE_RATE", 1200, low=0, high=1_000_000)
MLFLOW_WRITE_RATE = env.integer(
    "MLOPS_MLFLOW_WRITE_RATE", 120_000, low=0, high=100_000_000
)
ANALYTICS_RATE = env.integer("MLOPS_ANALYTICS_RATE", 240, low=0, high=1_000_000)

# Days after a deployment's end for which its log is kept.
LOG_DAYS = env.integer("MLOPS_LOG_DAYS", 30, low=0, high=36_500)

# Days for which an entry of the audit trail is kept; 0 for ever.
AUDIT_DAYS = env.integer("MLOPS_AUDIT_DAYS", 0, low=0, high=36_500)

# Traces of GenAI calls: days for which one is kept and how many are, 0 for no limit;
# bytes of spans that are kept of one.
TRACE_DAYS = env.integer("MLOPS_TRACE_DAYS", 90, low=0, high=36_500)
TRACE_MAX_COUNT = env.integer("MLOPS_TRACE_MAX_COUNT", 1_000_000, low=0, high=10**12)
TRACE_MAX_BYTES = env.integer(
    "MLOPS_TRACE_MAX_BYTES", 16 * 2**20, low=1024, high=128 * 2**20
)

# Folders, and all below them, that storage connections may read from.
STORAGE_FOLDERS = env.words("MLOPS_STORAGE_FOLDERS")

# Hosts at private addresses that alert hooks may call all the same.
ALERT_HOSTS = env.words("MLOPS_ALERT_HOSTS")

# The folder of MLflow's own pages; else those of an installed `mlflow`.
MLFLOW_UI = env.text("MLOPS_MLFLOW_UI") and str(env.path("MLOPS_MLFLOW_UI", BASE_DIR))
# Encrypts the secrets of hooks, the first one; made in the data folder if none is set.
HOOK_KEYS = env.keys("MLOPS_HOOK_KEY")

# Pages, languages, time -----------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = not PRODUCTION
# What browsers ask for by themselves, whatever a page names: /favicon.ico.
WHITENOISE_ROOT = BASE_DIR / "mlops" / "dashboard" / "root"
LANGUAGE_CODE = env.text("MLOPS_LANGUAGE", "en", choices=("en", "ko"))
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "mlops" / "locale"]
FORMAT_MODULE_PATH = "mlops.core.formats"
USE_TZ = True
TIME_ZONE = "UTC"
UNFOLD = site.UNFOLD
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/admin/"

# Hardening ------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
HTTPS = shared_settings.HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # probes come by plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = shared_settings.BEHIND_PROXY
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Logs -----------------------------------------------------------------------------
LOG_LEVEL = shared_settings.LOG_LEVEL
ACCESS_LOG = shared_settings.ACCESS_LOG
OTLP_ENDPOINT = shared_settings.OTLP_ENDPOINT
OTLP_HEADERS = shared_settings.OTLP_HEADERS
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "mlops.logs.formatter", "kind": shared_settings.LOG_FORMAT}
    },
    "filters": {"refusals": {"()": "mlops.core.request_log.ShortRefusals"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "formatter": "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # Where every request has a line, a refused one needs no second.
    "loggers": {"django.request": {"level": "ERROR"}} if ACCESS_LOG else {},
}
logging.captureWarnings(capture=True)
