"""Who acts here, and with which token."""

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, models, transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core.errors import AlreadyExists

TOKEN_MARK = "mlops"  # noqa: S105 - the public prefix of every token, not a secret
LAST_USED_GRAIN = timedelta(minutes=1)


class Scope(models.TextChoices):
    """What a token may be used for, within its owner's permissions."""

    READ = "read", _("read")
    WRITE = "write", _("write")
    PREDICT = "predict", _("predict")


tokens_changed = Signal()
"""Sent in the transaction that changes which tokens are valid."""


class User(AbstractUser):
    """A person or a program. Roles are Django groups (`mlops.core.roles`)."""

    def save(self, **options: Any) -> None:
        """Save; signal if this makes the user's tokens valid or invalid."""
        is_new, fields = self._state.adding, options.get("update_fields")
        super().save(**options)
        if not is_new and (fields is None or "is_active" in fields):
            tokens_changed.send(type(self))


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> Self:
        """Valid tokens: not revoked, not expired, and of an active user."""
        now = timezone.now()
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, user__is_active=True)

    def find(self, plain: str) -> "ApiToken | None":
        """Return the usable token with this text, its user loaded; else None."""
        if not plain.startswith(f"{TOKEN_MARK}_"):
            return None
        return self.usable().select_related("user").filter(digest=digest(plain)).first()


class ApiToken(models.Model):
    """A personal token for programs: shown once, stored only as its SHA-256.

    A token without scopes may do all that its owner may.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two requests for a token of one name at once; a revoked one frees its
            # name.
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=models.Q(revoked_at=None),
                name="one_live_token_of_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @classmethod
    def issue(cls, user: User, name: str, **options: Any) -> "tuple[ApiToken, str]":
        """Create a token; return it with its text, which cannot be shown again.

        `options` are `scopes` and `expires_at`. Raises AlreadyExists when the user has
        an unrevoked token of that name.
        """
        key, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        plain = f"{TOKEN_MARK}_{key}_{secret}"
        token = cls(
            user=user,
            name=name,
            prefix=f"{TOKEN_MARK}_{key}",
            digest=digest(plain),
            **options,
        )
        try:
            with transaction.atomic():
                token.save(force_insert=True)
        except IntegrityError:
            raise AlreadyExists(
                f"You have a token named {name!r} already.", field="name"
            ) from None
        tokens_changed.send(cls)
        return token, plain

    def allows(self, scope: str) -> bool:
        """Say whether the token may be used for this scope."""
        return not self.scopes or scope in self.scopes

    def revoke(self) -> None:
        """Revoke the token. Idempotent."""
        type(self).objects.filter(pk=self.pk, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        tokens_changed.send(type(self))
        self.refresh_from_db(fields=["revoked_at"])

    def note_use(self) -> None:
        """Record the time of use, at most once a minute."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > LAST_USED_GRAIN:
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)


def digest(plain: str) -> str:
    """Return the SHA-256 of a token's text, 64 hexadecimal digits."""
    return hashlib.sha256(plain.encode()).hexdigest()
