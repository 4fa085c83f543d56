"""SQL of users over versions: whose it is, what it reads, and its result.

Each statement is an entry of the audit trail, text and all, before it runs.
"""

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import orjson

from datasets import storage
from datasets.analytics import console
from datasets.analytics.console import Form, SqlRequest, StatementOutcome
from datasets.error_translation import translated_errors
from datasets.models import Dataset, DatasetVersion
from datasets.storage import IncomingFile
from mlops.core import audit
from mlops.core.models import User

OWN_TABLE = "data"


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """A user's statement about a dataset; `tables` maps names to versions."""

    dataset: Dataset
    sql: str
    tables: Mapping[str, DatasetVersion]
    by: User | None

    def page(self, *, offset: int, limit: int) -> dict[str, Any]:
        """Return a page of the result, its rows as JSON."""
        body = io.BytesIO()
        found = self._ask(Form.PAGE, body, offset=offset, limit=limit)
        losses = found.losses
        return {
            "tables": self.shown_tables,
            "columns": [{"name": name, "type": kind} for name, kind in found.columns],
            "rows": orjson.loads(body.getvalue()),
            "row_count": found.row_count,
            "has_more": found.has_more,
            "row_order": found.order,
            "offset": offset,
            "limit": limit,
            "non_finite_cells": [
                {"row": row, "column": column, "value": value}
                for row, column, value in losses["non_finite_cells"]
            ],
            "non_finite_cell_count": losses["non_finite"],
            "truncated_cells": [
                {"row": row, "column": column}
                for row, column in losses["truncated_cells"]
            ],
            "truncated_cell_count": losses["truncated"],
        }

    def file(self, form: Form) -> tuple[BinaryIO, StatementOutcome]:
        """Return the whole result as a temporary file, deleted when it is closed."""
        folder = storage.root() / "work"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the answer closes it
        try:
            found = self._ask(form, target)
        except BaseException:
            target.close()
            raise
        target.seek(0)
        return target, found

    def as_upload(self) -> IncomingFile:
        """Return the result as an upload of its own. Refused without a total order."""
        file, _ = self.file(Form.VERSION)
        name = f"{self.dataset.name}-sql.parquet"
        with file:
            as_upload = storage.receive(name, iter(lambda: file.read(1 << 18), b""))
        return replace(as_upload, made_of=tuple(v.pk for v in self.tables.values()))

    @property
    def shown_tables(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"dataset_id": str(version.dataset_id), "version": version.number}
            for name, version in self.tables.items()
        }

    def _ask(self, form: Form, target: BinaryIO, **window: int) -> StatementOutcome:
        audit.record(
            "ask_sql",
            self.dataset,
            by=self.by,
            changes={"sql": self.sql, "form": form, "tables": self.shown_tables},
        )
        paths = {
            name: storage.data_path(version.digest)
            for name, version in self.tables.items()
        }
        with translated_errors():
            return console.ask(SqlRequest(self.sql, paths, form, **window), target)
