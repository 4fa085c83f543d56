"""What people may do with a deployment, in words: the question before it is done."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Verb:
    """What a person may do with a deployment: its form, its operation, its effect."""

    name: str
    label: str | Promise
    effect: str | Promise
    path: str
    is_final: bool = False

    @property
    def form(self) -> str:
        """The page with the same question, relative to the page of work."""
        return f"../{self.name.replace('_', '-')}/"


VERBS = (
    Verb(
        "roll_back",
        _("Roll back"),
        _(
            "The newest earlier version that served here comes back as a new revision. "
            "This one serves until that one is active."
        ),
        "rollback",
        is_final=True,
    ),
    Verb("promote", _("Promote"), _("It gets all requests at once."), "promote"),
    Verb(
        "pause",
        _("Pause"),
        _("It stays at its present share until somebody resumes or ends the rollout."),
        "pause",
    ),
    Verb(
        "resume",
        _("Resume"),
        _("The present step lasts its full time again; then its share grows."),
        "resume",
    ),
    Verb(
        "abort",
        _("Abort"),
        _("It gets no more requests; the active one gets all of them."),
        "abort",
        is_final=True,
    ),
    Verb(
        "cancel",
        _("Cancel"),
        _("It will not serve. What serves here now goes on."),
        "status",
        is_final=True,
    ),
    Verb(
        "terminate",
        _("Terminate"),
        _(
            "It gets no more requests and nothing takes its place: the endpoint "
            "answers 404 until something is deployed here."
        ),
        "terminate",
        is_final=True,
    ),
)
