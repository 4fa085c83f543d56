"""The rows behind the pages, listed as they are: searched, filtered, never changed."""

from django.contrib import admin
from django.db.models import Model

from lifecycle import models
from mlops.core.admin import ReadOnly

Names = tuple[str, ...]

# Model, columns, columns to follow in the same query, columns to search.
_RECORDS: list[
    tuple[type[Model], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
] = [
    (models.Key, ("name",), (), ("name",)),
    (
        models.MetricPoint,
        ("run", "key", "dataset", "step", "value", "is_nan"),
        ("run", "key"),
        ("run__uid", "key__name"),
    ),
    (
        models.LatestMetric,
        ("run", "key", "dataset", "step", "value", "is_nan"),
        ("run", "key"),
        ("run__uid", "key__name"),
    ),
    (
        models.MetricCurve,
        ("run", "key", "dataset", "axis", "settled", "shift"),
        ("run", "key"),
        ("run__uid", "key__name"),
    ),
    (models.Param, ("run", "key", "value"), ("run", "key"), ("run__uid", "key__name")),
    (models.RunTag, ("run", "key", "value"), ("run", "key"), ("run__uid", "key__name")),
    (
        models.ExperimentTag,
        ("experiment", "key", "value"),
        ("experiment", "key"),
        ("experiment__name", "key__name"),
    ),
    (
        models.InputDataset,
        ("name", "digest", "experiment", "version"),
        ("experiment", "version__dataset"),
        ("name", "digest"),
    ),
    (
        models.RunInput,
        ("run", "dataset", "tags"),
        ("run", "dataset"),
        ("run__uid", "dataset__name"),
    ),
    (models.TraceSpans, ("trace",), ("trace",), ("trace__id",)),
    (models.TraceLink, ("trace", "run"), ("trace", "run"), ("trace__id", "run__uid")),
    (
        models.Assessment,
        ("trace", "name", "kind", "content", "source_type", "is_valid"),
        ("trace",),
        ("trace__id", "name", "rationale"),
    ),
    (models.RunModelInput, ("run", "model"), ("run", "model"), ("run__uid",)),
    (models.RunOutput, ("run", "model", "step"), ("run", "model"), ("run__uid",)),
    (models.LoggedModelTag, ("model", "key", "value"), ("model",), ("key", "value")),
    (models.LoggedModelParam, ("model", "key", "value"), ("model",), ("key",)),
    (
        models.LoggedModelMetric,
        ("model", "run", "key", "step", "value"),
        ("model", "run"),
        ("key",),
    ),
    (
        models.RegisteredModelTag,
        ("model", "key", "value"),
        ("model",),
        ("model__name", "key"),
    ),
    (
        models.ModelAlias,
        ("alias", "model", "version"),
        ("model", "version__model"),
        ("alias", "model__name"),
    ),
    (
        models.AliasChange,
        ("changed_at", "model", "alias", "from_number", "to_number", "changed_by"),
        ("model", "changed_by"),
        ("alias", "model__name"),
    ),
    (
        models.ModelVersionTag,
        ("version", "key", "value"),
        ("version__model",),
        ("version__model__name", "key"),
    ),
    (
        models.VersionMetric,
        ("version", "name", "value", "dataset"),
        ("version__model",),
        ("version__model__name", "name"),
    ),
    (
        models.ChecklistItem,
        ("version", "name", "status", "completed_at"),
        ("version__model",),
        ("version__model__name", "name"),
    ),
    (
        models.StageChange,
        ("changed_at", "version", "from_stage", "to_stage", "changed_by", "reason"),
        ("version__model", "changed_by"),
        ("version__model__name", "reason"),
    ),
]


def register_records() -> None:
    """Register a read-only page for every model that has none of its own."""
    for model, columns, followed, searched in _RECORDS:
        page = type(
            f"{model.__name__}Admin",
            (ReadOnly,),
            {
                "list_display": columns,
                "list_select_related": followed,
                "search_fields": searched,
                "list_filter": _filters(model, columns),
                "show_full_result_count": False,
            },
        )
        admin.site.register(model, page)


def _filters(model: type[Model], columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns with few values: choices and truth values."""
    fields = [model._meta.get_field(name) for name in columns]  # noqa: SLF001 - Django's public name
    return tuple(
        field.name
        for field in fields
        if getattr(field, "choices", None)
        or field.get_internal_type() == "BooleanField"
    )
