"""What a thing was made from, and what was made of it, over all apps."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.lineage import graph
from deployments.serializers.lineage import LineageGraphSerializer
from deployments.viewsets.base import DeploymentBase
from lifecycle.lineage import DEEPEST
from mlops.core.errors import BadQuery

DIRECTIONS = ("both", "upstream", "downstream")


class LineageGraphViewSet(DeploymentBase):
    action_permissions = {"graph": "view"}
    query_parameters = ("of", "direction", "depth")

    @extend_schema(
        operation_id="getLineage",
        summary="Get Lineage",
        tags=["Model Lifecycle", "ML"],
        parameters=[
            OpenApiParameter(
                "of",
                str,
                required=True,
                description="`kind:id`, such as `run:<run id>`, "
                "`model_version:<name>:<version>` or `column:<dataset>:<column>`: "
                "downstream of a column is what breaks if it goes.",
            ),
            OpenApiParameter("direction", enum=DIRECTIONS),
            OpenApiParameter(
                "depth", {"type": "integer", "minimum": 1, "maximum": DEEPEST}
            ),
        ],
        responses=LineageGraphSerializer,
    )
    def graph(self, request: Request) -> Response:
        """Returns what a thing is made of, and what is made of it, as a graph."""
        query = request.query_params
        direction = query.get("direction", "both")
        if direction not in DIRECTIONS:
            raise BadQuery(
                f"direction must be one of: {', '.join(DIRECTIONS)}.", field="direction"
            )
        found = graph(query.get("of", ""), direction, _depth(query.get("depth")))
        return Response(LineageGraphSerializer(found).data)


def _depth(text: str | None) -> int:
    if text is None:
        return DEEPEST
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(DEEPEST))
    if not plain or not 1 <= int(text) <= DEEPEST:
        raise BadQuery(f"depth must be between 1 and {DEEPEST}.", field="depth")
    return int(text)
