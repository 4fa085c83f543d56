"""Signing in with a page: to the admin, and to MLflow's own pages."""

from typing import Any, cast

from django.contrib.auth import forms, views
from django.contrib.auth.forms import UsernameField
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from mlops.core import audit, sessions
from mlops.core.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from mlops.core.models import User

MAX_ADDRESS = 254


class _OnRecord(forms.AuthenticationForm):
    """By user name or e-mail address; whoever signs in is in the audit trail."""

    refusal = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("UsernameField", self.fields["username"])
        field.label = _("User name or e-mail address")
        field.max_length = MAX_ADDRESS
        field.widget.attrs["maxlength"] = MAX_ADDRESS

    def clean(self) -> dict[str, Any]:
        """Check the password, and that the account may come in; on record."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            if isinstance(self.user_cache, User):
                audit.note_failed_sign_in(self.user_cache, self.refusal)
            raise
        if isinstance(self.user_cache, User):
            audit.record("sign_in", self.user_cache, by=self.user_cache)
        return cleaned


class SignInForm(_OnRecord, AuthenticationForm):
    """The admin's form, for staff alone."""

    refusal = "not for the admin"


class PersonSignInForm(_OnRecord):
    """For everybody who has an account."""

    refusal = "not allowed"


class SignIn(views.LoginView):
    """Opens a session, as the admin's page does, for people who are no staff too."""

    form_class = PersonSignInForm
    template_name = "dashboard/sign_in.html"
    next_page = "mlflow-pages"


class SignOut(views.LogoutView):
    """Ends the session, and the tokens that this browser has as cookies."""

    http_method_names = ["post"]
    next_page = "sign-in"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        sessions.sign_out(request.COOKIES.get(REFRESH_COOKIE))
        response = super().post(request, *args, **kwargs)
        for name in (ACCESS_COOKIE, REFRESH_COOKIE):
            response.delete_cookie(name, samesite="Lax")
        return response
