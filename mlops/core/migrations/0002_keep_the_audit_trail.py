"""Have the database itself refuse to change or delete what the audit trail holds."""

from django.db import migrations

MESSAGE = "The audit trail is append-only."
SQLITE = [
    f"CREATE TRIGGER audit_is_not_{verb}d BEFORE {verb.upper()} ON core_auditentry "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    for verb in ("update", "delete")
]
SQLITE_BACK = ["DROP TRIGGER audit_is_not_updated", "DROP TRIGGER audit_is_not_deleted"]
POSTGRESQL = [
    f"""
    CREATE FUNCTION refuse_to_change_the_audit_trail() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON core_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_the_audit_trail()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER audit_is_append_only ON core_auditentry",
    "DROP FUNCTION refuse_to_change_the_audit_trail()",
]


def guard(_apps, schema_editor):
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        schema_editor.execute(statement, params=None)


def unguard(_apps, schema_editor):
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in SQLITE_BACK if is_sqlite else POSTGRESQL_BACK:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunPython(guard, unguard, elidable=False)]
