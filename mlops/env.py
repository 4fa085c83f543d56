"""Reads settings from the environment and refuses values that make no sense.

Every variable is read in `settings.py` or `shared_settings.py`; a bad value stops the
program with one line that names the variable, what it holds and what would do.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class BadSetting(Exception):
    """A variable holds what makes no sense; the message is one line for people."""


def text(name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
    """Return the variable's text; with `choices`, anything else is refused."""
    value = os.environ.get(name, default)
    if choices and value not in choices:
        raise BadSetting(
            f"{name} is {value!r}; it must be one of: {', '.join(choices)}."
        )
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable; anything but a clear yes or no is refused."""
    value = os.environ.get(name, "on" if default else "off").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadSetting(f"{name} is {value!r}; use 1 or 0.")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number in [low, high]."""
    value = os.environ.get(name) or str(default)
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
