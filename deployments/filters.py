"""What a list of deployments can be narrowed to."""

import django_filters
from django_filters import rest_framework as filters

from deployments.models import Deployment
from deployments.models.queries import DeploymentQuerySet
from deployments.models.watch import Watch
from deployments.states import Environment, Health, Status


class DeploymentFilter(filters.FilterSet):
    model_name = django_filters.CharFilter(field_name="slot__model__name")
    model_version = django_filters.CharFilter(field_name="model_version__version")
    environment = django_filters.ChoiceFilter(
        field_name="slot__environment", choices=Environment.choices
    )
    status = django_filters.ChoiceFilter(choices=Status.choices)
    health_status = django_filters.ChoiceFilter(
        method="of_health", choices=Health.choices
    )
    created_by = django_filters.CharFilter(field_name="created_by__username")

    def of_health(
        self, rows: DeploymentQuerySet, _name: str, health: str
    ) -> DeploymentQuerySet:
        return rows.with_health(health, is_watched=Watch.read().is_kept)

    class Meta:
        model = Deployment
        fields: tuple[str, ...] = ()
