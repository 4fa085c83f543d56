import mlops.core.models.nul_safe
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0019_keys_of_one_deployment'),
    ]

    # The columns stay as they are; only what Django writes into them changes.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='deployment',
                    name='comparison',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, editable=False),
                ),
                migrations.AlterField(
                    model_name='deployment',
                    name='ending',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, editable=False),
                ),
                migrations.AlterField(
                    model_name='deployment',
                    name='error_message',
                    field=mlops.core.models.nul_safe.NulSafeTextField(editable=False, null=True, verbose_name='error'),
                ),
                migrations.AlterField(
                    model_name='deployment',
                    name='health_reason',
                    field=mlops.core.models.nul_safe.NulSafeTextField(blank=True, default='', editable=False, verbose_name='why it is not healthy'),
                ),
                migrations.AlterField(
                    model_name='deployment',
                    name='signature',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, editable=False, verbose_name='signature'),
                ),
                migrations.AlterField(
                    model_name='deploymentevent',
                    name='message',
                    field=mlops.core.models.nul_safe.NulSafeTextField(blank=True, verbose_name='message'),
                ),
                migrations.AlterField(
                    model_name='driftcheck',
                    name='body',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, verbose_name='report'),
                ),
                migrations.AlterField(
                    model_name='driftcheck',
                    name='error',
                    field=mlops.core.models.nul_safe.NulSafeTextField(blank=True, verbose_name='error'),
                ),
                migrations.AlterField(
                    model_name='driftcheck',
                    name='findings',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=list, verbose_name='findings'),
                ),
            ],
        ),
    ]
