"""Count the entries of each object, and let the database forget what is put on record.

Both columns are added in place: a table that is made anew loses its triggers.
"""

from django.db import migrations, models

TRIGGER = "audit_is_not_deleted"
MESSAGE = "The audit trail is append-only."
IS_PRUNED = """EXISTS (SELECT 1 FROM core_auditentry
    WHERE object_type = 'core.auditentry' AND object_id = 'trail'
    AND {up_to} >= OLD.id)"""
SQLITE = f"""
    CREATE TRIGGER {TRIGGER} BEFORE DELETE ON core_auditentry
    WHEN NOT {IS_PRUNED.format(up_to="json_extract(changes, '$.up_to')")}
    BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
POSTGRESQL = f"""
    CREATE OR REPLACE FUNCTION refuse_to_change_the_audit_trail() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND
            {IS_PRUNED.format(up_to="(changes->>'up_to')::bigint")}
        THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
SQLITE_BACK = f"""
    CREATE TRIGGER {TRIGGER} BEFORE DELETE ON core_auditentry
    BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
POSTGRESQL_BACK = f"""
    CREATE OR REPLACE FUNCTION refuse_to_change_the_audit_trail() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""


def _replace(schema_editor, on_sqlite, on_postgresql):
    """Replace the guard; where tests have taken it away, none comes back."""
    if schema_editor.connection.vendor != "sqlite":
        schema_editor.execute(on_postgresql, params=None)
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM sqlite_master WHERE name = '{TRIGGER}'")
        is_guarded = cursor.fetchone()
    if is_guarded:
        schema_editor.execute(f"DROP TRIGGER {TRIGGER}", params=None)
        schema_editor.execute(on_sqlite, params=None)


def let_go(_apps, schema_editor):
    _replace(schema_editor, SQLITE, POSTGRESQL)


def keep_all(_apps, schema_editor):
    _replace(schema_editor, SQLITE_BACK, POSTGRESQL_BACK)


class Migration(migrations.Migration):
    dependencies = [("core", "0006_token_families")]
    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="number",
            field=models.PositiveIntegerField(null=True, verbose_name="number"),
        ),
        migrations.RunSQL(
            "ALTER TABLE core_auditentry "
            "ADD COLUMN via varchar(16) DEFAULT '' NOT NULL",
            "ALTER TABLE core_auditentry DROP COLUMN via",
            state_operations=[
                migrations.AddField(
                    model_name="auditentry",
                    name="via",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("rest", "REST API"),
                            ("mlflow", "MLflow protocol"),
                            ("admin", "admin"),
                            ("command line", "command line"),
                            ("system", "system"),
                        ],
                        db_default="",
                        default="",
                        max_length=16,
                        verbose_name="by way of",
                    ),
                )
            ],
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["object_type", "object_id", "number"],
                name="audit_object_number",
            ),
        ),
        migrations.RemoveIndex(model_name="auditentry", name="audit_object"),
        migrations.RunPython(let_go, keep_all, elidable=False),
    ]
