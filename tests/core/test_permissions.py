"""An action needs its permission, and what nobody has named is refused."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import PermissionDenied

from mlops.core.models import ApiToken
from mlops.core.permissions import ActionPermissions, permission_for


class View:
    """A viewset of datasets, as the router asks for one of its actions."""

    permission_model = "datasets.dataset"
    action_permissions = {
        "publish": "change",
        "approve": "lifecycle.approve_modelversion",
        "destroy": None,
    }

    def __init__(self, action, **attributes):
        self.action = action
        self.action_map = {"get": "list", "post": "create", "delete": "destroy"}
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("action", "permission"),
    [
        ("list", "datasets.view_dataset"),
        ("retrieve", "datasets.view_dataset"),
        ("create", "datasets.add_dataset"),
        ("update", "datasets.change_dataset"),
        ("partial_update", "datasets.change_dataset"),
        ("publish", "datasets.change_dataset"),
        ("approve", "lifecycle.approve_modelversion"),
        ("destroy", None),
        ("something new", None),
        (None, None),
    ],
)
def test_an_action_needs_this_permission(action, permission):
    assert permission_for(View(action), action) == permission


def test_deleting_needs_the_permission_to_delete():
    view = SimpleNamespace(permission_model="datasets.dataset")

    assert permission_for(view, "destroy") == "datasets.delete_dataset"


def test_a_view_of_no_model_needs_none():
    assert permission_for(View("list", permission_model=None), "list") == ""
    assert permission_for(object(), "list") == ""


def may(user, view, method="GET", token=None):
    request = SimpleNamespace(user=user, method=method, auth=token)
    return ActionPermissions().has_permission(request, view)


def test_only_who_holds_the_permission_may(person):
    assert may(person("viewer"), View("list"))
    assert not may(person("viewer"), View("create"), "POST")
    assert may(person("data scientist"), View("create"), "POST")
    assert not may(person("nobody"), View("list"))


def test_any_signed_in_person_may_what_belongs_to_no_model(person):
    view = View("list", permission_model=None)

    assert may(person("nobody"), view)
    assert not may(AnonymousUser(), view)


def test_an_action_that_is_not_mapped_is_for_nobody(person):
    assert not may(person("admin"), View("something new"))
    assert not may(person("admin"), View("destroy"), "DELETE")


def test_a_view_that_names_no_model_is_for_nobody(person):
    bare = SimpleNamespace(action="list", action_map={"get": "list"})

    assert not may(person("admin"), bare)


def test_a_method_without_an_action_is_left_to_the_view(person):
    assert may(person("nobody"), View(None), "PUT")


def test_a_token_that_reads_does_not_write_though_its_owner_may(person):
    token = ApiToken(scopes=["read"])

    assert may(person("admin"), View("list"), token=token)
    with pytest.raises(PermissionDenied):
        may(person("admin"), View("create"), "POST", token=token)


@pytest.mark.parametrize("is_open", [True, False])
def test_open_mode_alone_lets_the_anonymous_in(settings, is_open):
    settings.OPEN_MODE = is_open

    assert may(AnonymousUser(), View("list")) is is_open
