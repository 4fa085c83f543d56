"""My account: tokens, sign-ins, language, password, roles. Everybody's own alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from mlops.core import audit
from mlops.core.admin.base import staff
from mlops.core.admin.work import work_response
from mlops.core.errors import DomainError
from mlops.core.ids import as_uuid
from mlops.core.models import ApiToken, Scope, TokenFamily, User

LIFETIMES = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("1 year")),
    ("", gettext_lazy("never")),
)


class TokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("name"), max_length=100)
    days = forms.ChoiceField(
        label=gettext_lazy("ends after"), choices=LIFETIMES, required=False
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("may be used to"),
        choices=Scope.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text=gettext_lazy("Without any, for all that you may do."),
    )

    @property
    def options(self) -> dict[str, Any]:
        """What `ApiToken.issue` takes beside user and name."""
        days = self.cleaned_data["days"]
        ends = timezone.now() + timedelta(days=int(days)) if days else None
        return {"scopes": self.cleaned_data["scopes"], "expires_at": ends}


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the account, or do what one of its buttons says."""
    if request.method != "POST":
        return _page(request, TokenForm())
    act = _ACTS.get(request.POST.get("do", ""))
    if act is None:
        raise Http404
    return act(request, staff(request))


def _make(request: HttpRequest, user: User) -> HttpResponse:
    """Make a token; the answer is the one page that ever shows it."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        with transaction.atomic():
            token, text = ApiToken.issue(
                user, form.cleaned_data["name"], **form.options
            )
            audit.record("issue", token, by=user, changes={"scopes": token.scopes})
    except DomainError as error:
        form.add_error("name", error.message)
        return _page(request, form)
    answer = _page(request, TokenForm(), made=token, text=text)
    answer["Cache-Control"] = "no-store"
    return answer


def _revoke(request: HttpRequest, user: User) -> HttpResponse:
    token = get_object_or_404(user.api_tokens, pk=_id(request, "token"))
    with transaction.atomic():
        token.revoke()
        audit.record("revoke", token, by=user)
    messages.success(request, _("%(token)s is revoked.") % {"token": token})
    return HttpResponseRedirect(reverse("account"))


def _end(request: HttpRequest, user: User) -> HttpResponse:
    family = get_object_or_404(user.token_families, pk=_id(request, "sign_in"))
    with transaction.atomic():
        if family.end():
            audit.record("sign_out", user, by=user)
    messages.success(request, _("The sign-in has ended."))
    return HttpResponseRedirect(reverse("account"))


def _id(request: HttpRequest, name: str) -> UUID:
    """Return the id that a button names. Raises Http404."""
    pk = as_uuid(request.POST.get(name, ""))
    if pk is None:
        raise Http404
    return pk


_ACTS: dict[str, Callable[[HttpRequest, User], HttpResponse]] = {
    "make": _make,
    "revoke": _revoke,
    "end": _end,
}


def _page(request: HttpRequest, form: TokenForm, **made: Any) -> HttpResponse:
    user = staff(request)
    open_ones = TokenFamily.objects.filter(
        user=user, ended_at=None, expires_at__gt=timezone.now()
    )
    context = {
        "title": _("My account"),
        "form": form,
        "tokens": user.api_tokens.filter(revoked_at=None),
        "sign_ins": open_ones,
        "session_ends_at": request.session.get_expiry_date(),
        "roles": sorted(group.name for group in user.groups.all()),
        **made,
    }
    return work_response(request, "dashboard/account.html", context)
