"""People beside those of the first start, their roles and tokens."""

from tests.releases.callers import signed_in
from tests.releases.telling.world import World

USERS = "/admin/core/user"
TOKENS = "/api/v1/auth/tokens"
PASSWORDS = {"viewer": "Sees-8-lakes", "deployer": "Moves-9-stones"}
"""Made for this store; nothing else is opened by them."""


def invite(world: World) -> None:
    for name, password in PASSWORDS.items():
        _add(world, name, password)
        person = signed_in(world.stack.url, name, password)
        world.tokens[name] = person.post(TOKENS, {"name": "for the store"})["token"]
    _make_tokens(world)


def _add(world: World, name: str, password: str) -> None:
    """Make an account, give it an address, staff status and the role of its name."""
    given = {"username": name, "password1": password, "password2": password}
    page = world.staff.submit(f"{USERS}/add/", given)
    more = {"email": f"{name}@example.org", "first_name": "지우", "is_staff": "on"}
    world.staff.submit(page, more, {"groups": [name]})
    world.ids[f"{name}'s page"] = page


def _make_tokens(world: World) -> None:
    """Leave a narrowed token, one that ends in a far year, and a revoked one."""
    deployer = signed_in(world.stack.url, "deployer", PASSWORDS["deployer"])
    narrow = {"name": "predictions only", "scopes": ["predict"]}
    world.tokens["narrow"] = deployer.post(TOKENS, narrow)["token"]
    far = {"name": "ends late", "expires_at": "2999-12-31T23:59:59Z"}
    world.tokens["late"] = deployer.post(TOKENS, far)["token"]
    revoked = deployer.post(TOKENS, {"name": "revoked"})
    world.tokens["revoked"] = revoked["token"]
    deployer.delete(f"{TOKENS}/{revoked['id']}")
