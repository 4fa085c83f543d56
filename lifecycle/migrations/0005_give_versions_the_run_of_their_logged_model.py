from django.db import migrations
from django.db.models import Q

BATCH = 500


def give_runs(apps, schema_editor):
    """Fill in what registering does now: the run, and its metrics of that moment."""
    versions = apps.get_model("lifecycle", "ModelVersion").objects
    logged = Q(logged_model__source_run__isnull=False)
    labelled = ~Q(logged_model__source_run_label="")
    found = (
        versions.filter(logged | labelled, run=None, run_label="")
        .exclude(logged_model=None)
        .select_related("logged_model")
        .order_by("pk")
    )
    for version in found.iterator(chunk_size=BATCH):
        made_by = version.logged_model.source_run_id
        label = "" if made_by else version.logged_model.source_run_label
        versions.filter(pk=version.pk).update(run_id=made_by, run_label=label)
        if made_by and not version.metrics.exists():
            _copy_metrics(apps, version, made_by)


def _copy_metrics(apps, version, run):
    """Copy each metric's newest value that the version could have had."""
    metric = apps.get_model("lifecycle", "VersionMetric")
    points = apps.get_model("lifecycle", "MetricPoint").objects.filter(run_id=run)
    latest = apps.get_model("lifecycle", "LatestMetric").objects.filter(run_id=run)
    registered_ms = int(version.created_at.timestamp() * 1000)
    figures = []
    for newest in latest.select_related("key").order_by("key__name", "dataset"):
        point = newest
        if newest.timestamp_ms > registered_ms:
            point = (
                points.filter(
                    key_id=newest.key_id,
                    dataset=newest.dataset,
                    timestamp_ms__lte=registered_ms,
                )
                .order_by("-step", "-timestamp_ms", "-value")
                .first()
            )
        # An infinity less itself is no 0.
        if point is None or point.is_nan or point.value - point.value != 0:
            continue
        figures.append(
            metric(
                version=version,
                name=newest.key.name,
                value=point.value,
                dataset=newest.dataset or None,
            )
        )
    metric.objects.bulk_create(figures)


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0004_list_and_count_runs")]

    # Backwards there is nothing to do: a version may have had its run before, too.
    operations = [migrations.RunPython(give_runs, migrations.RunPython.noop)]
