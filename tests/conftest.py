"""What every test may ask for: people of each role, and their API clients."""

import importlib
from collections.abc import Callable, Generator, Iterator

import hypothesis
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from mlops.core.models import User
from tests.writes import Writes, owners

# The same examples each time: a run that fails was no matter of chance.
hypothesis.settings.register_profile("suite", derandomize=True, database=None)
hypothesis.settings.load_profile("suite")
GUARD = importlib.import_module("mlops.core.migrations.0002_keep_the_audit_trail")

OWNERS = owners()

ROLES = ("viewer", "data scientist", "deployer", "approver", "admin")


BLOCKER = pytest.StashKey[DjangoDbBlocker]()
DATABASE = {"db", "transactional_db", "live_server"}
COMMITTING = {"transactional_db", "live_server"}


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
        if _commits(item):
            item.add_marker(committing, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None]:
    """Bring the rows of migrations back once a test that commits has emptied all.

    pytest-django runs such tests last; processes that share the suite cannot.
    """
    yield
    if _commits(item) and nextitem is not None and not _commits(nextitem):
        with item.config.stash[BLOCKER].unblock():
            connection.creation.deserialize_db_from_string(
                connection._test_serialized_contents  # type: ignore[attr-defined]
            )


def _commits(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    if mark is not None and mark.kwargs.get("transaction"):
        return True
    return bool(COMMITTING.intersection(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Let tests empty the audit trail, which SQLite does row by row.

    It fails if the triggers that guard the trail were lost on the way, as they are
    when a migration makes that table anew.
    """
    request.config.stash[BLOCKER] = django_db_blocker
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            for statement in GUARD.SQLITE_BACK:
                connection.cursor().execute(statement)


@pytest.fixture(autouse=True)
def writes() -> Iterator[Writes]:
    """Record who writes our tables; every test fails where a second package does."""
    seen = Writes(OWNERS)
    with connection.execute_wrapper(seen):
        yield seen
    assert seen.strays() == {}, "one package writes a table"


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
