"""The lineage graph on the wire."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from mlops.core.serializers import AnswerSerializer


@extend_schema_serializer(component_name="LineageGraphNode")
class LineageNodeSerializer(AnswerSerializer):
    key = serializers.CharField(help_text="How the edges call it.")
    kind = serializers.CharField(
        help_text="dataset, dataset_version, column, feature, experiment, run, "
        "logged_model, model_version, deployment, or model: a version that is not "
        "registered, whose use of a feature was recorded."
    )
    id = serializers.CharField(help_text="What the routes of its kind take.")
    name = serializers.CharField()


@extend_schema_serializer(component_name="LineageGraphEdge")
class LineageEdgeSerializer(AnswerSerializer):
    """The target was made from the source."""

    source = serializers.CharField()  # type: ignore[assignment]  # a field's name, too
    target = serializers.CharField()
    relation = serializers.CharField()
    depth = serializers.IntegerField(help_text="Steps away from `of`.")


@extend_schema_serializer(component_name="LineageGraphResponse")
class LineageGraphSerializer(AnswerSerializer):
    of = LineageNodeSerializer()
    nodes = LineageNodeSerializer(many=True)
    edges = LineageEdgeSerializer(many=True)
    is_truncated = serializers.BooleanField(
        help_text="Whether there are more edges than these."
    )
