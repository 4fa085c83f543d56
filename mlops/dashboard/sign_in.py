"""The admin's sign-in: by user name or e-mail address."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from mlops.core import audit
from mlops.core.models import User

MAX_ADDRESS = 254


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["username"]
        field.label = _("User name or e-mail address")
        field.max_length = MAX_ADDRESS
        field.widget.attrs["maxlength"] = MAX_ADDRESS

    def clean(self) -> dict[str, Any]:
        """Check the password, and that the account may use the admin; on record."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            if isinstance(self.user_cache, User):
                audit.note_failed_sign_in(self.user_cache, "not for the admin")
            raise
        if isinstance(self.user_cache, User):
            audit.record("sign_in", self.user_cache, by=self.user_cache)
        return cleaned
