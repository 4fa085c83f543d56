import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', "0017_refused_anew"),
    ]

    operations = [
        migrations.CreateModel(
            name='KeyDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('request_count', models.PositiveBigIntegerField(default=0, verbose_name='requests')),
                ('refused_count', models.PositiveBigIntegerField(default=0, verbose_name='refused')),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='deployments.deploymentkey')),
            ],
            options={
                'verbose_name': 'day of a key',
                'verbose_name_plural': 'days of keys',
                'ordering': ('-day',),
                'constraints': [models.UniqueConstraint(fields=('key', 'day'), name='day_of_key')],
            },
        ),
    ]
