"""The admin's sign-in: by user name or e-mail address."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

MAX_ADDRESS = 254


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["username"]
        field.label = _("User name or e-mail address")
        field.max_length = MAX_ADDRESS
        field.widget.attrs["maxlength"] = MAX_ADDRESS
