"""The people of a fresh store on one's own machine: admin, scientist, approver."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from mlops.core import audit
from mlops.core.context import command_line
from mlops.core.models import ApiToken, User

ROLES = {
    "scientist": ("data scientist", "deployer"),
    "approver": ("approver",),
}
TOKEN_NAME = "first start"  # noqa: S105 - a label


@dataclass(frozen=True, slots=True)
class NewUsers:
    """What can be shown only once: the admin's password and a token per person."""

    password: str = ""
    tokens: dict[str, str] = field(default_factory=dict)


@contextmanager
def signed_in(*names: str) -> Iterator[list[str]]:
    """Yield a token for each demo person, made if absent; revoke them at the end."""
    label = f"demo story {secrets.token_hex(4)}"
    until = timezone.now() + timedelta(hours=1)
    with command_line(), transaction.atomic():
        issued = [
            ApiToken.issue(_found_or_made(name), label, expires_at=until)
            for name in names
        ]
        for token, _ in issued:
            audit.record("issue", token, by=None, changes={"scopes": token.scopes})
    try:
        yield [plain for _, plain in issued]
    finally:
        with command_line(), transaction.atomic():
            for token, _ in issued:
                token.revoke()
                audit.record("revoke", token, by=None)


def create_users() -> NewUsers:
    """Make the first people of an empty store; later, and in production, nobody.

    The admin's password is MLOPS_ADMIN_PASSWORD or a random one; the others sign in
    with tokens only.
    """
    if settings.PRODUCTION:
        return NewUsers()
    with command_line(), transaction.atomic():
        if User.objects.exists():
            return NewUsers()
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
        people = [User.objects.create_superuser("admin", address_of("admin"), password)]
        audit.record("create", people[0], by=None, changes={"is_superuser": True})
        people += [_person(name) for name in ROLES]
        tokens = {who.username: _token(who, TOKEN_NAME) for who in people}
    return NewUsers(password, tokens)


def address_of(name: str) -> str:
    """Return the e-mail address of a demo person."""
    return f"{name}@example.org"


def _found_or_made(name: str) -> User:
    return User.objects.filter(username=name).first() or _person(name)


def _person(name: str) -> User:
    user = User.objects.create_user(name, address_of(name))
    user.groups.set(Group.objects.filter(name__in=ROLES[name]))
    audit.record("create", user, by=None, changes={"roles": list(ROLES[name])})
    return user


def _token(user: User, name: str) -> str:
    token, plain = ApiToken.issue(user, name)
    audit.record("issue", token, by=None, changes={"scopes": token.scopes})
    return plain
