from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', "0015_alerts_of_datasets"),
    ]

    operations = [
        migrations.AddField(
            model_name='trafficwindow',
            name='correction',
            field=models.JSONField(default=dict),
        ),
    ]
