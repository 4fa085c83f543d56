"""Base serializers: requests refuse unknown fields, responses omit unknown values."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from mlops.core.errors import RepeatedField
from mlops.core.json import MAX_WHOLE
from mlops.core.models import User
from mlops.core.queries import TRUTHS, whole_number

_TEXTS = (serializers.CharField, serializers.ChoiceField)
_MANY = (serializers.ListField, serializers.MultipleChoiceField)


class StrictSerializer(serializers.Serializer[Any]):
    """Reads a request body; a field it does not know is an error (422).

    So is a part of a form that comes twice where one is meant (400): whoever sent two
    would otherwise learn nothing of the one that was dropped.
    """

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; those of closed words say which words there are."""
        fields = super().get_fields()
        for field in fields.values():
            _name_choices(getattr(field, "child", field))
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = {
                name: ["This field is not known here."]
                for name in data
                if name not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        if isinstance(data, QueryDict):
            self._refuse_repeated(data)
            self._refuse_other_spellings(data)
        elif isinstance(data, Mapping):
            self._refuse_other_types(data)
        return super().to_internal_value(data)

    def _refuse_other_types(self, body: Mapping[str, Any]) -> None:
        """Refuse JSON values that DRF would convert: `1` for a text, or `"1"` for 1."""
        found = {name: type_fault(self.fields[name], body[name]) for name in body}
        if wrong := {name: fault for name, fault in found.items() if fault}:
            raise serializers.ValidationError(wrong)

    def _refuse_other_spellings(self, form: QueryDict) -> None:
        """Refuse texts that DRF would take for a number or a truth: `+3`, `yes`."""
        found = {name: spelling_fault(self.fields[name], form[name]) for name in form}
        if wrong := {name: fault for name, fault in found.items() if fault}:
            raise serializers.ValidationError(wrong)

    def _refuse_repeated(self, form: QueryDict) -> None:
        for name, values in form.lists():
            if len(values) > 1 and not isinstance(self.fields[name], _MANY):
                raise RepeatedField(f"Give the field {name!r} once.", field=name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# What JSON has to have for a field, and DRF's message if it has not; the first that
# fits, subclasses before bases.
_TYPES: tuple[tuple[type[Any], Callable[[Any], bool], str], ...] = (
    (serializers.BooleanField, lambda value: isinstance(value, bool), "invalid"),
    (
        serializers.IntegerField,
        lambda value: _is_number(value) and isinstance(value, int),
        "invalid",
    ),
    (serializers.FloatField, _is_number, "invalid"),
    (serializers.CharField, lambda value: isinstance(value, str), "invalid"),
    (serializers.ChoiceField, lambda value: isinstance(value, str), "invalid_choice"),
    (serializers.DateTimeField, lambda value: isinstance(value, str), "invalid"),
    (serializers.ListField, lambda value: isinstance(value, list), "not_a_list"),
)


def type_fault(field: Any, value: Any) -> Any:
    """Return what is wrong with the type of a JSON value, in DRF's shape, or None.

    null is the field's own matter, and so is what is in a field of no plain type.
    """
    for base, fits, message in _TYPES:
        if value is not None and isinstance(field, base):
            if not fits(value):
                return _failure(field, message, value)
            break
    if not isinstance(field, serializers.ListField) or value is None:
        return None
    found = {place: type_fault(field.child, one) for place, one in enumerate(value)}
    return {place: fault for place, fault in found.items() if fault} or None


def spelling_fault(field: Any, text: Any) -> Any:
    """Return what is wrong with the text of a form or query, in DRF's shape, or None.

    Numbers are written as in JSON, truth values are `true` and `false`. Nothing is no
    text of a field that has to have one; DRF takes it for a field left out.
    """
    if text == "" and isinstance(field, _TEXTS) and not field.allow_blank:
        message = "blank" if "blank" in field.error_messages else "invalid_choice"
        return _failure(field, message, text)
    fits = True
    if isinstance(field, serializers.BooleanField):
        fits = text in TRUTHS
    elif isinstance(field, serializers.IntegerField):
        fits = whole_number(text, least=-MAX_WHOLE, most=MAX_WHOLE) is not None
    return None if fits else _failure(field, "invalid", text)


def _failure(field: Any, message: str, value: Any) -> Any:
    try:
        field.fail(message, input=value, input_type=type(value).__name__, format="")
    except serializers.ValidationError as error:
        return error.detail


def _name_choices(field: Any) -> None:
    if isinstance(field, serializers.ChoiceField):
        words = ", ".join(str(word) for word in field.choices)
        field.error_messages["invalid_choice"] = f'"{{input}}" is none of: {words}.'


class AnswerSerializer(serializers.Serializer[Any]):
    """Writes an answer; fields in `absent_when_unknown` are left out when None."""

    absent_when_unknown: ClassVar[frozenset[str]] = frozenset()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return self.known(super().to_representation(instance))

    def known(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row without what is None and may be absent."""
        return {
            name: value
            for name, value in row.items()
            if value is not None or name not in self.absent_when_unknown
        }


class TimeField(serializers.DateTimeField):
    """RFC 3339 in UTC; documented as a plain string (the client keeps strings)."""


def validated(
    serializer: type[serializers.Serializer[Any]],
    request: Request,
    *,
    partial: bool = False,
) -> dict[str, Any]:
    """Return the request's body as the serializer reads it; raises 422."""
    reader = serializer(
        data=request.data, partial=partial, context={"request": request}
    )
    reader.is_valid(raise_exception=True)
    result: dict[str, Any] = reader.validated_data
    return result


def actor(request: Request) -> User | None:
    """Return the signed-in user, or None in open mode."""
    user: User | AbstractBaseUser | AnonymousUser | None = request.user
    return user if isinstance(user, User) else None
