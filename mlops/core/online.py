"""Changes of large tables that a migration makes while the product serves."""

from typing import Any

from django.db.migrations.operations import AddIndex
from django.db.utils import NotSupportedError


class AddIndexOnline(AddIndex):
    """An index that PostgreSQL builds while rows are written.

    Its migration says `atomic = False` and does nothing else: a build that breaks off
    leaves an invalid index, which the operator drops before trying again. SQLite, where
    one process writes at a time, builds it as any other.
    """

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Build the index.

        Raises:
            NotSupportedError: the migration is one transaction.
        """
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError(
                "AddIndexOnline needs a migration of atomic = False"
            )
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.add_index(model, self.index, concurrently=True)
