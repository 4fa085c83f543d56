"""Where a model's versions and aliases stood, as REST shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle.standings import Change, Standing, Standings
from lifecycle.times import stamp
from mlops.core.fields import Text, Whole
from mlops.core.serializers import AnswerSerializer, TimeField


class _Placed(AnswerSerializer):
    absent_when_unknown = frozenset({"changed_by"})

    version = Text()
    number = Whole()
    since = TimeField()
    changed_by = Text(required=False)

    def placed(self, standing: Standing, name: str) -> dict[str, Any]:
        return self.known(
            {
                "version": standing.version,
                "number": standing.number,
                name: standing.place,
                "since": stamp(standing.since),
                "changed_by": standing.changed_by,
            }
        )


@extend_schema_serializer(component_name="StageStanding")
class StageStandingAnswer(_Placed):
    stage = Text()

    def to_representation(self, instance: Standing) -> dict[str, Any]:
        return self.placed(instance, "stage")


@extend_schema_serializer(component_name="AliasStanding")
class AliasStandingAnswer(_Placed):
    alias = Text()

    def to_representation(self, instance: Standing) -> dict[str, Any]:
        return self.placed(instance, "alias")


@extend_schema_serializer(component_name="ModelChange")
class ChangeAnswer(AnswerSerializer):
    absent_when_unknown = frozenset({"before", "after", "changed_by"})

    kind = serializers.ChoiceField(choices=["stage", "alias"])
    name = Text(help_text="The version that moved, or the alias.")
    before = Text(required=False, help_text="Stage, or number of the version.")
    after = Text(required=False, help_text="Absent when the alias was removed.")
    reason = Text()
    changed_by = Text(required=False)
    changed_at = TimeField()

    def to_representation(self, instance: Change) -> dict[str, Any]:
        return self.known(
            {
                "kind": instance.kind,
                "name": instance.name,
                "before": instance.before,
                "after": instance.after,
                "reason": instance.reason,
                "changed_by": instance.changed_by,
                "changed_at": stamp(instance.changed_at),
            }
        )


@extend_schema_serializer(component_name="ModelHistory")
class StandingsAnswer(AnswerSerializer):
    model_name = Text()
    at = TimeField()
    stages = StageStandingAnswer(many=True)
    aliases = AliasStandingAnswer(many=True)
    changes = ChangeAnswer(many=True, help_text="Until then, newest first, 500.")

    def to_representation(self, instance: Standings) -> dict[str, Any]:
        return {
            "model_name": instance.model.name,
            "at": stamp(instance.at),
            "stages": StageStandingAnswer(instance.stages, many=True).data,
            "aliases": AliasStandingAnswer(instance.aliases, many=True).data,
            "changes": ChangeAnswer(instance.changes, many=True).data,
        }
