import mlops.core.models.nul_safe
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0011_keep_what_rows_were_made_of'),
    ]

    # The columns stay as they are; only what Django writes into them changes.
    operations = [
        migrations.AlterField(
            model_name='column',
            name='data_type',
            field=mlops.core.models.nul_safe.NulSafeTextField(verbose_name='type'),
        ),
        migrations.AlterField(
            model_name='column',
            name='original_name',
            field=mlops.core.models.nul_safe.NulSafeTextField(verbose_name='name in the file'),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='column',
                    name='profile',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, verbose_name='profile'),
                ),
                migrations.AlterField(
                    model_name='datasetevent',
                    name='columns',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=list, verbose_name='columns'),
                ),
                migrations.AlterField(
                    model_name='datasetevent',
                    name='message',
                    field=mlops.core.models.nul_safe.NulSafeTextField(verbose_name='message'),
                ),
                migrations.AlterField(
                    model_name='datasetversion',
                    name='report',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, help_text='Rejected rows with line and reason, renamed columns, dialect.', verbose_name='report of the reader'),
                ),
                migrations.AlterField(
                    model_name='datasetversion',
                    name='state_reason',
                    field=mlops.core.models.nul_safe.NulSafeTextField(blank=True, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='driftreport',
                    name='body',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, verbose_name='report'),
                ),
                migrations.AlterField(
                    model_name='featurebinding',
                    name='computed_profile',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict),
                ),
                migrations.AlterField(
                    model_name='featurebinding',
                    name='types',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=dict, verbose_name='types when bound'),
                ),
                migrations.AlterField(
                    model_name='qualityrun',
                    name='results',
                    field=mlops.core.models.nul_safe.NulSafeJSONField(default=list, verbose_name='results'),
                ),
            ],
        ),
    ]
