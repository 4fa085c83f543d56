"""Makes an API token for a person or a program, and shows it once."""

from argparse import ArgumentParser
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.errors import DomainError
from mlops.core.models import ApiToken, User
from mlops.core.models.people import Scope


class Command(BaseCommand):
    help = "Make an API token for a user and print it; it is never to be had again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="user name or e-mail address")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--days", type=int, help="expires after so many days")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            default=[],
            help="what it may be used for (again for more; without: everything)",
        )

    def handle(
        self,
        *,
        username: str,
        name: str,
        days: int | None,
        scope: list[str],
        **_options: object,
    ) -> None:
        user = User.meant_by(username)
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        now = timezone.now()
        expires_at = None if days is None else now + timedelta(days=days)
        try:
            with command_line(), transaction.atomic():
                token, plain = ApiToken.issue(
                    user,
                    name or f"command line {now:%Y-%m-%d %H:%M:%S}",
                    scopes=scope,
                    expires_at=expires_at,
                )
                audit.record("issue", token, by=None, changes={"scopes": scope})
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(plain)
