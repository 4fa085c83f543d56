"""Let hooks go on with the secrets that their receivers know."""

from django.db import migrations

from deployments.models.alert import derived_secret
from mlops.core import sealing


def seal(apps, _schema_editor):
    hooks = apps.get_model("deployments", "AlertHook").objects
    for pk in hooks.values_list("pk", flat=True):
        hooks.filter(pk=pk).update(sealed_secret=sealing.close(derived_secret(pk)))


class Migration(migrations.Migration):
    dependencies = [("deployments", "0021_keep_secrets_of_hooks")]
    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
