"""What the audit trail's actions and kinds are called, in the reader's language."""

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, Promise] = {
    "abort": _("aborted"),
    "activate": _("activated"),
    "add_version": _("added a version"),
    "alias": _("moved an alias"),
    "append_rows": _("appended rows"),
    "approve": _("approved"),
    "begin": _("began"),
    "begin_upload": _("began an upload"),
    "bind": _("bound"),
    "cancel": _("cancelled"),
    "change": _("changed"),
    "change_rule": _("changed a rule"),
    "check_drift": _("checked drift"),
    "check_quality": _("checked quality"),
    "create": _("created"),
    "delete": _("deleted"),
    "deploy": _("asked to deploy"),
    "describe": _("described"),
    "end": _("ended"),
    "end_sign_in": _("ended a sign-in"),
    "expire": _("let go after their time"),
    "fail": _("failed"),
    "fail_version": _("could not read a version"),
    "finish": _("finished"),
    "issue": _("made a token"),
    "issue_key": _("made a key"),
    "move_to_stage": _("moved to a stage"),
    "note": _("noted"),
    "note_rollback": _("noted a rollback"),
    "pause": _("paused"),
    "promote": _("promoted"),
    "purge": _("purged"),
    "ready_version": _("read a version"),
    "record": _("imported"),
    "register": _("registered"),
    "remove_artifact": _("removed a file"),
    "rename": _("renamed"),
    "restore": _("restored"),
    "resume": _("resumed"),
    "revoke": _("revoked a token"),
    "revoke_key": _("revoked a key"),
    "roll_back": _("rolled back"),
    "set_checklist": _("changed the checklist"),
    "sign_in": _("signed in"),
    "sign_in_failed": _("failed to sign in"),
    "prune": _("let old entries go"),
    "notice": _("noted"),
    "health": _("saw another health"),
    "sign_out": _("signed out"),
    "start": _("started"),
    "tag": _("tagged"),
    "terminate": _("terminated"),
    "untag": _("removed a tag"),
    "update": _("updated"),
}


def action_title(action: str) -> str:
    """Return how people read an action; one without a title reads as it is."""
    return str(ACTIONS.get(action, action.replace("_", " ")))


def kind_title(kind: str) -> str:
    """Return what the rows of a kind such as `lifecycle.run` are called."""
    try:
        model = apps.get_model(kind)
    except (LookupError, ValueError):
        return kind
    return str(model._meta.verbose_name)  # noqa: SLF001 - Django's public name
