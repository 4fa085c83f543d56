"""What a caller may do: each action of a viewset needs one named permission."""

from django.conf import settings
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from mlops.core.authentication import require_scope, scope_of
from mlops.core.roles import refusal

_BY_NAME = {
    "list": "view",
    "retrieve": "view",
    "create": "add",
    "update": "change",
    "partial_update": "change",
    "destroy": "delete",
}


class ActionPermissions(BasePermission):
    """Maps the view's action to a model permission; what is not mapped is refused.

    A viewset names its model in `permission_model` ("datasets.dataset") and its own
    actions in `action_permissions`: `{"roll_back": "change"}` means change of that
    model, `{"roll_back": "deployments.roll_back"}` exactly that permission.
    Fields of a body that need another permission than their action stand in
    `field_permissions`, in the same words; the view asks by `require_fields`.
    A view may say `permission_model = None`: any signed-in caller.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        user = request.user
        if not user.is_authenticated:
            return bool(settings.OPEN_MODE)
        if not hasattr(view, "permission_model"):
            return False
        if str(request.method).lower() not in getattr(view, "action_map", {}):
            return True  # the view answers 405
        require_scope(request.auth, scope_of(request.method))
        needed = permission_for(view, getattr(view, "action", None))
        if needed is None:
            return False
        if needed == "" or user.has_perm(needed):
            return True
        self.message = refusal(needed)
        return False


def permission_for(view: object, action: str | None) -> str | None:
    """Return the permission an action needs, "" for none, None for "never"."""
    model = getattr(view, "permission_model", None)
    if model is None:
        return ""
    own = getattr(view, "action_permissions", {})
    verb = own.get(action, _BY_NAME.get(action or ""))
    return None if verb is None else full_name(verb, model)


def full_name(verb: str, model: str) -> str:
    """Return the permission that a verb (`change`) means for a model; or itself."""
    if "." in verb:
        return verb
    app, name = model.split(".")
    return f"{app}.{verb}_{name}"
