"""Stages and aliases of a model at a point in time, as REST shows them."""

from typing import Any

from rest_framework import serializers

from lifecycle.standings import PastStanding, RegistryChange, Standings
from lifecycle.times import stamp
from mlops.core.fields import Text, Whole
from mlops.core.serializers import AnswerSerializer, TimeField


class _StandingSerializer(AnswerSerializer):
    absent_when_unknown = frozenset({"changed_by"})

    version = Text()
    number = Whole()
    since = TimeField()
    changed_by = Text(required=False)

    def placed(self, standing: PastStanding, name: str) -> dict[str, Any]:
        return self.known(
            {
                "version": standing.version,
                "number": standing.number,
                name: standing.place,
                "since": stamp(standing.since),
                "changed_by": standing.changed_by,
            }
        )


class StageStandingSerializer(_StandingSerializer):
    stage = Text()

    def to_representation(self, instance: PastStanding) -> dict[str, Any]:
        return self.placed(instance, "stage")


class AliasStandingSerializer(_StandingSerializer):
    alias = Text()

    def to_representation(self, instance: PastStanding) -> dict[str, Any]:
        return self.placed(instance, "alias")


class ModelChangeSerializer(AnswerSerializer):
    absent_when_unknown = frozenset({"before", "after", "changed_by"})

    kind = serializers.ChoiceField(choices=["stage", "alias"])
    name = Text(help_text="The version that moved, or the alias.")
    before = Text(required=False, help_text="Stage, or number of the version.")
    after = Text(required=False, help_text="Absent when the alias was removed.")
    reason = Text()
    changed_by = Text(required=False)
    changed_at = TimeField()

    def to_representation(self, instance: RegistryChange) -> dict[str, Any]:
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


class ModelHistorySerializer(AnswerSerializer):
    model_name = Text()
    at = TimeField()
    stages = StageStandingSerializer(many=True)
    aliases = AliasStandingSerializer(many=True)
    changes = ModelChangeSerializer(
        many=True, help_text="Until then, newest first, 500."
    )

    def to_representation(self, instance: Standings) -> dict[str, Any]:
        return {
            "model_name": instance.model.name,
            "at": stamp(instance.at),
            "stages": StageStandingSerializer(instance.stages, many=True).data,
            "aliases": AliasStandingSerializer(instance.aliases, many=True).data,
            "changes": ModelChangeSerializer(instance.changes, many=True).data,
        }
