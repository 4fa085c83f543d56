"""Who acts here, and with which token."""

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core.errors import AlreadyExists
from mlops.core.names import fold

TOKEN_MARK = "mlops"  # noqa: S105 - the public prefix of every token, not a secret
LAST_USED_GRAIN = timedelta(minutes=1)
MAX_KEY = 1000
NAMED = frozenset({"username", "email"})
KEYS = ("name_key", "address_key", "address_is_shared")
"""What `User` derives from them."""
NAMES_LOCK = 0x6D6C_6F70_7301
"""PostgreSQL's advisory lock of those who write user names and addresses."""


class Scope(models.TextChoices):
    """What a token may be used for, within its owner's permissions."""

    READ = "read", _("read")
    WRITE = "write", _("write")
    PREDICT = "predict", _("predict")


tokens_changed = Signal()
"""Sent in the transaction that changes which tokens are valid."""


class User(AbstractUser):
    """A person or a program. Roles are Django groups (`mlops.core.roles`).

    Signs in by the user name as it is written, or by the e-mail address in any letter
    case. `name_key` and `address_key` are both as `fold` has them. An address that
    was two accounts' before that was refused has `address_is_shared`, and signs
    nobody in.
    """

    # Sign-in finds an account by either key; a new address is compared with both.
    name_key = models.CharField(
        max_length=MAX_KEY, default="", db_default="", db_index=True, editable=False
    )
    # Shared addresses are found too: the constraint below leaves them out.
    address_key = models.CharField(
        max_length=MAX_KEY, default="", db_default="", db_index=True, editable=False
    )
    address_is_shared = models.BooleanField(
        _("address shared with another"),
        default=False,
        db_default=False,
        editable=False,
    )

    class Meta(AbstractUser.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two accounts that take one address at once. "" is no address.
            models.UniqueConstraint(
                fields=["address_key"],
                condition=~models.Q(address_key="") & models.Q(address_is_shared=False),
                name="one_account_of_an_address",
            )
        ]

    @classmethod
    def meant_by(cls, text: str) -> "User | None":
        """Return who signs in by this user name or address, active or not.

        An address that is also another account's, or its user name, means nobody.
        """
        key = fold(text)
        address = models.Q(address_key=key) & ~models.Q(address_key="")
        names = models.Q(username=text) | models.Q(name_key=key)
        found = list(cls.objects.filter(names | address))
        # As Django makes names: the same letters, however a keyboard composes them.
        for name in (text, cls.normalize_username(text)):
            for user in found:
                if user.username == name:
                    return user
        is_one = len(found) == 1 and found[0].address_key == key
        return found[0] if is_one else None

    def clean(self) -> None:
        """Raise ValidationError for a name or an address that is another account's."""
        super().clean()
        self._fold()
        self._require_own_names()

    def save(self, **options: Any) -> None:
        """Save; signal if this makes the user's tokens valid or invalid.

        Raises ValidationError as `clean` does.
        """
        is_new, fields = self._state.adding, options.get("update_fields")
        if fields is None or not NAMED.isdisjoint(fields):
            self._save_named(options)
        else:
            super().save(**options)
        if not is_new and (fields is None or "is_active" in fields):
            tokens_changed.send(type(self))

    def _save_named(self, options: dict[str, Any]) -> None:
        """Save names and addresses; of two writers the second sees the first's."""
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], *KEYS}
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NAMES_LOCK])
            self._fold()
            self._require_own_names()
            super().save(**options)

    def _fold(self) -> None:
        self.name_key, self.address_key = fold(self.username), fold(self.email)

    def _require_own_names(self) -> None:
        """Refuse what is new here and another's; what is stored already may stay."""
        rows = type(self).objects
        stored = rows.filter(pk=self.pk).values_list(*KEYS[:2]).first() or ("", "")
        others = rows.exclude(pk=self.pk)
        errors: dict[str, Any] = {}
        is_taken = self._is_taken(others)
        if is_taken and self.address_key != stored[1]:
            errors["email"] = _("Another account signs in by this address.")
        if self.name_key != stored[0] and (
            others.exclude(address_key="").filter(address_key=self.name_key).exists()
        ):
            errors["username"] = _("This is the address of another account.")
        if errors:
            raise ValidationError(errors)
        self.address_is_shared = is_taken

    def _is_taken(self, others: models.QuerySet["User"]) -> bool:
        """Say whether the address is another's too, or the user name of another."""
        key = self.address_key
        means = models.Q(address_key=key) | models.Q(name_key=key)
        return bool(key) and others.filter(means).exists()


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
