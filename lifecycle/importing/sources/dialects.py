"""Differences between the databases that MLflow runs on, as far as reading goes."""

from typing import Final, Protocol


class SourceDialect(Protocol):
    """How a database marks parameters, quotes names and tells of its columns."""

    @property
    def mark(self) -> str: ...

    @property
    def columns(self) -> str:
        """A statement of (table, column) of all tables of the store."""
        ...

    @property
    def needs_names(self) -> bool:
        """Whether only a named cursor does not read all rows into memory first."""
        ...

    def quoted(self, name: str) -> str: ...

    def ordered(self, column: str) -> str:
        """Return an order by bytes, whatever the collation of the database."""
        ...


_INFORMATION: Final = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = {}
"""


class SQLite:
    mark, needs_names = "?", False
    columns = """
        SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table'
    """

    def quoted(self, name: str) -> str:
        return _quoted(name)

    def ordered(self, column: str) -> str:
        return _quoted(column)


class PostgreSQL:
    mark, needs_names = "%s", True
    columns = _INFORMATION.format("current_schema()")

    def quoted(self, name: str) -> str:
        return _quoted(name)

    def ordered(self, column: str) -> str:
        return f'{_quoted(column)} COLLATE "C"'


class MySQL:
    mark, needs_names = "%s", False
    columns = _INFORMATION.format("database()")

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def ordered(self, column: str) -> str:
        return f"BINARY {self.quoted(column)}"


def _quoted(name: str) -> str:
    """Return a name as standard SQL quotes it; a stranger's may hold the quote."""
    return '"' + name.replace('"', '""') + '"'
