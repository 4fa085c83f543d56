"""Drift checks of deployments on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from deployments.models import DriftCheck
from deployments.models.drift import LONGEST_S
from deployments.states import DriftSubject
from lifecycle.states import DriftSeverity
from mlops.core.fields import Text, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

MOST_COLUMNS = 2000


class DriftCheckCreateSerializer(StrictSerializer):
    """What to compare; nothing is needed."""

    window_s = Whole(
        required=False,
        min_value=60,
        max_value=LONGEST_S,
        help_text="Requests of the last so many seconds; else as the rule says.",
    )
    dataset_name = Text(
        required=False,
        max_length=200,
        help_text="Compare with this dataset, not with the run's training data.",
    )
    dataset_version = Text(
        required=False, max_length=100, help_text="A number or digest; else the latest."
    )
    columns = serializers.ListField(
        child=Text(max_length=255),
        required=False,
        max_length=MOST_COLUMNS,
        help_text="The training data's column of each input, in the model's order.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "dataset_version" in attrs and "dataset_name" not in attrs:
            raise serializers.ValidationError(
                {"dataset_version": ["It goes with dataset_name."]}
            )
        return attrs


class DriftFindingSerializer(AnswerSerializer):
    """The check of a column that went furthest beyond its bound."""

    column = serializers.CharField()
    check = serializers.CharField(
        help_text="psi, ks, js, cramers_v, missing or new_categories."
    )
    value = serializers.FloatField()
    threshold = serializers.FloatField(help_text="The bound that it went beyond.")
    severity = serializers.ChoiceField(choices=DriftSeverity.choices)


@extend_schema_serializer(component_name="DriftCheckResponse")
class DriftCheckSerializer(AnswerSerializer):
    """A comparison of training data with live requests or with newer data."""

    id = serializers.CharField()
    deployment_id = serializers.CharField()
    model_name = serializers.CharField(source="deployment.slot.model.name")
    version = serializers.CharField(source="deployment.model_version.version")
    subject = serializers.ChoiceField(choices=DriftSubject.choices)
    reference = serializers.SerializerMethodField(
        help_text="The training data as dataset:number; null when it was deleted."
    )
    current = serializers.SerializerMethodField(
        help_text="The newer data as dataset:number; null for live requests."
    )
    since = TimeField(allow_null=True)
    until = TimeField(allow_null=True)
    row_count = serializers.IntegerField(help_text="Rows on the newer side.")
    level = serializers.CharField(
        help_text="none, warning, drift or too_few_rows; empty with an error."
    )
    findings = DriftFindingSerializer(many=True)
    error = serializers.CharField(help_text="Why nothing could be compared, or empty.")
    created_at = TimeField()

    def get_reference(self, check: DriftCheck) -> str | None:
        return _label(check.reference)

    def get_current(self, check: DriftCheck) -> str | None:
        return _label(check.current)


@extend_schema_serializer(component_name="DriftCheckDetailResponse")
class DriftCheckDetailSerializer(DriftCheckSerializer):
    report = serializers.DictField(
        source="body", help_text="Per column: PSI, KS D, Jensen-Shannon, missing, bins."
    )
    event_ids = serializers.SerializerMethodField(
        help_text="The drift events that this check has noted."
    )

    def get_event_ids(self, check: DriftCheck) -> list[str]:
        return [str(pk) for pk in check.events.values_list("pk", flat=True)]


def _label(version: Any) -> str | None:
    return f"{version.dataset.name}:{version.number}" if version else None
