"""A small API over experiments: what every viewset shares is tested on it."""

import threading

from django.db import transaction
from django.urls import path
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from lifecycle.models import Experiment
from mlops.core.errors import AlreadyExists
from mlops.core.json import JSONParser
from mlops.core.routes import ApiRoute, mount
from mlops.core.serializers import StrictSerializer, actor, validated
from mlops.core.throttling import AnalyticsThrottle
from mlops.core.viewsets import ApiViewSet, created
from mlops.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]


class NoteBody(StrictSerializer):
    name = serializers.CharField(required=False)
    description = serializers.CharField(required=False)
    file = serializers.FileField(required=False)


def shown(note):
    return {"id": note.pk, "name": note.name, "description": note.description}


class NoteViewSet(ApiViewSet):
    permission_model = "lifecycle.experiment"
    queryset = Experiment.objects.all()
    parser_classes = [JSONParser, MultiPartParser]
    at_work = threading.Event()

    def list(self, request):
        return Response([shown(note) for note in self.get_queryset()])

    def create(self, request):
        body = validated(NoteBody, request)
        note = Experiment.objects.create(name=body["name"], owner=actor(request))
        if body["name"] == "fails after writing":
            raise AlreadyExists("Not this one.", field="name")
        if body["name"] == "crashes":
            raise RuntimeError("secret detail")
        return created(shown(note), location=f"/notes/{note.pk}")

    def retrieve(self, request, pk):
        return Response(shown(self.get_object()))

    def partial_update(self, request, pk):
        note = self.get_object()
        note.description = validated(NoteBody, request)["description"]
        note.save(update_fields=["description", "updated_at"])
        return Response(shown(note))


class OverwrittenNoteViewSet(NoteViewSet):
    """Another one writes between the end of the transaction and the answer."""

    def partial_update(self, request, pk):
        transaction.on_commit(type(self).overwrite)
        return super().partial_update(request, pk)


class SlowNoteViewSet(NoteViewSet):
    throttle_classes = [AnalyticsThrottle]


urlpatterns = [
    *mount(
        [
            ApiRoute("", NoteViewSet, {"get": "list", "post": "create"}),
            ApiRoute(
                "/<int:pk>",
                NoteViewSet,
                {"get": "retrieve", "patch": "partial_update"},
            ),
        ],
        "notes",
    ),
    path(
        "overwritten/<int:pk>",
        OverwrittenNoteViewSet.as_view({"patch": "partial_update"}),
    ),
    path("slow", SlowNoteViewSet.as_view({"get": "list"})),
]
