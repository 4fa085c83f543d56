from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0002_keep_the_audit_trail")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="address_is_shared",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                verbose_name="address shared with another",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="address_key",
            field=models.CharField(
                db_default="",
                db_index=True,
                default="",
                editable=False,
                max_length=1000,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="name_key",
            field=models.CharField(
                db_default="",
                db_index=True,
                default="",
                editable=False,
                max_length=1000,
            ),
        ),
    ]
