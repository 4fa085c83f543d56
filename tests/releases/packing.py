"""A store as two files of a release: rows and data folder, by kind of database.

`sqlite.tar.xz` holds `database.sqlite3` and `data/…`, `postgresql.tar.xz` holds
`database.sql` and `data/…`: what `docs/operations.md` says to keep. The secret key is
not among it, as in a backup; an installation makes a new one.
"""

import re
import shutil
import sqlite3
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

KINDS = ("sqlite", "postgresql")
LEFT_OUT = {"run", "traffic", "uploads", "static", "secret_key"}
SQLITE, DUMP, FOLDER = "database.sqlite3", "database.sql", "data"
LIVE_SQLITE = "mlops.sqlite3"
SETTINGS = re.compile(r"^(SET |SELECT pg_catalog\.set_config|\\)")
"""Lines of a dump about the session that restores it: others may not know them."""


def pack(kind: str, folder: Path, url: str, target: Path) -> dict[str, int]:
    """Pack a stopped installation; return its rows by table."""
    work = target.with_name(f".{target.name}.work")
    work.mkdir()
    try:
        rows = _save_sqlite(folder, work) if kind == "sqlite" else _dump(url, work)
        kept = shutil.ignore_patterns("*.sqlite3*", ".*")
        for part in sorted(folder.iterdir()):
            if part.is_dir() and part.name not in LEFT_OUT:
                shutil.copytree(part, work / FOLDER / part.name, ignore=kept)
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for path in sorted(work.rglob("*")):
                archive.add(
                    path, path.relative_to(work), recursive=False, filter=_plain
                )
    finally:
        shutil.rmtree(work)
    return rows


def unpack(kind: str, packed: Path, folder: Path, url: str = "") -> None:
    """Make a data folder of a packed store, and fill the empty database at `url`."""
    work = folder.with_name(f"{folder.name}.unpacked")
    with tarfile.open(packed, "r:xz") as archive:
        archive.extractall(work, filter="data")
    (work / FOLDER).rename(folder)
    if kind == "sqlite":
        (work / SQLITE).rename(folder / LIVE_SQLITE)
    else:
        _restore(work / DUMP, url)
    shutil.rmtree(work)


def sqlite_rows(database: Path) -> dict[str, int]:
    """Return how many rows each table has."""
    with closing(sqlite3.connect(database)) as connection:
        asked = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        tables = [name for (name,) in connection.execute(asked)]
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in tables
            if not name.startswith("sqlite_")
        }


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """Make a database on a PostgreSQL server; give its URL; drop it at the end."""
    import psycopg  # noqa: PLC0415 - blocked where the suite runs on SQLite

    name = f"release_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _save_sqlite(folder: Path, work: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / LIVE_SQLITE)) as connection:
        connection.execute("VACUUM INTO ?", (str(work / SQLITE),))
    return sqlite_rows(work / SQLITE)


def _dump(url: str, work: Path) -> dict[str, int]:
    import psycopg  # noqa: PLC0415 - as above

    options = ["--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100"]
    done = subprocess.run(
        ["pg_dump", *options, url], check=True, capture_output=True, text=True
    )
    (work / DUMP).write_text(done.stdout)
    with psycopg.connect(url) as connection:
        asked = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        tables = [name for (name,) in connection.execute(asked)]
        return {name: _count(connection, name) for name in tables}


def _count(connection: object, table: str) -> int:
    return connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def _restore(dump: Path, url: str) -> None:
    import psycopg  # noqa: PLC0415 - as above

    lines = dump.read_text().splitlines(keepends=True)
    script = "".join(line for line in lines if not SETTINGS.match(line))
    with psycopg.connect(url) as connection:
        connection.execute("SET standard_conforming_strings = on")
        connection.execute("SET check_function_bodies = off")
        connection.execute(script)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose a file was; what it may be read by, and its time, stay."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def size_of(folder: Path) -> int:
    """Return the bytes of a release's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
