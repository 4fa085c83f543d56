"""Tells the demo story against a running server."""

import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mlops.demo import people, story
from mlops.demo.api import Api, ApiError
from mlops.demo.story.cast import StoryCast
from mlops.demo.story_state import has_run


class Command(BaseCommand):
    help = (
        "Fill a running server with the demo story: real prices, two trained models, "
        "deployments, predictions, a rollback. Telling it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url",
            default=f"http://localhost:{settings.PORT}",
            help="where the server answers (default: %(default)s)",
        )
        parser.add_argument(
            "--force", action="store_true", help="also on a production server"
        )

    def handle(
        self, *, url: str, force: bool, verbosity: int, **_options: object
    ) -> None:
        if settings.PRODUCTION and not force:
            raise CommandError("This is a production server; --force if you mean it.")
        if has_run():
            self.stdout.write("The demo story has run here; nothing to do.")
            return
        started = time.monotonic()
        with people.signed_in("scientist", "approver") as tokens:
            scientist, approver = (Api(url, token) for token in tokens)
            says_all = verbosity > 0
            cast = StoryCast(
                scientist, approver, self._say if says_all else _say_nothing
            )
            try:
                story.run(cast, announce=_say_nothing if says_all else self._say)
            except ApiError as error:
                raise CommandError(f"The story stopped: {error}") from error
        self._say(f"The story has run ({time.monotonic() - started:.0f} s)")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _say_nothing(_text: str) -> None:
    """Each step is told, or each chapter."""
