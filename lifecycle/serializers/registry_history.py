"""Stages and aliases of a model at a point in time, as REST shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle.registry_history import PastAssignment, RegistryChange, RegistrySnapshot
from lifecycle.times import stamp
from mlops.core.fields import Text, Whole
from mlops.core.serializers import AnswerSerializer, TimeField


class _AssignmentSerializer(AnswerSerializer):
    absent_when_unknown = frozenset({"changed_by"})

    version = Text()
    number = Whole()
    since = TimeField()
    changed_by = Text(required=False)

    def shown(self, assigned: PastAssignment, name: str) -> dict[str, Any]:
        return self.known(
            {
                "version": assigned.version,
                "number": assigned.number,
                name: assigned.to,
                "since": stamp(assigned.since),
                "changed_by": assigned.changed_by,
            }
        )


@extend_schema_serializer(component_name="StageStanding")
class StageAssignmentSerializer(_AssignmentSerializer):
    stage = Text()

    def to_representation(self, instance: PastAssignment) -> dict[str, Any]:
        return self.shown(instance, "stage")


@extend_schema_serializer(component_name="AliasStanding")
class AliasAssignmentSerializer(_AssignmentSerializer):
    alias = Text()

    def to_representation(self, instance: PastAssignment) -> dict[str, Any]:
        return self.shown(instance, "alias")


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
    stages = StageAssignmentSerializer(many=True)
    aliases = AliasAssignmentSerializer(many=True)
    changes = ModelChangeSerializer(
        many=True, help_text="Until then, newest first, 500."
    )

    def to_representation(self, instance: RegistrySnapshot) -> dict[str, Any]:
        return {
            "model_name": instance.model.name,
            "at": stamp(instance.at),
            "stages": StageAssignmentSerializer(instance.stages, many=True).data,
            "aliases": AliasAssignmentSerializer(instance.aliases, many=True).data,
            "changes": ModelChangeSerializer(instance.changes, many=True).data,
        }
