from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', "0016_own_times"),
    ]

    operations = [
        migrations.AddField(
            model_name='trafficwindow',
            name='refused_anew_count',
            field=models.BigIntegerField(default=0, verbose_name='refused anew'),
        ),
    ]
