"""The lineage graph on the wire."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from mlops.core.serializers import AnswerSerializer


class LineageGraphNodeSerializer(AnswerSerializer):
    key = serializers.CharField(help_text="How the edges call it.")
    kind = serializers.CharField(
        help_text="dataset, dataset_version, column, feature, experiment, run, "
        "logged_model, model_version, deployment, or model: a version that is not "
        "registered, whose use of a feature was recorded."
    )
    id = serializers.CharField(help_text="What the routes of its kind take.")
    name = serializers.CharField()


class LineageGraphEdgeSerializer(AnswerSerializer):
    """The target was made from the source."""

    source = serializers.CharField()  # type: ignore[assignment]  # a field's name, too
    target = serializers.CharField()
    relation = serializers.CharField()
    depth = serializers.IntegerField(help_text="Steps away from `of`.")


@extend_schema_serializer(component_name="LineageGraphResponse")
class LineageGraphSerializer(AnswerSerializer):
    of = LineageGraphNodeSerializer()
    nodes = LineageGraphNodeSerializer(many=True)
    edges = LineageGraphEdgeSerializer(many=True)
    is_truncated = serializers.BooleanField(
        help_text="Whether there are more edges than these."
    )
