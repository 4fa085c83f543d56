"""Experiments over REST."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle import history, labels
from lifecycle.addresses import address
from lifecycle.filters import ExperimentFilter
from lifecycle.models import Experiment, Run
from lifecycle.serializers.experiment import (
    ExperimentCreateSerializer,
    ExperimentDetailSerializer,
    ExperimentSerializer,
    ExperimentUpdateSerializer,
)
from lifecycle.viewsets.base import TAGS, given
from mlops.core import names
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created


class ExperimentViewSet(ApiViewSet):
    permission_model = "lifecycle.experiment"
    serializer_class = ExperimentSerializer
    filterset_class = ExperimentFilter
    lookup_url_kwarg = "name"
    sort_fields = {
        "name": "name",
        "owner": "owner__username",
        "status": "status",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "duration": "latest_ms",
        "duration_seconds": "latest_ms",
    }

    def get_queryset(self) -> QuerySet[Experiment]:
        rows = Experiment.objects.alive().with_latest_run()
        people = rows.select_related("owner", "created_by")
        return people.prefetch_related("tags__key")

    def find_object(self) -> Experiment:
        return Experiment.objects.find(self.kwargs["name"], field="name")

    @extend_schema(
        operation_id="listExperiments", summary="List Experiments", tags=TAGS
    )
    def list(self, request: Request) -> Response:
        """Returns the experiments that meet all filters, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_shown(page or []))

    @extend_schema(
        operation_id="createExperiment",
        summary="Create Experiment",
        tags=TAGS,
        request=ExperimentCreateSerializer,
        responses={201: ExperimentSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes an experiment, which the caller owns; 409 where the name is taken."""
        body = validated(ExperimentCreateSerializer, request)
        experiment = Experiment.create(
            names.clean(body["name"], field="name"),
            by=actor(request),
            tags=labels.parse(body.get("tags", [])),
            **given(body, "description", "metadata"),
        )
        location = address("experiments", experiment.name)
        return created(_shown([experiment])[0], location=location)

    @extend_schema(
        operation_id="getExperiment",
        summary="Get Experiment",
        tags=TAGS,
        responses=ExperimentDetailSerializer,
    )
    def retrieve(self, request: Request, name: str) -> Response:
        """By name, by id, or by the id of one of its runs.

        Found by a run, it shows that run's metrics, parameters and times; else those
        of the newest one.
        """
        return Response(ExperimentDetailSerializer(history.of(self.get_object())).data)

    @extend_schema(
        operation_id="updateExperiment",
        summary="Update Experiment",
        tags=TAGS,
        request=ExperimentUpdateSerializer,
        responses=ExperimentSerializer,
    )
    def partial_update(self, request: Request, name: str) -> Response:
        """Replaces what is given. An archived experiment takes no runs."""
        body = validated(ExperimentUpdateSerializer, request)
        changes = given(body, "description", "status", "metadata")
        if body.get("tags") is not None:
            changes["tags"] = labels.parse(body["tags"])
        experiment = self.get_object()
        if changes:
            experiment.change(by=actor(request), **changes)
        fresh = self.get_queryset().get(pk=experiment.pk)
        if experiment.asked_run is not None:
            run = Run.objects.find(experiment.asked_run)
            fresh.latest_run_id = run.pk
        return Response(_shown([fresh])[0])


def _shown(experiments: list[Experiment]) -> list[dict[str, Any]]:
    latest = Run.objects.latest_of(experiments)
    rows = ExperimentSerializer(experiments, many=True, context={"latest": latest})
    return list(rows.data)
