"""What every test may ask for: people of each role, and their API clients."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from mlops.core.models import User

ROLES = ("viewer", "data scientist", "deployer", "approver", "admin")


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
