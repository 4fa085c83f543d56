"""Admin pages of people, their tokens and the audit trail."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from mlops.core import audit
from mlops.core.admin.base import ROWS, AdminPage
from mlops.core.admin.trail_words import ACTIONS, action_title, kind_title
from mlops.core.models import ApiToken, AuditEntry, User

admin.site.unregister(Group)

POWERS = ("is_superuser", "user_permissions")
MAX_SHOWN = 120


class Recorded(AdminPage):
    """Leaves an audit entry for what is saved and deleted here.

    Names of the fields only: their values may be secret.
    """

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record("create", obj, by=_staff(request))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        fields = [
            name
            for part in message
            if isinstance(part, dict)
            for name in part.get("changed", {}).get("fields", [])
        ]
        changes = {"fields": [str(name) for name in fields]}
        audit.record("change", obj, by=_staff(request), changes=changes)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            audit.record("delete", obj, by=_staff(request))
        return super().log_deletions(request, queryset)


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], Recorded):  # type: ignore[misc]  # stubs
    """People. Who is not a superuser can neither make nor change one."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups", "address_is_shared")
    filter_horizontal = ("user_permissions",)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **options: Any
    ) -> Any:
        """Offer roles as boxes to tick: there are few of them."""
        if db_field.name == "groups":
            options["widget"] = forms.CheckboxSelectMultiple()
            field = db_field.formfield(**options)
            field.label, field.help_text = _("Roles"), _("They add up.")
            return field
        return super().formfield_for_manytomany(db_field, request, **options)

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        return own if _staff(request).is_superuser else (*own, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and bool(
            super().has_change_permission(request, obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and bool(
            super().has_delete_permission(request, obj)
        )

    def _may_touch(self, request: HttpRequest, user: User | None) -> bool:
        return _staff(request).is_superuser or not (user and user.is_superuser)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Recorded):  # type: ignore[misc]  # stubs
    """Groups. Only a superuser changes what a group may do, or anyone could rise."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _staff(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _staff(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _staff(request).is_superuser


class ReadOnly(AdminPage):
    """A page that shows and never changes."""

    list_per_page = ROWS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Tokens are made by their owners; staff can see and revoke them."""

    list_display = ("prefix", "name", "user", "scopes", "expires_at", "last_used_at")
    list_filter = ("user",)
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    exclude = ("digest",)
    actions = ("revoke",)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the own account, where everybody makes the own tokens."""
        return HttpResponseRedirect(reverse("account"))

    @admin.action(description=_("Revoke the selected tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            with transaction.atomic():
                token.revoke()
                audit.record("revoke", token, by=_staff(request))
        self.message_user(request, _("The tokens are revoked."), messages.SUCCESS)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _staff(request).has_perm("core.change_apitoken")


class ActionFilter(admin.SimpleListFilter):
    """By the actions that there are: the trail is too long to be asked for them."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(ACTIONS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        action = self.value()
        return queryset.filter(action=action) if action else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """The audit trail; nobody changes it, superusers included."""

    list_display = ("at", "actor", "via", "done", "kind", "object_name", "what")
    list_filter = (ActionFilter, "object_type", "via", "at")
    search_fields = ("object_id", "object_name", "request_id", "actor__username")
    list_select_related = ("actor",)

    @admin.display(description=_("action"), ordering="action")
    def done(self, entry: AuditEntry) -> str:
        return action_title(entry.action)

    @admin.display(description=_("kind"), ordering="object_type")
    def kind(self, entry: AuditEntry) -> str:
        return kind_title(entry.object_type)

    @admin.display(description=_("changes"))
    def what(self, entry: AuditEntry) -> str:
        """The changes in one line, cut where it gets long."""
        parts = [f"{name}: {_shown(value)}" for name, value in entry.changes.items()]
        return Truncator(", ".join(parts)).chars(MAX_SHOWN) or "—"


def _shown(value: Any) -> str:
    """Return a new value, or old → new."""
    if isinstance(value, list) and len(value) == len(("old", "new")):
        return " → ".join(json.dumps(one, ensure_ascii=False) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _staff(request: HttpRequest) -> User:
    """Return who uses the admin; it lets in nobody who is not signed in."""
    if not isinstance(request.user, User):
        raise TypeError("The admin is for signed-in users.")
    return request.user
