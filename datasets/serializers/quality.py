"""Quality rules and what checks by them found."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from datasets.analytics.quality import KINDS, RuleKind
from datasets.states import QualityStatus, RuleSeverity
from mlops.core.fields import Text, Truth
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

RULE_KINDS = [(kind.value, kind.name) for kind in RuleKind]
KIND_HELP = "\n".join(
    f"* `{kind}`: {described.description}" for kind, described in KINDS.items()
)
PARAMETER_HELP = "By the kind:\n" + "\n".join(
    f"* `{kind}` `{parameter.name}`: {parameter.description}"
    f"{' Required.' if parameter.required else ''}"
    for kind, described in KINDS.items()
    for parameter in described.parameters
)


class QualityRuleCreateSerializer(StrictSerializer):
    kind = serializers.ChoiceField(RULE_KINDS, help_text=KIND_HELP)
    columns = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        required=False,
        max_length=8,
    )
    parameters = serializers.DictField(required=False, help_text=PARAMETER_HELP)
    severity = serializers.ChoiceField(RuleSeverity.choices, default=RuleSeverity.WARN)


class QualityRuleUpdateSerializer(StrictSerializer):
    parameters = serializers.DictField(required=False)
    severity = serializers.ChoiceField(RuleSeverity.choices, required=False)
    is_enabled = Truth(required=False)


class QualityRuleSuggestionSerializer(AnswerSerializer):
    kind = serializers.ChoiceField(RULE_KINDS)
    columns = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField()
    severity = serializers.ChoiceField(RuleSeverity.choices)


@extend_schema_serializer(component_name="QualityRuleResponse")
class QualityRuleSerializer(QualityRuleSuggestionSerializer):
    id = serializers.CharField()
    is_enabled = serializers.BooleanField()
    created_at = TimeField()


class QualityRuleResultSerializer(QualityRuleSuggestionSerializer):
    rule_id = serializers.CharField()
    passed = serializers.BooleanField(
        allow_null=True, help_text="Null: it could not be checked; see `message`."
    )
    message = serializers.CharField()
    observed = serializers.JSONField(allow_null=True)
    checked = serializers.IntegerField(allow_null=True, help_text="Rows.")
    violations = serializers.IntegerField(allow_null=True, help_text="Rows; exact.")
    share = serializers.FloatField(allow_null=True, help_text="Of the checked rows.")
    examples = serializers.ListField(child=serializers.DictField())


class QualityCheckRequestSerializer(StrictSerializer):
    version = Text(default="latest", max_length=80)


@extend_schema_serializer(component_name="QualityCheckResponse")
class QualityCheckSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"created_by"})

    id = serializers.CharField()
    version = serializers.IntegerField(source="version.number")
    status = serializers.ChoiceField(QualityStatus.choices)
    rule_count = serializers.IntegerField()
    failed_count = serializers.IntegerField(help_text="Broken rules that fail.")
    warned_count = serializers.IntegerField(help_text="Broken rules that warn.")
    results = QualityRuleResultSerializer(many=True)
    created_by = serializers.CharField(source="created_by.username", default=None)
    created_at = TimeField()
