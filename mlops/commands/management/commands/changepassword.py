"""Changes a password, as Django's command of this name does, and records it."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from mlops.commands.on_record import people_on_record


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        with people_on_record("change", {"fields": ["password"]}):
            return super().handle(*args, **options)
