"""List actions that take something away: they ask first, and take a reason."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from mlops.core.admin.base import act
from mlops.core.context import reasoned
from mlops.core.models import User
from mlops.core.reasons import ONLY_BLANKS, is_blank

TEMPLATE = "admin/confirm_action.html"
MAX_REASON = 2000
SHOWN_ROWS = 100

Verb = Callable[[Any, User, str], object]
"""Called with a row, who acts, and the reason."""


class ReasonField(forms.CharField):
    """As the REST contract reads a reason: left out, or one that can be read."""

    def __init__(self, *, max_length: int = MAX_REASON, **options: Any) -> None:
        super().__init__(
            label=_("reason"),
            required=False,
            max_length=max_length,
            strip=False,
            **options,
        )

    def clean(self, value: Any) -> str:
        if isinstance(value, str) and is_blank(value):
            raise forms.ValidationError(_(ONLY_BLANKS), code="only_blanks")
        return str(super().clean(value)).strip()


class ReasonForm(forms.Form):
    reason = ReasonField(
        help_text=_("Kept in the audit trail."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


def ask_first(
    page: ModelAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    verb: Verb,
    *,
    unfinished: Callable[[Any], str] = lambda _row: "",
) -> HttpResponse | None:
    """Show what an action is about to do; do it once that was confirmed.

    The reason stands in the trail's entries, and `verb` gets it too. `unfinished` as
    in `act`.
    """
    is_confirmed = "confirmed" in request.POST
    form = ReasonForm(request.POST if is_confirmed else None)
    if is_confirmed and form.is_valid():
        reason = form.cleaned_data["reason"]
        with reasoned(reason):
            act(
                page,
                request,
                rows,
                lambda row, by: verb(row, by, reason),
                unfinished=unfinished,
            )
        return None
    return TemplateResponse(request, TEMPLATE, _context(page, request, rows, form))


def _context(
    page: ModelAdmin, request: HttpRequest, rows: QuerySet[Any], form: forms.Form
) -> dict[str, Any]:
    action = request.POST["action"]
    label = page.get_actions(request)[action][2]
    return {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": label,
        "button": label,
        "form": form,
        "rows": rows[:SHOWN_ROWS],
        "count": rows.count(),
        "action": action,
        "select_across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "list_url": request.get_full_path(),
    }
