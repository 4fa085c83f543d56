import deployments.serving.readings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What is there was validated under the first rules, and keeps them."""

    dependencies = [
        ("deployments", "0008_interpreter"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="reading",
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
        migrations.AlterField(
            model_name="deployment",
            name="reading",
            field=models.PositiveSmallIntegerField(
                default=deployments.serving.readings.newest, editable=False
            ),
        ),
    ]
