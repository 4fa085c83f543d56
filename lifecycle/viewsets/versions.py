"""Model versions over REST."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle import labels
from lifecycle.addresses import address
from lifecycle.filters import ModelVersionFilter
from lifecycle.models import ModelVersion, RegisteredModel, Run, servable
from lifecycle.models.comparison import compare
from lifecycle.models.version import VersionChanges
from lifecycle.paths import label_uri
from lifecycle.serializers.comparison import (
    ModelComparisonRequestSerializer,
    ModelComparisonSerializer,
)
from lifecycle.serializers.parts import checks, figures
from lifecycle.serializers.version import (
    ModelVersionCreateSerializer,
    ModelVersionDetailSerializer,
    ModelVersionSerializer,
    ModelVersionUpdateSerializer,
)
from lifecycle.states import ModelStage
from lifecycle.viewsets.base import TAGS, given
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created


class ModelVersionViewSet(ApiViewSet):
    permission_model = "lifecycle.modelversion"
    # Each field of a PATCH needs a permission of its own.
    action_permissions = {"partial_update": "view"}
    field_permissions = {
        "checklist": "change",
        "stage": "lifecycle.promote_modelversion",
        "approved_by": "lifecycle.approve_modelversion",
    }
    serializer_class = ModelVersionSerializer
    filterset_class = ModelVersionFilter
    sort_fields = {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "model_name": "model__name",
        "name": "model__name",
        "version": "number",
        "number": "number",
        "stage": "stage",
        "accuracy": "accuracy",
    }

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return ModelVersion.objects.without_prompts().with_parts().with_accuracy()

    def find_object(self) -> ModelVersion:
        return ModelVersion.objects.labelled(
            self.kwargs["model_name"], self.kwargs["version"]
        )

    @extend_schema(
        operation_id="listModelVersions", summary="List Model Versions", tags=TAGS
    )
    def list(self, request: Request) -> Response:
        """Returns the versions of models that meet all filters, newest first.

        MLflow's prompts are no models.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_shown(page or []))

    @extend_schema(
        operation_id="registerModelVersion",
        summary="Register Model Version",
        tags=TAGS,
        request=ModelVersionCreateSerializer,
        responses={201: ModelVersionSerializer},
    )
    def create(self, request: Request) -> Response:
        """Registers a version of a run's model; a new name makes the model."""
        body = validated(ModelVersionCreateSerializer, request)
        details: dict[str, Any] = given(
            body, "stage", "framework", "description", "hyperparameters"
        )
        if details.get("stage", ModelStage.EXPERIMENTAL) != ModelStage.EXPERIMENTAL:
            self.require_fields(["stage"])
        if path := body.get("artifact_path"):
            details["artifact_path"] = label_uri(path, field="artifact_path")
        if "metrics" in body:
            details["metrics"] = figures(body["metrics"])
        version = ModelVersion.register(
            body["model_name"],
            by=actor(request),
            version=body["version"],
            run=Run.objects.find(body["run_id"]),
            checklist=checks(body.get("approval_checklist", [])),
            tags=labels.parse(body.get("tags", [])),
            **details,
        )
        fresh = ModelVersion.objects.with_parts().get(pk=version.pk)
        location = address("models", fresh.model.name, fresh.version)
        return created(_shown([fresh])[0], location=location)

    @extend_schema(
        operation_id="getModelVersion",
        summary="Get Model Version",
        tags=TAGS,
        responses=ModelVersionDetailSerializer,
    )
    def retrieve(self, request: Request, model_name: str, version: str) -> Response:
        """Returns a version by the name of its model and its own."""
        return Response(ModelVersionDetailSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="updateModelVersion",
        summary="Update Model Version",
        tags=TAGS,
        request=ModelVersionUpdateSerializer,
        responses=ModelVersionSerializer,
    )
    def partial_update(
        self, request: Request, model_name: str, version: str
    ) -> Response:
        """Sets the checklist, then approves, then moves to the stage; all or nothing.

        `approved_by` with any value means: the caller approves. That takes the
        permission to approve, and somebody other than the version's author.
        """
        body = validated(ModelVersionUpdateSerializer, request)
        fields = [name for name in self.field_permissions if body.get(name) is not None]
        self.require_fields(fields or ["checklist"])
        found: ModelVersion = self.get_object()
        found.revise(by=actor(request), **_changes(body))
        fresh = ModelVersion.objects.with_parts().get(pk=found.pk)
        return Response(_shown([fresh])[0])


class ModelViewSet(ApiViewSet):
    """A model by one text, and versions of one model side by side."""

    permission_model = "lifecycle.modelversion"
    action_permissions = {"compare": "view"}
    serializer_class = ModelVersionDetailSerializer

    def find_object(self) -> ModelVersion:
        return ModelVersion.objects.find(self.kwargs["model_id"])

    @extend_schema(
        operation_id="getModel",
        summary="Get Model",
        tags=TAGS,
        responses=ModelVersionDetailSerializer,
    )
    def retrieve(self, request: Request, model_id: str) -> Response:
        """By the id of a version, by `name:version` or by `name/version`."""
        return Response(ModelVersionDetailSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="compareModelVersions",
        summary="Compare Model Versions",
        tags=TAGS,
        request=ModelComparisonRequestSerializer,
        responses=ModelComparisonSerializer,
    )
    def compare(self, request: Request, model_name: str) -> Response:
        """The metrics of several versions, each metric with its value in each."""
        body = validated(ModelComparisonRequestSerializer, request)
        model = RegisteredModel.objects.find(model_name)
        shown = ModelComparisonSerializer(
            {"model_name": model.name, "comparisons": compare(model, body["versions"])}
        )
        return Response(shown.data)


def _shown(versions: list[ModelVersion]) -> list[dict[str, Any]]:
    pks = [version.pk for version in versions]
    counts = ModelVersion.objects.filter(pk__in=pks).deployment_counts()
    context = {"deployment_counts": counts, "frameworks": _frameworks(versions)}
    return list(ModelVersionSerializer(versions, many=True, context=context).data)


def _frameworks(versions: list[ModelVersion]) -> dict[uuid.UUID, str]:
    """Return what the files say of versions that no framework was written down for."""
    lacking = [version.artifact for version in versions if not version.framework]
    return servable.frameworks_of(filter(None, lacking))


def _changes(body: dict[str, Any]) -> VersionChanges:
    notes = body.get("approval_notes") or ""
    changes = VersionChanges(
        approve=body.get("approved_by") is not None,
        notes=notes,
        stage=body.get("stage"),
        reason=body.get("reason") or notes,
    )
    if body.get("checklist") is not None:
        changes["checklist"] = checks(body["checklist"])
    return changes
