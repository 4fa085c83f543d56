"""Which kind of store an address names, and how it is opened for reading only."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from lifecycle.importing.sources.base import BadSource, HistorySource
from lifecycle.importing.sources.dialects import MySQL, PostgreSQL, SQLite
from lifecycle.importing.sources.files import FileSource
from lifecycle.importing.sources.sql import SqlSource

_KINDS = "sqlite:///FILE, postgresql://…, mysql://… or a folder mlruns"


@contextmanager
def open_source(address: str, *, workspace: str = "") -> Iterator[HistorySource]:
    """Open a store, all of it as of this moment. Raises BadSource.

    A path of a file is taken for SQLite, one of a folder for a store of files.
    """
    source = _opener(address)(address, workspace)
    with contextlib.closing(source):
        yield source


def without_password(address: str) -> str:
    """Return the address as a report may show it."""
    parts = urlsplit(address)
    if not parts.password:
        return address
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{host}", query="").geturl()


def _opener(address: str) -> Callable[[str, str], HistorySource]:
    scheme = address.partition("://")[0].partition("+")[0] if "://" in address else ""
    match scheme:
        case "sqlite":
            return _sqlite
        case "postgresql" | "postgres":
            return _postgresql
        case "mysql" | "mariadb":
            return _mysql
        case "":
            return _path
    raise BadSource(f"{scheme}: is no store that is read here: {_KINDS}.")


def _path(address: str, workspace: str) -> HistorySource:
    path = Path(address)
    if path.is_file():
        return _open_sqlite(path, workspace)
    if path.is_dir():
        source = FileSource(path)
        if source.is_store:
            return source
        source.close()
    raise BadSource(f"There is no store at {address}: {_KINDS}.")


def _sqlite(address: str, workspace: str) -> HistorySource:
    path = unquote(urlsplit(address).path.removeprefix("/"))
    return _open_sqlite(Path(path), workspace)


def _open_sqlite(path: Path, workspace: str) -> HistorySource:
    """Open a file, and its write-ahead log if it has one, in one transaction."""
    if not path.is_file():
        raise BadSource(f"There is no file {path}.")
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None
        )
        connection.text_factory = _text
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA trusted_schema = 0")
        connection.execute("BEGIN")
        return SqlSource(connection, SQLite(), f"sqlite:///{path}", workspace)
    except sqlite3.Error as error:
        raise BadSource(f"{path} cannot be read as SQLite: {error}.") from error


def _postgresql(address: str, workspace: str) -> HistorySource:
    psycopg = import_module("psycopg")
    url = "postgresql://" + address.partition("://")[2]
    try:
        connection = psycopg.connect(url)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return SqlSource(connection, PostgreSQL(), without_password(url), workspace)
    except psycopg.Error as error:
        raise BadSource(f"The store cannot be opened: {error}.") from error


def _mysql(address: str, workspace: str) -> HistorySource:
    try:
        pymysql: Any = import_module("pymysql")
    except ImportError:
        raise BadSource(
            "MySQL needs its driver: pip install pymysql into this environment."
        ) from None
    parts = urlsplit(address)
    try:
        connection = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.lstrip("/"),
            charset="utf8mb4",
        )
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        return SqlSource(connection, MySQL(), without_password(address), workspace)
    except pymysql.Error as error:
        raise BadSource(f"The store cannot be opened: {error}.") from error


def _text(content: bytes) -> str | bytes:
    """Return text; what is no UTF-8 stays bytes, which is refused where it is used."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
