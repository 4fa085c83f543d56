"""Sums columns of Parquet behind a URL; run with a Python that has the readers.

python reading_by_url.py duckdb|polars|pyarrow URL TOKEN COLUMN…
"""

# Each reader alone: of one, the others need not be there.
# ruff: noqa: PLC0415, T201
import datetime as dt
import json
import sys


def with_duckdb(url: str, token: str, names: list[str]) -> dict[str, int]:
    """Read by DuckDB's own HTTP where its extension is there, else by fsspec's."""
    import duckdb

    database = duckdb.connect()
    try:
        database.execute("LOAD httpfs")
        database.execute(
            "CREATE SECRET (TYPE http, EXTRA_HTTP_HEADERS MAP"
            f" {{'Authorization': 'Bearer {token}'}})"
        )
        place = url
    except duckdb.Error:
        database.register_filesystem(_opened(token))
        place = url
    listed = ", ".join(f"sum({name})::BIGINT" for name in names)
    found = database.execute(f"SELECT {listed} FROM read_parquet('{place}')").fetchone()
    return dict(zip(names, found, strict=True))


def with_polars(url: str, token: str, names: list[str]) -> dict[str, int]:
    import polars

    # Its own reader takes all of what it is handed.
    with _opened(token).open(url) as file:
        frame = polars.read_parquet(file, columns=names, use_pyarrow=True)
    return {name: int(frame[name].sum()) for name in names}


def with_pyarrow(url: str, token: str, names: list[str]) -> dict[str, int]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(url, columns=names, filesystem=_opened(token))
    return {name: sum(table[name].to_pylist()) for name in names}


def _opened(token: str):
    """Return a filesystem that fetches the ranges that it is asked for, no more."""
    import fsspec
    from fsspec.implementations.http import HTTPFileSystem

    class Versions(HTTPFileSystem):
        """Files that never change, and are asked by HEAD whether they are there.

        DuckDB wants to know when they did; fsspec would begin to fetch the whole.
        """

        def modified(self, _path: str) -> dt.datetime:
            return dt.datetime.fromtimestamp(0, dt.UTC)

        async def _exists(self, path: str, **_options: object) -> bool:
            return (await self._info(path))["size"] is not None

    fsspec.register_implementation("http", Versions, clobber=True)
    headers = {"Authorization": f"Bearer {token}"}
    return fsspec.filesystem(
        "http", client_kwargs={"headers": headers}, cache_type="none"
    )


if __name__ == "__main__":
    reader, url, token, *names = sys.argv[1:]
    read = {"duckdb": with_duckdb, "polars": with_polars, "pyarrow": with_pyarrow}
    print(json.dumps(read[reader](url, token, names)))
