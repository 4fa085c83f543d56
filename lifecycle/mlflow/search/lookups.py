"""LIKE and ILIKE as the protocol means them, on both databases."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler

from lifecycle.mlflow.search.sql import compare_text


class _Pattern(Lookup[Any]):
    """The column against a pattern with % and _, without an escape character."""

    comparator: str
    prepare_rhs = False

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, values = self.process_lhs(compiler, connection)
        compared = compare_text(column, self.comparator, str(self.rhs))
        return compared.text, (*values, *compared.values)


@CharField.register_lookup
@TextField.register_lookup
class Like(_Pattern):
    lookup_name = "mlflow_like"
    comparator = "LIKE"


@CharField.register_lookup
@TextField.register_lookup
class ILike(_Pattern):
    lookup_name = "mlflow_ilike"
    comparator = "ILIKE"
