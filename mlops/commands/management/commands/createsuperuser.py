"""Makes a superuser, as Django's command of this name does, and records it."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from mlops.commands.on_record import people_on_record


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with people_on_record("create", {"is_superuser": True}):
            super().handle(*args, **options)
