"""Sign-in requests; users, tokens and the audit trail as responses show them."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from mlops.core.fields import ZonedTime
from mlops.core.models import Scope, User, Via
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


@extend_schema_serializer(component_name="Body_Auth-login")
class LoginSerializer(StrictSerializer):
    """An account and its password; other fields of OAuth2's form are ignored."""

    username = serializers.CharField(
        max_length=254,
        help_text="The user name, or the e-mail address in any letter case.",
    )
    password = serializers.CharField(
        max_length=4096, trim_whitespace=False, style={"input_type": "password"}
    )
    grant_type = serializers.CharField(
        required=False, allow_null=True, allow_blank=True
    )
    scope = serializers.CharField(required=False, allow_blank=True, default="")
    client_id = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    client_secret = serializers.CharField(
        required=False, allow_null=True, allow_blank=True
    )


@extend_schema_serializer(component_name="UserResponse")
class UserSerializer(AnswerSerializer):
    """An account, without anything secret."""

    absent_when_unknown = frozenset({"avatar_url"})

    id = serializers.CharField()
    username = serializers.CharField()
    email = serializers.CharField()
    full_name = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()
    is_superuser = serializers.BooleanField()
    is_verified = serializers.BooleanField(source="is_active")
    avatar_url = serializers.CharField(default=None, help_text="Not kept here.")
    roles = serializers.SerializerMethodField()

    def get_full_name(self, user: User) -> str | None:
        return user.get_full_name() or None

    def get_roles(self, user: User) -> list[str]:
        return sorted(group.name for group in user.groups.all())


@extend_schema_serializer(component_name="LoginResponse")
class PairSerializer(AnswerSerializer):
    """Access and refresh token, and their account."""

    access_token = serializers.CharField(source="access")
    refresh_token = serializers.CharField(source="refresh")
    token_type = serializers.CharField(default="bearer")
    user_info = UserSerializer(source="user")


@extend_schema_serializer(component_name="ApiTokenCreate")
class TokenCreateSerializer(StrictSerializer):
    """A new personal token."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        required=False,
        max_length=len(Scope),
        help_text="What it may be used for; without any, for all that you may do.",
    )
    expires_at = ZonedTime(required=False, allow_null=True)

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This time is over.")
        return value


@extend_schema_serializer(component_name="ApiTokenResponse")
class TokenSerializer(AnswerSerializer):
    """A personal token, without its text."""

    absent_when_unknown = frozenset({"expires_at", "revoked_at", "last_used_at"})

    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How the text begins.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    created_at = TimeField()
    expires_at = TimeField()
    revoked_at = TimeField()
    last_used_at = TimeField()


@extend_schema_serializer(component_name="ApiTokenIssuedResponse")
class IssuedTokenSerializer(TokenSerializer):
    """A new token with its text, which is never shown again."""

    token = serializers.CharField()


@extend_schema_serializer(component_name="AuditEntryResponse")
class AuditEntrySerializer(AnswerSerializer):
    """What happened: who did what to which thing, when and from where."""

    absent_when_unknown = frozenset({"number", "via"})

    id = serializers.CharField()
    at = TimeField()
    actor = serializers.SerializerMethodField(help_text="null for the system itself.")
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    object_name = serializers.CharField()
    changes = serializers.SerializerMethodField(
        help_text="Field to new value, or to [old, new]."
    )
    request_id = serializers.CharField()
    remote_address = serializers.CharField()
    number = serializers.IntegerField(
        help_text="Counts what happened to this thing, from 1 and without a gap; no "
        "value for entries of before 1.0.0."
    )
    via = serializers.SerializerMethodField(
        help_text="The way by which it came; no value for entries of before 1.0.0."
    )

    def get_actor(self, entry: Any) -> str | None:
        return entry.actor.username if entry.actor else None

    @extend_schema_field(serializers.ChoiceField(choices=Via.choices))
    def get_via(self, entry: Any) -> str | None:
        return entry.via or None

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_changes(self, entry: Any) -> dict[str, Any]:
        changes: dict[str, Any] = entry.changes
        return changes
