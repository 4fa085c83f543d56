"""What every test may ask for: people of each role, and their API clients."""

import importlib
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from mlops.core.models import User

GUARD = importlib.import_module("mlops.core.migrations.0002_keep_the_audit_trail")

ROLES = ("viewer", "data scientist", "deployer", "approver", "admin")


DATABASE = {"db", "transactional_db", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="Leave out tests that ask for no database: another one changes nothing.",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    _isolate_what_commits(items)
    if config.getoption("--database-only"):
        others = [item for item in items if not _asks_database(item)]
        items[:] = [item for item in items if _asks_database(item)]
        config.hook.pytest_deselected(items=others)


def _asks_database(item: pytest.Item) -> bool:
    fixtures = DATABASE.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def _isolate_what_commits(items: list[pytest.Item]) -> None:
    """Give every test that commits the rows that migrations made, as it found them.

    Such a test empties all tables at its end. If some of them kept the rows of
    migrations and some did not, the roles would be made twice.
    """
    committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)
    for item in items:
        mark = item.get_closest_marker("django_db")
        if mark is not None and mark.kwargs.get("transaction"):
            item.add_marker(committing, append=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let tests empty the audit trail, which SQLite does row by row.

    It fails if the triggers that guard the trail were lost on the way, as they are
    when a migration makes that table anew.
    """
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            for statement in GUARD.SQLITE_BACK:
                connection.cursor().execute(statement)


@pytest.fixture
def person(db) -> Callable[..., User]:
    """Return the one person of a role, made when first asked for.

    "anonymous" is not a person; "nobody" is signed in and has no role. A second
    person of a role is `person("viewer", "viewer-2")`.
    """

    def find(role: str, name: str = "") -> User:
        name = name or role.replace(" ", "-")
        user, made = User.objects.get_or_create(
            username=name, defaults={"email": f"{name}@example.org"}
        )
        if made and role in ROLES:
            user.groups.add(Group.objects.get(name=role))
        return user

    return find


@pytest.fixture
def api(person) -> Callable[..., APIClient]:
    """Return a client signed in as a role or a user: `api("data scientist")`."""

    def client(who: str | User = "admin") -> APIClient:
        made = APIClient(raise_request_exception=True)
        if who != "anonymous":
            made.force_authenticate(person(who) if isinstance(who, str) else who)
        return made

    return client
