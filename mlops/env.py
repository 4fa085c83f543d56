"""Reads settings from the environment and refuses values that make no sense.

Every variable is read in `settings.py` or `shared_settings.py`; a bad value stops the
program with one line that names the variable, what it holds and what would do.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

RESTORING = "restoring.json"
"""The file in a data folder that says that a restore has not ended there."""
KEY_BYTES = 32
NAMES = frozenset(
    {
        "MLOPS_ACCESS_LOG",
        "MLOPS_ADMIN_PASSWORD",
        "MLOPS_ALERT_HOSTS",
        "MLOPS_ALLOWED_HOSTS",
        "MLOPS_ANALYTICS_RATE",
        "MLOPS_ARTIFACT_SYNC",
        "MLOPS_AUDIT_DAYS",
        "MLOPS_BEHIND_PROXY",
        "MLOPS_CORS_ORIGINS",
        "MLOPS_DATA_DIR",
        "MLOPS_DEBUG",
        "MLOPS_ENV",
        "MLOPS_HOOK_KEY",
        "MLOPS_HTTPS",
        "MLOPS_KEEP_UPLOADS",
        "MLOPS_LANGUAGE",
        "MLOPS_LOG_DAYS",
        "MLOPS_LOG_FORMAT",
        "MLOPS_LOG_LEVEL",
        "MLOPS_MAX_BODY_BYTES",
        "MLOPS_MAX_UPLOAD_BYTES",
        "MLOPS_MLFLOW_UI",
        "MLOPS_MLFLOW_WRITE_RATE",
        "MLOPS_OPEN_MODE",
        "MLOPS_PORT",
        "MLOPS_SECRET_KEY",
        "MLOPS_SERVING_PORT",
        "MLOPS_SERVING_URL",
        "MLOPS_SERVING_WORKERS",
        "MLOPS_SIGN_IN_RATE",
        "MLOPS_SQLITE_SYNCHRONOUS",
        "MLOPS_STORAGE_FOLDERS",
        "MLOPS_STREAM_HOST",
        "MLOPS_STREAM_PORT",
        "MLOPS_STREAM_URL",
        "MLOPS_TRACE_DAYS",
        "MLOPS_TRACE_MAX_BYTES",
        "MLOPS_TRACE_MAX_COUNT",
        "MLOPS_WORKER_HOST",
        "MLOPS_WORKER_PORT",
        "MLOPS_WRITE_RATE",
    }
)
"""Every variable of ours; README says what each is for."""
PREFIX = "MLOPS_"
_NEAR = 0.8
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class BadSetting(Exception):
    """A variable holds what makes no sense; the message is one line for people."""


def unknown() -> list[str]:
    """Return the variables that look like ours and are read by nobody."""
    return sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in NAMES
    )


def refuse_misspelt() -> None:
    """Refuse a variable whose name is almost that of a setting."""
    words = {name.removeprefix(PREFIX): name for name in NAMES}
    for name in unknown():
        for near in get_close_matches(name.removeprefix(PREFIX), words, 1, _NEAR):
            raise BadSetting(f"{name} is no setting; did you mean {words[near]}?")


def _read(name: str, default: str) -> str:
    if name.startswith(PREFIX) and name not in NAMES:
        raise KeyError(f"{name} is read, and not among mlops.env.NAMES")
    return os.environ.get(name, default)


def text(name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
    """Return the variable's text; with `choices`, anything else is refused."""
    value = _read(name, default)
    if choices and value not in choices:
        raise BadSetting(
            f"{name} is {value!r}; it must be one of: {', '.join(choices)}."
        )
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable; anything but a clear yes or no is refused."""
    value = _read(name, "on" if default else "off").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadSetting(f"{name} is {value!r}; use 1 or 0.")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number in [low, high]."""
    value = _read(name, "") or str(default)
    try:
        number = int(value)
    except ValueError:
        raise BadSetting(f"{name} is {value!r}; use a number.") from None
    if not low <= number <= high:
        raise BadSetting(f"{name} is {number}; it must be between {low} and {high}.")
    return number


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without blanks."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def path(name: str, default: Path) -> Path:
    """Return an absolute path."""
    return Path(text(name, str(default))).expanduser().absolute()


def folder(name: str, default: Path, *, parts: tuple[str, ...] = ()) -> Path:
    """Return an absolute folder, made where it is missing, with folders in it."""
    made = path(name, default)
    try:
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in parts:
            (made / part).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadSetting(
            f"{name} is {str(made)!r}, which cannot be made ({error.strerror}); name a"
            " folder that this user may write to."
        ) from None
    return made


def address(name: str, default: str) -> str:
    """Return an address of the web, without a slash at its end."""
    value = text(name, default)
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise BadSetting(
            f"{name} is {value!r}; use an address such as https://models.example.org."
        )
    return value.rstrip("/")


def database(url: str) -> dict[str, object]:
    """Return Django's settings for a `postgres://user:pass@host:port/name` URL.

    Query parameters become driver options; a host that starts with `/` (given as
    `?host=/run/postgresql`) is a socket folder.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(
            f"DATABASE_URL has the scheme {parts.scheme!r}; use postgres://…, or "
            "leave it unset for SQLite."
        )
    try:
        port = parts.port
    except ValueError:
        raise BadSetting(
            "DATABASE_URL has a port that is no number from 0 to 65535."
        ) from None
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options,
    }


def keys(name: str) -> list[bytes]:
    """Return the keys of 32 bytes that a list of hexadecimal digits names."""
    try:
        found = [bytes.fromhex(word) for word in words(name)]
    except ValueError:
        found = [b""]
    if any(len(key) != KEY_BYTES for key in found):
        raise BadSetting(
            f"{name} holds what is no key; use 64 hexadecimal digits, such as `openssl "
            "rand -hex 32` makes, with commas for several."
        )
    return found


def refuse_half_restored(folder: Path, command: str) -> None:
    """Refuse to start in a place that a restore has not finished, but for another."""
    if command != "restore" and (folder / RESTORING).exists():
        raise BadSetting(
            f"A restore into {folder} did not end. Run `manage.py restore` again, or "
            f"remove {folder / RESTORING} to have what is there."
        )
