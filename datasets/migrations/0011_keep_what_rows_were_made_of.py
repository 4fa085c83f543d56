from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0010_append_rows'),
    ]

    operations = [
        migrations.AddField(
            model_name='datasetversion',
            name='made_of',
            field=models.JSONField(blank=True, default=list, editable=False, help_text='The versions that a filter or SQL took its rows from.', verbose_name='made of'),
        ),
    ]
